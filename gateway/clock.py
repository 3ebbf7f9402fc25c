"""Time, as an argument.

Rules take `now`; drivers take a Clock. Durations and deadlines use `now()`, which never jumps; records that
people and other systems read use `utc()`, which may (an operator or NTP sets it).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The two times a node needs."""

    def now(self) -> float:
        """Monotonic seconds since some fixed point: only differences mean anything."""
        ...

    def utc(self) -> datetime:
        """The wall clock, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clocks. `now()` is the clock of the asyncio loop, so their figures can be compared."""

    def now(self) -> float:
        return time.monotonic()

    def utc(self) -> datetime:
        return datetime.now(UTC)


class SteadyEpoch:
    """Seconds since the Unix epoch that don't jump: the wall clock at the beginning, then the monotonic one.

    Enqueue times are kept in it. They outlive the process, and an operator who sets the clock mustn't change
    who is next. `not_before`: the latest time that was given away before a restart. Should the wall clock
    have been set back since then, this one goes on from there: nobody gets in before those who wait already.
    """

    def __init__(self, clock: Clock, *, not_before: float = 0.0) -> None:
        self._clock = clock
        self._offset = max(clock.utc().timestamp(), not_before) - clock.now()

    def now(self) -> float:
        return self._clock.now() + self._offset

    def utc_of(self, epoch_s: float) -> datetime:
        return datetime.fromtimestamp(epoch_s, UTC)
