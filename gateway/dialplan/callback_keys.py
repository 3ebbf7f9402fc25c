"""The `callback` of a queue, as it is written: how its callers are called back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import phonenumbers

from gateway.callbacks.numbers import NumberRules
from gateway.callbacks.policy import (
    DEFAULT,
    DEFAULT_GAPS_S,
    CallbackPolicy,
    DialOutcome,
    OnMachine,
    Slots,
)
from gateway.callbacks.scheduler import CallingHours, Span
from gateway.dialplan import keygroups as group
from gateway.dialplan import keytypes as key
from gateway.dialplan.documents import YamlList, YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.keytypes import NAME_SCHEMA, Key
from gateway.dialplan.phrases import PhraseError, said
from gateway.dialplan.queues import GREETING, MESSAGE, CallbackRules
from gateway.dialplan.spoken import LANGUAGE
from gateway.dialplan.wording import Wording

_DAY_S: Final = 86_400.0
_SPAN: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)")
_PATTERN: Final = re.compile(r"\+?[0-9*?]{1,32}")


def _hours(fields: Fields, name: str, _languages: tuple[str, ...]) -> CallingHours:
    """`always`, a span, or several."""
    values = fields.one_or_more(name)
    if not values:
        return DEFAULT.hours
    if len(values) == 1 and isinstance(values[0], YamlText) and values[0].text == "always":
        return CallingHours()
    spans: list[Span] = []
    for value in values:
        written = _SPAN.fullmatch(value.text) if isinstance(value, YamlText) else None
        span = (0, 0) if written is None else _minutes(written)
        if span[0] >= span[1] or span[1] > 24 * 60:
            fields.error(value.at, f"'{name}' is written as 08:00-21:00, or always, not {describe(value)}")
        else:
            spans.append(span)
    return CallingHours(tuple(sorted(spans)))


def _minutes(written: re.Match[str]) -> Span:
    return int(written[1]) * 60 + int(written[2]), int(written[3]) * 60 + int(written[4])


def _country(value: YamlText, fields: Fields) -> str:
    country = value.text.upper()
    if country in phonenumbers.SUPPORTED_REGIONS:
        return country
    hint = suggest(country, phonenumbers.SUPPORTED_REGIONS)
    fields.error(value.at, f"'{shorten(value.text)}' isn't a country, such as DE or JP{hint}")
    return ""


def _one_country(fields: Fields, name: str, _languages: tuple[str, ...]) -> str:
    value = fields.text(name)
    return "" if value is None or value.text == "none" else _country(value, fields)


def _countries(fields: Fields, name: str, _languages: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for value in fields.one_or_more(name):
        if isinstance(value, YamlText):
            found.add(_country(value, fields))
        else:
            fields.error(value.at, f"'{name}' is a list of countries, not {describe(value)}")
    return frozenset(found - {""})


def _destinations(fields: Fields, name: str, _languages: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for value in fields.one_or_more(name):
        if isinstance(value, YamlText) and _PATTERN.fullmatch(value.text):
            found.append(value.text)
        else:
            problem = f"'{name}' is patterns such as '+4930*' or '2??', not {describe(value)}"
            fields.error(value.at, problem)
    return tuple(found)


def _phrases(fields: Fields, name: str, languages: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Words, a list of them, or lists by language."""
    value = fields.value(name)
    if value is None:
        return {}
    by_language = (
        [(name.text, inner) for name, inner in value.entries]
        if isinstance(value, YamlMap)
        else [(languages[0], value)]
    )
    found: dict[str, tuple[str, ...]] = {}
    for language, inner in by_language:
        if not LANGUAGE.fullmatch(language):
            hint = "such as en or de-CH"
            fields.error(value.at, f"'{shorten(language)}' isn't a language tag, {hint}")
        items = inner.items if isinstance(inner, YamlList) else (inner,)
        found[language] = tuple(filter(None, (_phrase(item, fields) for item in items)))
    return MappingProxyType(found)


def _phrase(value: YamlValue, fields: Fields) -> str:
    if not isinstance(value, YamlText) or not any(character.isalnum() for character in value.text):
        fields.error(value.at, f"a phrase is words such as 'call me back', not {describe(value)}")
        return ""
    text = " ".join(value.text.split())
    try:
        said(text)
    except PhraseError as error:
        fields.error(value.at, f"the phrase '{shorten(text)}' can't be said: {error}")
    return text


_WORDS: Final[dict[str, Any]] = {"anyOf": [NAME_SCHEMA, {"type": "array", "items": NAME_SCHEMA}]}

GAP_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        outcome.value: key.duration(f"pause after a try that came out as {outcome.value}", gap_s, 1.0, _DAY_S)
        for outcome, gap_s in DEFAULT_GAPS_S.items()
    }
)

SLOT_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "calendar": group.needed(key.text("within whose opening hours", ".+", "the name of a calendar")),
        "length": key.duration("how long one is", 1800.0, 300.0, _DAY_S),
        "capacity": key.count("callbacks in one", 5, 10_000, 1),
        "days": key.count("how many days ahead", 7, 60, 1),
    }
)

KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "first": group.choice("who is dialled first: `agent_first` or `customer_first`", DEFAULT.first),
        "ring": key.duration("how long the customer's phone rings", DEFAULT.ring_s, 5.0, 120.0),
        "answer": key.duration(
            "customer first: how long they may take to press 1, greeting included",
            DEFAULT.answer_s, 5.0, 60.0,
        ),
        "attempts": key.count("tries in all", DEFAULT.attempts, 20, 1),
        "gaps": group.group("pauses before the next try, by how the last one came out", GAP_KEYS),
        "hours": Key(_hours, _WORDS, "when, on the customer's own clock: 08:00-21:00, a list, or always"),
        "country": Key(_one_country, NAME_SCHEMA, "whose national numbers are understood, such as DE"),
        "countries": Key(_countries, _WORDS, "the only countries that are called; all if left out"),
        "destinations": Key(
            _destinations, _WORDS, "the only numbers that are called, as patterns; extensions need one"
        ),
        "per_caller": key.count("requests of one caller a day; 0: no limit", DEFAULT.per_identity, 1_000),
        "per_number": key.count("requests for one number a day; 0: no limit", DEFAULT.per_number, 1_000),
        "slots": group.group("times that can be chosen", SLOT_KEYS, short="calendar"),
        "machine": group.choice(
            "customer first: when a machine answers, `hang_up` or leave the `message`; either way they are "
            "tried again",
            OnMachine.HANG_UP,
        ),
        "phrases": Key(
            _phrases,
            {"anyOf": [*_WORDS["anyOf"], {"type": "object"}]},
            "what asks for a callback while waiting, where speech is understood: words, a list, or lists by "
            "language",
        ),
        "greeting": group.said("customer first: what is said to them; it asks for key 1", GREETING),
        "message": group.said("what is left on a machine", MESSAGE),
    }
)  # fmt: skip
"""Every key of `callback`."""


def rules_of(found: Mapping[str, Any]) -> CallbackRules:
    """What `KEYS` read, as rules."""
    slots = found["slots"]
    gaps = found["gaps"]
    policy = CallbackPolicy(
        first=found["first"],
        ring_s=found["ring"],
        answer_s=found["answer"],
        attempts=found["attempts"],
        gaps_s=DEFAULT_GAPS_S if gaps is None else {DialOutcome(name): gap for name, gap in gaps.items()},
        hours=found["hours"],
        numbers=NumberRules(found["country"], found["countries"], found["destinations"]),
        per_identity=found["per_caller"],
        per_number=found["per_number"],
        slots=None if slots is None else _slots(slots),
        on_machine=found["machine"],
    )
    greeting, message = _said(found["greeting"], GREETING), _said(found["message"], MESSAGE)
    return CallbackRules(policy, greeting, message, found["phrases"])


def _slots(found: Mapping[str, Any]) -> Slots | None:
    calendar = found["calendar"]
    if calendar is None:  # a fault already
        return None
    return Slots(calendar, found["length"], found["capacity"], found["days"])


def _said(written: Wording | bool | None, shipped: Wording) -> Wording:
    return written if isinstance(written, Wording) else shipped
