"""Waiting for something to become true, with a deadline, instead of sleeping a guess."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.02


async def until(condition: Callable[[], T], what: str, *, deadline_s: float = 5.0) -> T:
    """Poll `condition` until it is true and return it. AssertionError with its last value at the deadline."""

    async def asynchronous() -> T:
        return condition()

    return await until_async(asynchronous, what, deadline_s=deadline_s)


async def until_async(condition: Callable[[], Awaitable[T]], what: str, *, deadline_s: float = 5.0) -> T:
    """`until` for a condition that has to be awaited."""
    give_up_at = time.monotonic() + deadline_s
    while True:
        if value := await condition():
            return value
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {deadline_s} s: {what} (last seen: {value!r})")
        await asyncio.sleep(POLL_S)
