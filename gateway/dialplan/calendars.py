"""Opening hours: weekly hours in a time zone, days that differ, holidays, and somebody's word that overrides.

Pure: the time is an argument. Public holidays come from the `holidays` package, which computes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import holidays

from gateway.dialplan.places import Position, Target

MINUTES_A_DAY: Final = 24 * 60

Opening = Literal["open", "closed", "holiday"]
OPENINGS: Final[tuple[Opening, ...]] = ("open", "closed", "holiday")

Reason = Literal["hours", "day", "holiday", "override"]
"""What decided: the weekly hours, a day that differs, a holiday, or somebody's word."""

Span = tuple[int, int]
"""From minute to minute of a day, the second one excluded."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When somebody is there. `hours`: weekday (Monday is 0) to its spans. `days`: dates that differ from
    their weekday; one without spans is a holiday. `country`, `subdivision`: ISO 3166 codes of the public
    holidays that close it. `yearly`: (month, day) that close it each year.
    """

    name: str
    at: Position
    timezone: str = "UTC"
    hours: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    days: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    yearly: frozenset[tuple[int, int]] = frozenset()
    country: str | None = None
    subdivision: str | None = None
    holidays_at: Target | None = None

    def state(self, utc: datetime, overrides: Mapping[str, str] | None = None) -> Opening:
        """What the calendar says at `utc` (with a time zone). `overrides`: calendar name to a state."""
        return self.verdict(utc, overrides)[0]

    def verdict(self, utc: datetime, overrides: Mapping[str, str] | None = None) -> tuple[Opening, Reason]:
        """The state, and why."""
        override = (overrides or {}).get(self.name)
        for opening in OPENINGS:
            if override == opening:
                return opening, "override"
        local = utc.astimezone(ZoneInfo(self.timezone))
        minute = local.hour * 60 + local.minute
        today = local.date()
        reason: Reason = "hours"
        if today in self.days:
            spans, reason = self.days[today], "day"
            if not spans:
                return "holiday", reason
        elif (today.month, today.day) in self.yearly or self._public_holiday(today):
            return "holiday", "holiday"
        else:
            spans = self.hours.get(today.weekday(), ())
        return "open" if any(start <= minute < end for start, end in spans) else "closed", reason

    def _public_holiday(self, day: date) -> bool:
        return self.country is not None and day in public_holidays(self.country, self.subdivision, day.year)

    @property
    def opens(self) -> bool:
        """Whether there is any time at which it is open."""
        return any(self.hours.values()) or any(self.days.values())


@lru_cache(maxsize=256)
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The public holidays of a year. Raises NotImplementedError for a country or a part that isn't known."""
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


def utc_at(epoch_s: float) -> datetime:
    """The moment `epoch_s` seconds after 1970-01-01 UTC."""
    return datetime.fromtimestamp(epoch_s, UTC)
