"""Holidays from an iCalendar file (RFC 5545): whole days, once or every year. Pure.

Of an event its first day, its last and `RRULE:FREQ=YEARLY` count; anything else that repeats is a fault,
because a holiday that is silently missed is found by the customers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

MAX_DAYS: Final = 10_000
_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T\d{6}Z?)?")


class IcsError(ValueError):
    """What is wrong, and in which line (from 1)."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(slots=True)
class IcsHolidays:
    days: set[date] = field(default_factory=set)
    yearly: set[tuple[int, int]] = field(default_factory=set)


def parse_ics(text: str) -> IcsHolidays:
    """Every day of every event. Raises IcsError."""
    found = IcsHolidays()
    event: dict[str, str] | None = None
    lines = _unfolded(text)
    if not lines or lines[0][1].strip().upper() != "BEGIN:VCALENDAR":
        raise IcsError(1, "isn't an iCalendar file: it doesn't begin with BEGIN:VCALENDAR")
    for number, line in lines:
        name, _, value = line.partition(":")
        name = name.partition(";")[0].upper()
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            event = {}
        elif (name, value.upper()) == ("END", "VEVENT") and event is not None:
            _add(found, event, number)
            event = None
        elif event is not None:
            event[name] = value.strip()
    return found


def _unfolded(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers. RFC 5545 §3.1: a line that begins with white space goes on with the last."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] = (lines[-1][0], lines[-1][1] + line[1:])
        elif line:
            lines.append((number, line))
    return lines


def _add(found: IcsHolidays, event: dict[str, str], line: int) -> None:
    first = _day(event.get("DTSTART", ""), line)
    # RFC 5545 §3.6.1: the end is excluded; without one, an all-day event has one day.
    after = _day(event["DTEND"], line) if "DTEND" in event else first + timedelta(days=1)
    days = {first + timedelta(days=n) for n in range(min(max((after - first).days, 1), 367))}
    rule = event.get("RRULE", "").upper()
    if not rule:
        found.days |= days
    elif rule.partition(";")[0] == "FREQ=YEARLY" and "BY" not in rule:
        found.yearly |= {(day.month, day.day) for day in days}
    else:
        raise IcsError(line, f"'RRULE:{rule}' isn't understood; only yearly events on the same date are")
    if len(found.days) > MAX_DAYS:
        raise IcsError(line, f"more than {MAX_DAYS:,} days")


def _day(text: str, line: int) -> date:
    parsed = _DATE.fullmatch(text)
    try:
        return date(*(int(part) for part in parsed.groups())) if parsed else date.fromisoformat("")
    except ValueError:
        raise IcsError(line, f"'{text[:20]}' isn't a date") from None
