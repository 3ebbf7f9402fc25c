"""Texts with `{{ expressions }}` in them: reading, checking, and filling them in a language. Pure.

A slot is `{{ expression }}` or `{{ expression | form option=value }}`. The forms are those of Unicode's CLDR
by way of Babel, written out so that a synthesiser reads them aloud as people say them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.core import get_locale_identifier, parse_locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent, is_currency

from gateway.dialplan.celsyntax import CelSyntaxError
from gateway.dialplan.celtypes import Scope, Type
from gateway.dialplan.expressions import ExpressionFailed, check_expression, evaluate
from gateway.dialplan.places import Position
from gateway.dialplan.wording import Expression, Recorded, Slot, Spoken, Template, Variant

MAX_FILLED: Final = 4_000
"""Characters of a text after filling; the rest is cut, because nobody listens for five minutes."""

# A brace in a text of the expression's own doesn't end the slot.
_SLOT: Final = re.compile(r"""\{\{((?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^"'{}]|\{(?!\{)|\}(?!\}))*)\}\}""")
_OPTION: Final = re.compile(r"""\s*([a-z]+)=("[^"]*"|'[^']*'|[^\s"']+)""")
_FORM: Final = re.compile(r"\s*([a-z]+)((?:\s+[a-z]+=(?:\"[^\"]*\"|'[^']*'|[^\s\"']+))*)\s*")
_PLURALS: Final = frozenset({"zero", "one", "two", "few", "many", "other"})
_NUMBERS: Final = ("int", "uint", "double", "dyn")
_PLAIN: Final = (*_NUMBERS, "string")


class TemplateError(ValueError):
    """What is wrong with a text."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is said. `types`: those it can say; `options`: those it knows, `needed` among them."""

    types: tuple[str, ...]
    say: Callable[[Any, Locale, Mapping[str, str]], str]
    options: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()


def _text(value: Any, locale: Locale, _options: Mapping[str, str]) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        raise TypeError("only texts and numbers can be said")
    return value if isinstance(value, str) else format_decimal(value, locale=locale)


def _number(value: Any, locale: Locale, _options: Mapping[str, str]) -> str:
    return format_decimal(float(value) if isinstance(value, str) else value, locale=locale)


def _digits(value: Any, _locale: Locale, _options: Mapping[str, str]) -> str:
    # One by one: "one two three", not "a hundred and twenty-three".
    return " ".join(str(value))


def _money(value: Any, locale: Locale, options: Mapping[str, str]) -> str:
    amount = float(value) if isinstance(value, str) else value
    return format_currency(amount, options["currency"], locale=locale, format_type="name")


def _percent(value: Any, locale: Locale, _options: Mapping[str, str]) -> str:
    return format_percent(float(value), locale=locale)


def _plural(value: Any, locale: Locale, options: Mapping[str, str]) -> str:
    number = float(value) if isinstance(value, str) else value
    word = options.get(locale.plural_form(abs(number)), options["other"])
    return f"{format_decimal(number, locale=locale)} {word}"


def _moment(value: Any, options: Mapping[str, str]) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise TypeError("not a time")
    zone = ZoneInfo(options.get("zone", "UTC"))
    return moment.astimezone(zone) if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _date(value: Any, locale: Locale, options: Mapping[str, str]) -> str:
    day: date = _moment(value, options).date()
    return format_date(day, "long", locale=locale)


def _time(value: Any, locale: Locale, options: Mapping[str, str]) -> str:
    # Of the day, already in its zone: Babel mustn't shift it again.
    return format_time(_moment(value, options).time(), "short", locale=locale)


_MOMENTS: Final = ("timestamp", "string", "dyn")

FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "text": Form(_PLAIN, _text),
        "number": Form(_PLAIN, _number),
        "digits": Form(_PLAIN, _digits),
        "money": Form(_PLAIN, _money, frozenset({"currency"}), frozenset({"currency"})),
        "percent": Form(_NUMBERS, _percent),
        "plural": Form(_PLAIN, _plural, _PLURALS, frozenset({"other"})),
        "date": Form(_MOMENTS, _date, frozenset({"zone"})),
        "time": Form(_MOMENTS, _time, frozenset({"zone"})),
    }
)


def parse_template(text: str, language: str, at: Position) -> Template:
    """`text` with its slots. Raises TemplateError."""
    parts: list[str | Slot] = []
    end = 0
    for found in _SLOT.finditer(text):
        if found.start() > end:
            parts.append(text[end : found.start()])
        parts.append(_slot(found[1], at))
        end = found.end()
    if end < len(text):
        parts.append(text[end:])
    if any(isinstance(part, str) and ("{{" in part or "}}" in part) for part in parts):
        raise TemplateError("{{ and }} come in pairs, with an expression between them")
    return Template(tuple(parts), language, at)


def parse_variant(text: str, language: str, at: Position) -> Spoken | Template:
    """A text as it is spoken: without slots it is known already. Raises TemplateError."""
    if "{{" not in text and "}}" not in text:
        return Spoken(text, language)
    return parse_template(text, language, at)


def _slot(inner: str, at: Position) -> Slot:
    source, pipe, rest = _split(inner)
    if not source:
        raise TemplateError("{{ }} has no expression")
    if not pipe:
        return Slot(Expression(source, at))
    form = _FORM.fullmatch(rest)
    if form is None:
        raise TemplateError(f"'{rest.strip()}' isn't a form, such as | money currency=EUR")
    options = {name: value.strip("\"'") for name, value in _OPTION.findall(form[2])}
    return Slot(Expression(source, at), form[1], options)


def _split(inner: str) -> tuple[str, bool, str]:
    """The expression and what follows its last single `|` that isn't in quotes."""
    quoted = ""
    for index in range(len(inner)):
        character = inner[index]
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        elif character == "|" and "|" not in (inner[index - 1 : index], inner[index + 1 : index + 2]):
            return inner[:index].strip(), True, inner[index + 1 :]
    return inner.strip(), False, ""


def check_template(template: Template, scope: Scope, *, spoken: bool = True) -> Iterator[str]:
    """What is wrong with the slots of a text. `spoken`: for people, so that a yes or no can't be said."""
    for slot in template.slots():
        try:
            found = check_expression(slot.expression.source, scope)
        except CelSyntaxError as error:
            yield f"in '{slot.expression.source}': {error}"
            continue
        if spoken:
            yield from _form_problems(slot, found)
        elif found.name not in _PLAIN:
            yield f"'{slot.expression.source}' is a {found}, not a string or a number"


def _form_problems(slot: Slot, found: Type) -> Iterator[str]:
    form = FORMS.get(slot.form)
    if form is None:
        yield f"there is no form '{slot.form}'; there are {', '.join(FORMS)}"
        return
    if found.name not in form.types:
        yield f"'{slot.expression.source}' is a {found}, which the form '{slot.form}' can't say"
    for name in sorted(slot.options.keys() - form.options):
        yield f"the form '{slot.form}' has no option '{name}'"
    for name in sorted(form.needed - slot.options.keys()):
        yield f"the form '{slot.form}' needs {name}=…"
    if "currency" in slot.options and not is_currency(slot.options["currency"]):
        yield f"'{slot.options['currency']}' isn't a currency of ISO 4217"
    if "zone" in slot.options and not is_zone(slot.options["zone"]):
        yield f"'{slot.options['zone']}' isn't a time zone, such as Europe/Berlin"


def is_zone(name: str) -> bool:
    """Whether the time zone database knows `name`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """Babel's locale for a BCP 47 tag; English for one it doesn't know."""
    # "cmn" is how synthesisers call Mandarin; CLDR's word for it is "zh".
    primary, _, rest = language.partition("-")
    tag = f"zh-{rest}".rstrip("-") if primary == "cmn" else language
    for candidate in (tag, tag.partition("-")[0]):
        try:
            return Locale.parse(get_locale_identifier(parse_locale(candidate, sep="-")))
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en")


def fill(variant: Variant, values: Mapping[str, Any]) -> Spoken | Recorded:
    """What is said. Raises ExpressionFailed."""
    if not isinstance(variant, Template):
        return variant
    locale = locale_of(variant.language)
    words = (part if isinstance(part, str) else _said(part, values, locale) for part in variant.parts)
    return Spoken(" ".join("".join(words).split())[:MAX_FILLED], variant.language)


def _said(slot: Slot, values: Mapping[str, Any], locale: Locale) -> str:
    value = evaluate(slot.expression.source, values)
    try:
        return FORMS[slot.form].say(value, locale, slot.options)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ExpressionFailed(slot.expression.source, f"can't be said as {slot.form}: {error}") from error


def plain(template: Template, values: Mapping[str, Any], *, url: bool = False) -> str:
    """A text for a machine: values as they are, or with `url` percent-encoded. Raises ExpressionFailed."""
    parts = []
    for part in template.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        value = evaluate(part.expression.source, values)
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise ExpressionFailed(part.expression.source, "is neither a string nor a number")
        parts.append(quote(str(value), safe="") if url else str(value))
    return "".join(parts)[:MAX_FILLED]
