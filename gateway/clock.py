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
