"""The event-loop-lag probe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitoring.event_loop import INTERVAL_S, watch_event_loop
from tests.fakes.clock import ManualClock


class Woken(Exception):
    """Ends the endless watch."""


async def test_the_lag_is_how_much_later_than_asked_the_loop_woke_us() -> None:
    clock = ManualClock()
    lags: list[float] = []
    blocked: Iterator[float] = iter([0.0, 0.5])

    async def sleep(seconds: float) -> None:
        late = next(blocked, None)
        if late is None:
            raise Woken
        clock.advance(seconds + late)

    with pytest.raises(Woken):
        await watch_event_loop(lags.append, now=clock.now, sleep=sleep)

    assert lags == [0.0, 0.5]
    assert clock.now() == 2 * INTERVAL_S + 0.5
