"""A clock that stands still until it is told to move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.fakes.audio import FakeTimers

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class ManualClock:
    """A `gateway.clock.Clock`. `sleep` passes for asyncio.sleep: it moves the clock and returns at once."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=self._now)

    def advance(self, seconds: float) -> None:
        """Move forward; ValueError backwards, since the real one never does."""
        if seconds < 0:
            raise ValueError(f"time doesn't run backwards: {seconds}")
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@dataclass(slots=True)
class FakeClock:
    """The time of some timers, as a `gateway.clock.Clock`."""

    timers: FakeTimers

    def now(self) -> float:
        return self.timers.now_s

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.timers.now_s)
