"""Intervals of reports, in somebody's time zone. Pure.

Days, weeks and months begin at local midnight, whatever the clocks do; hours and their parts are counted from
it in time that passed, so that none overlap and none is missing when summer time begins or ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Final


class Interval(Enum):
    """How a report is divided. The values are how the API spells them."""

    TOTAL = "total"  # not at all
    QUARTER_HOUR = "15m"
    HALF_HOUR = "30m"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"  # from Monday (ISO 8601)
    MONTH = "1mo"


_LENGTHS: Final = {
    Interval.QUARTER_HOUR: timedelta(minutes=15),
    Interval.HALF_HOUR: timedelta(minutes=30),
    Interval.HOUR: timedelta(hours=1),
}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` up to `end`, which isn't part of it. Both UTC."""

    start: datetime
    end: datetime

    def __contains__(self, at: object) -> bool:
        return isinstance(at, datetime) and self.start <= at < self.end


ALWAYS: Final = Span(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def span_of(at: datetime, interval: Interval, zone: tzinfo) -> Span:
    """The interval that `at` falls into."""
    if interval is Interval.TOTAL:
        return ALWAYS
    day = at.astimezone(zone).date()
    match interval:
        case Interval.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Span(_midnight(monday, zone), _midnight(monday + timedelta(days=7), zone))
        case Interval.MONTH:
            first = day.replace(day=1)
            return Span(_midnight(first, zone), _midnight((first + timedelta(days=31)).replace(day=1), zone))
    whole = Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))
    if interval is Interval.DAY:
        return whole
    length = _LENGTHS[interval]
    start = whole.start + (at - whole.start) // length * length
    return Span(start, min(start + length, whole.end))


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Where summer time begins at midnight there is none; then the first moment of the day."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
