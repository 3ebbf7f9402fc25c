"""The kinds of documents that aren't flows, as they are written: routes, calendars, catalogues, and names.

Each reader takes the document's keys and adds to what has been read. Faults go to the fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from gateway.dialplan.calendars import MINUTES_A_DAY, OPENINGS, Calendar, Span, public_holidays
from gateway.dialplan.dnis import DnisPattern
from gateway.dialplan.documents import YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.faults import Fault, suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.ics import IcsError, IcsHolidays, parse_ics
from gateway.dialplan.model import Flow
from gateway.dialplan.places import Position
from gateway.dialplan.queues import AgentDefinition, QueueDefinition
from gateway.dialplan.routes import TECHNOLOGIES, NumberList, Route
from gateway.dialplan.spoken import CATALOGUE_KEY, LANGUAGE, read_variant, stays_inside
from gateway.dialplan.surveys import SurveyDefinition
from gateway.dialplan.templates import is_zone
from gateway.dialplan.wording import Catalogue, Variant

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS: Final = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?")
_SPAN: Final = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?")

ReadText = Callable[[str], str]
"""The text of another file of the plan. Raises OSError or ValueError."""


def _unreadable(file: str) -> str:
    raise FileNotFoundError(2, "No such file", file)


@dataclass(slots=True)
class Sources:
    """What has been read so far. `read_text`: gives the text of a file of the plan that isn't YAML."""

    flows: dict[str, Flow] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    catalogues: dict[str, Catalogue] = field(default_factory=dict)
    queues: dict[str, QueueDefinition] = field(default_factory=dict)
    agents: dict[str, AgentDefinition] = field(default_factory=dict)
    surveys: dict[str, SurveyDefinition] = field(default_factory=dict)
    hosts: dict[str, Position] = field(default_factory=dict)
    ani_lists: dict[str, NumberList] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    read_text: ReadText = _unreadable


# Routes


def read_routes(fields: Fields, sources: Sources) -> None:
    for value in fields.one_or_more("routes"):
        if isinstance(value, YamlMap):
            route = _read_route(Fields(value, "a route", sources.faults))
            if route is not None:
                sources.routes.append(route)
        else:
            fields.error(value.at, f"a route is a mapping with 'dnis' and 'flow', not {describe(value)}")


def _read_route(fields: Fields) -> Route | None:
    dnis = fields.text("dnis")
    if dnis is None and fields.value("dnis") is None:
        fields.missing("dnis")
    flow = fields.target("flow", "")
    trunk = fields.text("trunk")
    technology = _one_of(fields, "technology", TECHNOLOGIES)
    callers = fields.optional_target("callers")
    calendar = fields.optional_target("calendar")
    during = _one_of(fields, "during", OPENINGS)
    if during is not None and calendar is None:
        fields.error(fields.place("during"), "'during' says a state of a 'calendar', which isn't given")
    answer = fields.optional_flag("answer")
    fields.done()
    if dnis is None or not flow.node:
        return None
    try:
        pattern = DnisPattern(dnis.text)
    except ValueError as error:
        fields.error(dnis.at, str(error))
        return None
    name = None if trunk is None else trunk.text
    return Route(pattern, flow, dnis.at, answer, name, technology, callers, calendar, during or "open")


def _one_of(fields: Fields, key: str, choices: tuple[str, ...]) -> str | None:
    text = fields.text(key)
    if text is None:
        return None
    if text.text not in choices:
        hint = suggest(text.text, choices)
        fields.error(text.at, f"'{key}' is one of {', '.join(choices)}, not {describe(text)}{hint}")
        return None
    return text.text


def read_ani_lists(fields: Fields, sources: Sources) -> None:
    for name, value in fields.entries("ani_lists"):
        inner = Fields(YamlMap(value.at, ((name, value),)), f"list '{name.text}'", sources.faults)
        exact: set[str] = set()
        patterns: list[DnisPattern] = []
        for item in inner.one_or_more(name.text):
            try:
                pattern = DnisPattern(item.text if isinstance(item, YamlText) else "")
            except ValueError as error:
                fields.error(item.at, str(error))
                continue
            if pattern.specificity.exact:
                exact.add(pattern.text)
            else:
                patterns.append(pattern)
        sources.ani_lists[name.text] = NumberList(name.at, frozenset(exact), tuple(patterns))


# Names


def read_hosts(fields: Fields, sources: Sources) -> None:
    for value in fields.one_or_more("hosts"):
        if not isinstance(value, YamlText) or not _HOST.fullmatch(value.text.lower()):
            problem = f"a host is a name or an address, maybe with a port, not {describe(value)}"
            fields.error(value.at, problem)
        else:
            sources.hosts.setdefault(value.text.lower(), value.at)


def host_of(url: str) -> str:
    """The host of a URL as `hosts` has it, with a port that isn't the scheme's own; "" when it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    ordinary = {"http": 80, "https": 443}.get(parts.scheme)
    return host if port is None or port == ordinary else f"{host}:{port}"


# Catalogues


def read_catalogue(fields: Fields, sources: Sources) -> None:
    language = fields.text("catalogue")
    if language is None or not LANGUAGE.fullmatch(language.text):
        fields.error(fields.place("catalogue"), "'catalogue' is a language tag, such as en, de-CH or zh")
        return
    fallback = tuple(v.text for v in fields.one_or_more("fallback") if isinstance(v, YamlText))
    known = sources.catalogues.get(language.text)
    entries: dict[str, Variant] = dict(known.entries) if known else {}
    places: dict[str, Position] = dict(known.places) if known else {}
    for name, value in fields.entries("texts"):
        if not CATALOGUE_KEY.fullmatch(name.text):
            fields.error(name.at, f"'{shorten(name.text)}' isn't a key of a catalogue, such as balance.told")
        elif name.text in entries:
            problem = f"'{name.text}' is in the catalogue of {language.text} already at {places[name.text]}"
            fields.error(name.at, problem)
        else:
            entries[name.text] = read_variant(value, fields, language.text)
            places[name.text] = name.at
    before = known.fallback if known else ()
    catalogue = Catalogue(language.text, language.at, entries, places, fallback or before)
    sources.catalogues[language.text] = catalogue


# Calendars


def read_calendars(fields: Fields, sources: Sources) -> None:
    for name, value in fields.entries("calendars"):
        fields.check_name(name)
        if not isinstance(value, YamlMap):
            fields.error(value.at, f"calendar '{name.text}' is a mapping, not {describe(value)}")
            continue
        if name.text in sources.calendars:
            known = sources.calendars[name.text].at
            fields.error(name.at, f"calendar '{name.text}' exists already at {known}")
        inner = Fields(value, f"calendar '{name.text}'", sources.faults)
        sources.calendars.setdefault(name.text, _calendar(name, inner, sources.read_text))
        inner.done()


def _calendar(name: YamlText, fields: Fields, read_text: ReadText) -> Calendar:
    zone = fields.text("timezone")
    if zone is None:
        fields.missing("timezone")
    elif not is_zone(zone.text):
        fields.error(zone.at, f"'{shorten(zone.text)}' isn't a time zone, such as Europe/Berlin")
        zone = None
    hours = _hours(fields)
    days = _days(fields)
    country, subdivision, ics = _holidays(fields, read_text)
    for day in ics.days:
        days.setdefault(day, ())
    at = fields.optional_target("holidays") if country else None
    return Calendar(
        name.text,
        name.at,
        zone.text if zone else "UTC",
        hours,
        days,
        frozenset(ics.yearly),
        country,
        subdivision,
        at,
    )


def _hours(fields: Fields) -> Mapping[int, tuple[Span, ...]]:
    """`mon-fri: 08:00-18:00`, or a list of spans; one that ends before it begins goes on the next day."""
    found: dict[int, list[Span]] = {}
    for name, value in fields.entries("hours"):
        spans = _spans(name.text, value, fields)
        for weekday in _weekdays(name, fields):
            for start, end in spans:
                if start < end:
                    found.setdefault(weekday, []).append((start, end))
                else:
                    found.setdefault(weekday, []).append((start, MINUTES_A_DAY))
                    found.setdefault((weekday + 1) % 7, []).append((0, end))
    return {weekday: tuple(spans) for weekday, spans in found.items()}


def _weekdays(name: YamlText, fields: Fields) -> tuple[int, ...]:
    written = _DAYS.fullmatch(name.text.lower())
    if written is None or not {written[1], written[2] or written[1]} <= set(WEEKDAYS):
        fields.error(name.at, f"'{shorten(name.text)}' isn't a day or a range of days, such as mon-fri")
        return ()
    first, last = WEEKDAYS.index(written[1]), WEEKDAYS.index(written[2] or written[1])
    return tuple(day % 7 for day in range(first, last + 1 if last >= first else last + 8))


def _spans(key: str, value: YamlValue, fields: Fields) -> tuple[Span, ...]:
    inner = Fields(YamlMap(value.at, ((YamlText(value.at, key, plain=True), value),)), key, fields.faults)
    spans: list[Span] = []
    for item in inner.one_or_more(key):
        written = _SPAN.fullmatch(item.text) if isinstance(item, YamlText) else None
        start, end = _minutes(written)
        if written is None or max(start, end) > MINUTES_A_DAY or start == end:
            fields.error(item.at, f"hours are written as 08:00-18:00, not {describe(item)}")
        else:
            spans.append((start, end))
    return tuple(spans)


def _minutes(written: re.Match[str] | None) -> Span:
    if written is None:
        return 0, 0
    return int(written[1]) * 60 + int(written[2]), int(written[3]) * 60 + int(written[4])


def _days(fields: Fields) -> dict[date, tuple[Span, ...]]:
    """`2026-12-24: 08:00-12:00`, or nothing for a day on which it is closed."""
    found: dict[date, tuple[Span, ...]] = {}
    for name, value in fields.entries("days") if fields.value("days") is not None else ():
        try:
            day = date.fromisoformat(name.text)
        except ValueError:
            fields.error(name.at, f"'{shorten(name.text)}' isn't a date, such as 2026-12-24")
            continue
        absent = isinstance(value, YamlText) and (value.absent or value.text == "closed")
        found[day] = () if absent else _spans(name.text, value, fields)
    return found


def _holidays(fields: Fields, read_text: ReadText) -> tuple[str | None, str | None, IcsHolidays]:
    """`holidays: DE`, `DE-BE` (ISO 3166), or the name of an .ics file of the plan."""
    text = fields.text("holidays")
    if text is None:
        return None, None, IcsHolidays()
    if text.text.endswith(".ics"):
        return None, None, _ics(text, fields, read_text)
    country, _, subdivision = text.text.partition("-")
    try:
        public_holidays(country, subdivision or None, 2026)
    except (NotImplementedError, KeyError, ValueError):
        problem = "isn't a country with known holidays, such as DE or DE-BE, nor an .ics file"
        fields.error(text.at, f"'{shorten(text.text)}' {problem}")
        return None, None, IcsHolidays()
    return country, subdivision or None, IcsHolidays()


def _ics(text: YamlText, fields: Fields, read_text: ReadText) -> IcsHolidays:
    if not stays_inside(text.text):
        fields.error(text.at, f"'{shorten(text.text)}' isn't a path inside the plan's directory")
        return IcsHolidays()
    try:
        return parse_ics(read_text(text.text))
    except IcsError as error:
        fields.faults.append(Fault(text.text, error.line, 1, Fault.error(text.at, "").severity, str(error)))
    except OSError as error:
        fields.error(text.at, f"'{text.text}' can't be read: {error.strerror or error}")
    except ValueError as error:
        fields.error(text.at, f"'{shorten(text.text)}' {error}")
    return IcsHolidays()
