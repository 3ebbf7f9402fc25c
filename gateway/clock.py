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
    who is next.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.utc().timestamp() - clock.now()

    def now(self) -> float:
        return self._clock.now() + self._offset

    def utc_of(self, epoch_s: float) -> datetime:
        return datetime.fromtimestamp(epoch_s, UTC)
