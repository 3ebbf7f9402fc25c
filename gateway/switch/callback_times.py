"""Times at which callbacks can be asked for: those that make sense, and the slots of a queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.callbacks import scheduler
from gateway.callbacks.policy import CallbackPolicy, Slots
from gateway.callbacks.scheduler import Slot, may_call
from gateway.dialplan.calendars import Calendar

MOST_AHEAD_S: Final = 60 * 86_400.0
"""How far ahead a time may be chosen."""

LATE_S: Final = 60.0
"""A time that has just passed still counts: requests take a while, and clocks differ."""


def can_be_called(at: float, now: float, zones: Sequence[str], policy: CallbackPolicy) -> bool:
    """Whether somebody in these time zones can be called at `at`, as far as hours and common sense go."""
    moment = datetime.fromtimestamp(at, UTC)
    return now - LATE_S <= at <= now + MOST_AHEAD_S and may_call(moment, zones, policy.hours)


def start_of(rules: Slots, at: float) -> float:
    """The beginning of the slot in which `at` is."""
    moment = datetime.fromtimestamp(at, UTC)
    return scheduler.slot_at(moment, timedelta(seconds=rules.length_s)).timestamp()


def slots_of(
    rules: Slots,
    calendar: Calendar | None,
    overrides: Mapping[str, str],
    taken: Mapping[float, int],
    now: datetime,
) -> Sequence[Slot]:
    """The slots that can be chosen; none when the plan has the calendar no more.

    `overrides`: calendars set by hand. `taken`: callbacks by the beginning of their slot.
    """
    if calendar is None:
        return ()
    return tuple(
        scheduler.slots(
            now,
            length=timedelta(seconds=rules.length_s),
            capacity=rules.capacity,
            days=rules.days,
            is_open=lambda moment: calendar.state(moment, overrides) == "open",
            taken={datetime.fromtimestamp(start, UTC): count for start, count in taken.items()},
        )
    )
