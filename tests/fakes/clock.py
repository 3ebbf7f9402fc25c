"""A clock that stands still until it is told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
