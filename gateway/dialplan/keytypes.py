"""What the keys of nodes can hold: for each sort of value how it is read, and its JSON Schema. Pure.

The loader, the schema and the guide's tables are made from the same `Key`s, so they can't disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.call.cause import Cause
from gateway.dialplan.answers import ANSWERS
from gateway.dialplan.documents import YamlList, YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.nodes import Assignments, Case, Escalation, MenuOption, MenuPhrase, Speech
from gateway.dialplan.phrases import PhraseError, said
from gateway.dialplan.places import Target
from gateway.dialplan.spoken import (
    PROMPT_SCHEMA,
    empty_wording,
    read_recorded,
    read_template,
    read_wording,
)
from gateway.dialplan.wording import Expression, Template, Wording

MAX_OPTION_KEYS: Final = 8
_KEYS: Final = re.compile(rf"[0-9*#A-D]{{1,{MAX_OPTION_KEYS}}}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")  # RFC 9110 §5.6.2, token

TEXT_SCHEMA: Final[dict[str, Any]] = {"type": ["string", "number", "boolean"]}
NAME_SCHEMA: Final[dict[str, Any]] = {"type": ["string", "number"], "minLength": 1}

Read = Callable[[Fields, str, tuple[str, ...]], Any]
"""From the keys of a node, the name of one, and the flow's languages, to what it holds."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a node: how it is read, what a schema says of it, what the guide says."""

    read: Read
    schema: Mapping[str, Any]
    meaning: str
    needed: bool = False


def wording(meaning: str) -> Key:
    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> Wording:
        value = fields.value(key)
        if value is None:
            fields.missing(key)
            return empty_wording(fields.at, languages[0])
        return read_wording(value, None if key == "menu" else key, fields, languages[0])

    return Key(read, PROMPT_SCHEMA, meaning, needed=True)


def recording(meaning: str) -> Key:
    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> Wording:
        value = fields.value(key)
        if isinstance(value, YamlMap) and all(isinstance(inner, YamlMap) for _, inner in value.entries):
            return read_wording(value, key, fields, languages[0])
        recorded = read_recorded(key, fields, languages[0])
        return Wording(recorded.at, dict.fromkeys(languages, recorded))

    return Key(read, {"anyOf": [{"type": "string"}, {"type": "object"}]}, meaning, needed=True)


def flag(meaning: str, *, default: bool) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> bool:
        return fields.flag(key, default)

    return Key(read, {"enum": [True, False, "yes", "no"], "default": default}, meaning)


def count(meaning: str, default: int, highest: int, lowest: int = 0, *, needed: bool = False) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> int:
        if needed and fields.value(key) is None:
            fields.missing(key)
        return fields.count(key, default, highest, lowest)

    return Key(read, {"type": "integer", "minimum": lowest, "maximum": highest}, meaning, needed)


def duration(meaning: str, default_s: float, lowest_s: float, highest_s: float) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> float:
        return fields.duration_s(key, default_s, lowest_s, highest_s)

    pattern = r"^\d+(\.\d+)?\s*(ms|s|m|h|d|)$"
    schema = {"type": ["string", "number"], "pattern": pattern, "default": f"{default_s:g}s"}
    return Key(read, schema, meaning)


def text(meaning: str, pattern: str, rule: str, default: str | None = None, *, needed: bool = False) -> Key:
    """A word of a fixed form. `rule` says the form in messages; a value of `none` is the empty word."""
    form = re.compile(pattern)

    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> str | None:
        value = fields.text(key)
        if value is None:
            if needed:
                fields.missing(key)
            return default
        if not form.fullmatch(value.text):
            fields.error(value.at, f"'{key}' is {rule}, not {describe(value)}")
            return default
        return "" if value.text == "none" else value.text

    return Key(read, {"type": ["string", "number"], "pattern": f"^(?:{pattern})$"}, meaning, needed)


def variable(meaning: str, *, needed: bool = False) -> Key:
    rule = "the name of a variable (letters, digits and _)"
    return text(meaning, r"[a-z][A-Za-z0-9_]{0,63}", rule, needed=needed)


def reference(meaning: str) -> Key:
    """The name of something else in the plan."""

    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> Target:
        return fields.target(key, "")

    return Key(read, NAME_SCHEMA, meaning, needed=True)


def expression(meaning: str, *, needed: bool = False) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> Expression | None:
        value = fields.text(key)
        if value is None and needed:
            fields.missing(key)
        return None if value is None else Expression(value.text, value.at)

    return Key(read, TEXT_SCHEMA, meaning, needed)


def template(meaning: str) -> Key:
    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> Template:
        value = fields.text(key)
        if value is None:
            if fields.value(key) is None:
                fields.missing(key)
            return Template((), languages[0], fields.at)
        return read_template(value, fields, languages[0])

    return Key(read, NAME_SCHEMA, meaning, needed=True)


def assignments(meaning: str, *, needed: bool = False) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> Assignments:
        if fields.value(key) is None and not needed:
            return ()
        return read_assignments(fields, key)

    return Key(read, {"type": "object", "additionalProperties": TEXT_SCHEMA}, meaning, needed)


def read_assignments(fields: Fields, key: str) -> Assignments:
    """A mapping of names to expressions."""
    found: list[tuple[str, Expression]] = []
    for name, value in fields.entries(key):
        if not re.fullmatch(r"[a-z][A-Za-z0-9_]{0,63}", name.text):
            problem = "isn't the name of a variable (letters, digits and _)"
            fields.error(name.at, f"'{shorten(name.text)}' {problem}")
        elif not isinstance(value, YamlText) or not value.text.strip():
            fields.error(value.at, f"'{name.text}' gets an expression, not {describe(value)}")
        else:
            found.append((name.text, Expression(value.text, value.at)))
    return tuple(found)


def headers(meaning: str) -> Key:
    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> tuple[tuple[str, Template], ...]:
        found: list[tuple[str, Template]] = []
        for name, value in fields.entries(key) if fields.value(key) is not None else ():
            if not _HEADER.fullmatch(name.text):
                fields.error(name.at, f"'{shorten(name.text)}' isn't the name of a header")
            elif not isinstance(value, YamlText) or "\n" in value.text.strip():
                fields.error(value.at, f"header '{name.text}' is one line of text, not {describe(value)}")
            else:
                found.append((name.text, read_template(value, fields, languages[0])))
        return tuple(found)

    return Key(read, {"type": "object", "additionalProperties": TEXT_SCHEMA}, meaning)


def secrets(meaning: str) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for name, value in fields.entries(key) if fields.value(key) is not None else ():
            if not _HEADER.fullmatch(name.text):
                fields.error(name.at, f"'{shorten(name.text)}' isn't the name of a header")
            elif not isinstance(value, YamlText) or not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", value.text):
                problem = "a secret is given by its name in the configuration, never by its value"
                fields.error(value.at, problem)
            else:
                found.append((name.text, value.text))
        return tuple(found)

    return Key(read, {"type": "object", "additionalProperties": {"type": "string"}}, meaning)


def cases(meaning: str) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> tuple[Case, ...]:
        found: list[Case] = []
        values = fields.one_or_more(key)
        if not values:
            fields.missing(key)
        for value in values:
            if not isinstance(value, YamlMap):
                fields.error(value.at, f"a case is a mapping with 'when' and 'next', not {describe(value)}")
                continue
            inner = Fields(value, "a case", fields.faults)
            when = inner.text("when")
            if when is None:
                inner.missing("when")
            target = inner.target("next", "")
            inner.done()
            if when is not None and target.node:
                found.append(Case(Expression(when.text, when.at), target))
        return tuple(found)

    item = {
        "type": "object",
        "properties": {"when": TEXT_SCHEMA, "next": NAME_SCHEMA},
        "required": ["when", "next"],
        "additionalProperties": False,
    }
    return Key(read, {"type": "array", "items": item, "minItems": 1}, meaning, needed=True)


def escalation(meaning: str) -> Key:
    """`say` and `next`; reads the prompts, and the exit beside them, as (Escalation, Target or None)."""

    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> tuple[Escalation, Target | None]:
        section = fields.section(key, f"'{key}'")
        if section is None:
            return Escalation(), None
        values = section.one_or_more("say")
        prompts = tuple(read_wording(value, None, section, languages[0]) for value in values)
        target = section.optional_target("next")
        section.done()
        return Escalation(prompts), target

    said = {"anyOf": [PROMPT_SCHEMA, {"type": "array", "items": PROMPT_SCHEMA}]}
    schema = {
        "type": "object",
        "properties": {"say": said, "next": NAME_SCHEMA},
        "additionalProperties": False,
    }
    return Key(read, schema, meaning)


def options(meaning: str) -> Key:
    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> tuple[MenuOption, ...]:
        # A menu of phrases alone needs no keys.
        if fields.value(key) is None and fields.value("phrases") is not None:
            return ()
        return tuple(_options(fields, key))

    schema = {
        "type": "object",
        "propertyNames": {"pattern": f"^{_KEYS.pattern}$"},
        "additionalProperties": NAME_SCHEMA,
        "minProperties": 1,
    }
    return Key(read, schema, meaning)


def _options(fields: Fields, key: str) -> list[MenuOption]:
    found: list[MenuOption] = []
    for name, value in fields.entries(key):
        if not _KEYS.fullmatch(name.text):
            rule = f"1 to {MAX_OPTION_KEYS} of 0-9, *, # and A-D"
            fields.error(name.at, f"'{shorten(name.text)}' can't be pressed ({rule})")
        elif not isinstance(value, YamlText) or value.absent:
            fields.error(value.at, f"key {name.text} leads to the name of a node, not {describe(value)}")
        else:
            found.append(MenuOption(name.text, Target(value.text, value.at), name.at))
    return found


def phrases(meaning: str) -> Key:
    """Node to what leads there: words, a list of them, or lists by language."""

    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> tuple[MenuPhrase, ...]:
        found: list[MenuPhrase] = []
        for name, value in fields.entries(key) if fields.value(key) is not None else ():
            target = Target(name.text, name.at)
            by_language = (
                [(language.text, inner) for language, inner in value.entries]
                if isinstance(value, YamlMap)
                else [(languages[0], value)]
            )
            for language, inner in by_language:
                found += _phrases_of(inner, language, target, fields)
        return tuple(found)

    return Key(read, {"type": "object"}, meaning)


def _phrases_of(value: YamlValue, language: str, target: Target, fields: Fields) -> list[MenuPhrase]:
    found: list[MenuPhrase] = []
    for item in value.items if isinstance(value, YamlList) else (value,):
        if isinstance(item, YamlText) and any(character.isalnum() for character in item.text):
            text = " ".join(item.text.split())
            try:
                found.append(MenuPhrase(text, language, target, item.at, said(text)))
            except PhraseError as error:
                fields.error(item.at, f"the phrase '{shorten(text)}' can't be said: {error}")
        else:
            fields.error(item.at, f"a phrase is words that somebody says, not {describe(item)}")
    return found


_KEPT: Final = ("transcript", "audio")


def speech(meaning: str, *, gathers: bool) -> Key:
    """How a node listens: a mapping; in a gather also the sort of answer alone, or true for digits."""

    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> Speech | None:
        value = fields.value(key)
        if value is None:
            return None if gathers else Speech()
        if isinstance(value, YamlMap):
            section = Fields(value, f"'{key}'", fields.faults)
            answer = section.text("answer") if gathers else None
            found = _speech(section, _answer(answer, fields) if answer is not None else "digits")
            section.done()
            return found
        if gathers and isinstance(value, YamlText):
            if value.text in ("true", "yes", "false", "no"):
                return Speech() if value.text in ("true", "yes") else None
            return Speech(answer=_answer(value, fields))
        wanted = f"a mapping, or one of {', '.join(ANSWERS)}" if gathers else "a mapping"
        fields.error(value.at, f"'{key}' is {wanted}, not {describe(value)}")
        return None if gathers else Speech()

    properties: dict[str, Any] = {
        "barge_in": {"type": ["boolean", "string", "number"]},
        "end_silence": {"type": ["string", "number"]},
        "confirm_below": {"type": "number", "minimum": 0, "maximum": 1},
        "reject_below": {"type": "number", "minimum": 0, "maximum": 1},
        "keep": {"anyOf": [{"enum": list(_KEPT)}, {"type": "array", "items": {"enum": list(_KEPT)}}]},
    }
    mapping: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if not gathers:
        return Key(read, mapping, meaning)
    properties["answer"] = {"enum": list(ANSWERS)}
    return Key(read, {"anyOf": [{"enum": [True, False, "yes", "no", *ANSWERS]}, mapping]}, meaning)


def _answer(value: YamlText, fields: Fields) -> str:
    if value.text not in ANSWERS:
        hint = suggest(value.text, ANSWERS)
        fields.error(value.at, f"'{shorten(value.text)}' is none of {', '.join(ANSWERS)}{hint}")
        return "digits"
    return value.text


def _speech(section: Fields, answer: str) -> Speech:
    usual = Speech()
    barge_in, after_s = _spoken_barge_in(section, usual)
    confirm = section.share("confirm_below", usual.confirm_below)
    reject = section.share("reject_below", min(usual.reject_below, confirm))
    if reject > confirm:
        section.error(section.place("reject_below"), "'reject_below' is more than 'confirm_below'")
    kept = section.one_or_more("keep")
    for item in kept:
        if not isinstance(item, YamlText) or item.text not in _KEPT:
            section.error(item.at, f"'keep' is {' or '.join(_KEPT)} or both, not {describe(item)}")
    return Speech(
        answer,
        barge_in,
        after_s,
        section.duration_s("end_silence", usual.end_silence_s, 0.3, 5.0),
        confirm,
        reject,
        tuple(item.text for item in kept if isinstance(item, YamlText)),
    )


def _spoken_barge_in(section: Fields, usual: Speech) -> tuple[bool, float]:
    """Whether speech ends the prompt, and after how much of it: a flag or a time."""
    value = section.value("barge_in")
    if isinstance(value, YamlText) and value.text in ("true", "false", "yes", "no"):
        return value.text in ("true", "yes"), usual.barge_in_after_s
    return True, section.duration_s("barge_in", usual.barge_in_after_s, 0.1, 2.0)


def cause(meaning: str) -> Key:
    """A cause by its Q.850 number or by its name in lower case."""
    names = {cause.name.lower(): cause for cause in Cause}
    numbers = {str(cause.value): cause for cause in Cause}

    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> Cause:
        value = fields.text(key)
        if value is None:
            return Cause.NORMAL_CLEARING
        found = names.get(value.text) or numbers.get(value.text)
        if found is None:
            hint = suggest(value.text, names)
            fields.error(value.at, f"'{shorten(value.text)}' isn't a cause of Q.850, by name or number{hint}")
            return Cause.NORMAL_CLEARING
        return found

    return Key(read, {"enum": [None, *names, *(cause.value for cause in Cause)]}, meaning)
