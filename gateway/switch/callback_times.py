"""Times at which callbacks can be asked for and made: those that make sense, and the slots of a queue.

Two clocks: the engine's, on which nobody's place changes when somebody sets the clock (`SteadyEpoch`), and
the wall's, by which customers sleep and choose. Here is where the one becomes the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from gateway.callbacks import scheduler
from gateway.callbacks.policy import CallbackPolicy, Slots
from gateway.callbacks.request import Callback, CallbackFault, CallbackRefused
from gateway.callbacks.scheduler import Slot, may_call
from gateway.clock import Clock
from gateway.dialplan.calendars import Calendar
from gateway.dialplan.prompts import ActivePlan
from gateway.switch.callback_book import CallbackBook

log = structlog.get_logger(__name__)

MOST_AHEAD_S: Final = 60 * 86_400.0
"""How far ahead a time may be chosen."""

LATE_S: Final = 60.0
"""A time that has just passed still counts: requests take a while, and clocks differ."""

LOOK_S: Final = 2.0
JUMP_S: Final = 2.0
"""A clock that is off by more than this since the last look was set; less is how clocks are."""


class CallbackTimes:
    """`now`: the engine's. `calendars`: those set by hand. `policy`: of a queue."""

    def __init__(
        self,
        book: CallbackBook,
        clock: Clock,
        now: Callable[[], float],
        active: Callable[[], ActivePlan],
        calendars: Callable[[], Mapping[str, str]],
        policy: Callable[[str], CallbackPolicy],
    ) -> None:
        self._book = book
        self._clock = clock
        self._now = now
        self._active = active
        self._calendars = calendars
        self._policy = policy

    def slots(self, queue: str, zones: tuple[str, ...] = ()) -> Sequence[Slot]:
        """Those that can be chosen, by customers in these zones; none where the queue has none."""
        rules = self._policy(queue).slots
        if rules is None:
            return ()
        calendar, hours = self._active().plan.calendars.get(rules.calendar), self._policy(queue).hours
        taken, now = self._book.in_slots(queue), self._clock.utc()
        found = slots_of(rules, calendar, self._calendars(), taken, now)
        return [slot for slot in found if may_call(slot.start, zones, hours)]

    def zone_of_slots(self, queue: str) -> ZoneInfo:
        """In which their times are said, to who may be in several."""
        rules = self._policy(queue).slots
        calendar = None if rules is None else self._active().plan.calendars.get(rules.calendar)
        return ZoneInfo("UTC" if calendar is None else calendar.timezone)

    def slot_of(self, queue: str, at: float | None, zones: tuple[str, ...]) -> float | None:
        """The slot in which `at` (of the wall's clock) is, where the queue has slots.

        Raises CallbackRefused for a time at which nobody can be called.
        """
        if at is None:
            return None
        policy = self._policy(queue)
        if not can_be_called(at, self._utc(), zones, policy):
            raise CallbackRefused(CallbackFault.NO_SUCH_TIME)
        if policy.slots is None:
            return None
        start = start_of(policy.slots, at)
        if all(slot.start.timestamp() != start for slot in self.slots(queue)):
            raise CallbackRefused(CallbackFault.NO_SUCH_TIME)
        return start

    def due(self, callback: Callback, not_before: float) -> float:
        """When it may be offered, on the engine's clock: not before that, the time that was chosen, and the
        calling hours where the customer is.
        """
        ahead_s = self._ahead_s()
        wall = max(not_before + ahead_s, callback.not_before or 0.0, self._utc())
        allowed = self._policy(callback.queue).allowed_from(wall, callback.number.zones)
        # Not a rounding error too early, or the hours wouldn't have begun.
        return allowed - ahead_s + (0.001 if allowed > wall else 0.0)

    def wall_of(self, at: float) -> float:
        """A moment of the engine's clock on the wall's, for people."""
        return round(at + self._ahead_s(), 3)

    def may_call_now(self, callback: Callback) -> bool:
        """Whether the calling hours where the customer is allow it."""
        now = datetime.fromtimestamp(self._utc(), UTC)
        return may_call(now, callback.number.zones, self._policy(callback.queue).hours)

    async def watch(self, jumped: Callable[[], None]) -> None:
        """Call `jumped` whenever somebody has set the wall's clock. Runs until cancelled."""
        ahead_s = self._ahead_s()
        while True:
            await asyncio.sleep(LOOK_S)
            if abs(self._ahead_s() - ahead_s) > JUMP_S:
                log.warning("clock_was_set", by_s=round(self._ahead_s() - ahead_s, 1))
                ahead_s = self._ahead_s()
                jumped()

    def _utc(self) -> float:
        return self._clock.utc().timestamp()

    def _ahead_s(self) -> float:
        """How far the wall's clock is ahead of the engine's."""
        return self._utc() - self._now()


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
