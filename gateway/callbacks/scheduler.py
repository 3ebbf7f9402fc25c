"""When somebody may be called, and which times can be chosen. Pure.

The customer's clock decides, not ours: hours are local times in every time zone in which the number may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MINUTES_A_DAY: Final = 24 * 60
_MINUTE: Final = timedelta(minutes=1)
_AHEAD_DAYS: Final = 3
"""A day's first opening is at most a day and a change of the clock away, in whatever zone."""

Span = tuple[int, int]
"""From minute to minute of a day, the second one excluded."""


@dataclass(frozen=True, slots=True)
class CallingHours:
    """When customers are called, on their own clock, every day; without spans at any time."""

    spans: tuple[Span, ...] = ()

    def allow(self, local: datetime) -> bool:
        """Whether it is a time to call; `local` is the customer's clock."""
        minute = local.hour * 60 + local.minute
        return not self.spans or any(start <= minute < end for start, end in self.spans)


DAYTIME: Final = CallingHours(((8 * 60, 21 * 60),))


def may_call(at: datetime, zones: Sequence[str], hours: CallingHours) -> bool:
    """Whether `at` is within the hours in all of `zones`; with no zone it always is."""
    return all(hours.allow(at.astimezone(ZoneInfo(zone))) for zone in zones)


def earliest(at: datetime, zones: Sequence[str], hours: CallingHours) -> datetime:
    """The first moment from `at` (aware) on at which all of `zones` may be called.

    A number whose zones never have an hour in common is called by the first zone's clock.
    """
    at = at.astimezone(UTC)
    if may_call(at, zones, hours):
        return at
    # The common hours begin where those of one zone do.
    openings = sorted({opening for zone in zones for opening in _openings(at, ZoneInfo(zone), hours)})
    found = next((moment for moment in openings if may_call(moment, zones, hours)), None)
    return found if found is not None else earliest(at, zones[:1], hours)


def _openings(at: datetime, zone: ZoneInfo, hours: CallingHours) -> Iterator[datetime]:
    today = at.astimezone(zone).date()
    for day in range(_AHEAD_DAYS):
        for start, _ in hours.spans:
            opening = _begin(today + timedelta(days=day), start, zone, hours)
            if opening is not None and opening > at:
                yield opening


def _begin(day: date, minute: int, zone: ZoneInfo, hours: CallingHours) -> datetime | None:
    """When the clock of `zone` shows `minute` of `day` for the first time, or, where it is put forward over
    it, the first moment after that; None when the whole span is skipped.
    """
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
    first, last = sorted((local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)))
    moment = first
    while moment <= last:
        if hours.allow(moment.astimezone(zone)):
            return moment
        moment += _MINUTE
    return None


# Slots


@dataclass(frozen=True, slots=True)
class Slot:
    """A time to be called that can be chosen. `free`: how many more callbacks it takes."""

    start: datetime
    end: datetime
    free: int


def slots(
    now: datetime,
    *,
    length: timedelta,
    capacity: int,
    days: int,
    is_open: Callable[[datetime], bool],
    taken: Mapping[datetime, int],
) -> Iterator[Slot]:
    """The slots from `now` on that aren't full, in order: whole ones within the opening hours.

    They begin at multiples of `length` since the epoch, so they don't move when they are asked for again.
    `taken`: callbacks by the beginning of their slot.
    """
    end = now + timedelta(days=days)
    start = slot_at(now, length)
    start = start if start >= now else start + length
    while start < end:
        free = capacity - taken.get(start, 0)
        if free > 0 and _open_throughout(start, start + length, is_open):
            yield Slot(start, start + length, free)
        start += length


def slot_at(at: datetime, length: timedelta) -> datetime:
    """The beginning of the slot in which `at` is."""
    since_epoch = at.astimezone(UTC).timestamp()
    return datetime.fromtimestamp(since_epoch - since_epoch % length.total_seconds(), UTC)


def _open_throughout(start: datetime, end: datetime, is_open: Callable[[datetime], bool]) -> bool:
    moment = start
    while moment < end:
        if not is_open(moment):
            return False
        moment += _MINUTE  # the finest that calendars know
    return True
