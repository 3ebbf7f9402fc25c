"""Lines given back, by a task that outlives whoever had them.

A phone that has lost its network answers no BYE for half a minute. Nobody waits for that: the conversation
goes on without the line at once, and its end is seen to here.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import structlog

from gateway.call.cause import Cause
from gateway.switch.ports import Line

log = structlog.get_logger(__name__)


class Farewells:
    """Used as `async with`, around everything that has lines; leaving it waits for those on their way."""

    def __init__(self) -> None:
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    def say(self, line: Line, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        """Give this line back. Returns at once."""
        self._tasks.create_task(_release(line, cause), name=f"farewell-{line.leg.id}")


async def _release(line: Line, cause: Cause) -> None:
    try:
        await line.release(cause)
    except Exception as fault:  # a line may not raise, but its fault would be everybody's here
        log.exception("leg_fault", leg_id=line.leg.id, error=str(fault))
