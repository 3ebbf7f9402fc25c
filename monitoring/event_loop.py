"""How late the event loop is: the one figure that shows that something blocks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

INTERVAL_S = 0.25


async def watch_event_loop(
    observe: Callable[[float], None],
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tell `observe`, four times a second, how many seconds late the loop woke us. Runs until cancelled."""
    while True:
        asked = now() + INTERVAL_S
        await sleep(INTERVAL_S)
        observe(max(0.0, now() - asked))
