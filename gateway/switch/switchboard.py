"""The switchboard: every call session of a node, the plan new calls begin on, and the way to stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self
from uuid import uuid4

import structlog

from gateway.call.cause import Cause
from gateway.call.leg import CallLeg
from gateway.dialplan.prompts import ActivePlan
from gateway.switch.admission import Admission
from gateway.switch.session import CallSession, SwitchServices

log = structlog.get_logger(__name__)


class Switchboard:
    """Owns the sessions. Used as `async with`; leaving it hangs up whatever is still there.

    `active` may be replaced at any time: calls in progress stay on the plan they began with.
    """

    def __init__(
        self,
        active: ActivePlan,
        admission: Admission,
        services: SwitchServices,
        *,
        new_call_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self.active = active
        self._admission = admission
        self._services = services
        self._new_call_id = new_call_id
        self._tasks = asyncio.TaskGroup()
        self._sessions: dict[str, CallSession] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drain(0.0)
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def calls(self) -> int:
        """Sessions that aren't over, those that are being refused too."""
        return len(self._sessions)

    def calls_by_version(self) -> Mapping[str, int]:
        """How many of the calls are on each version of the plan."""
        return Counter(session.plan_version for session in self._sessions.values())

    def accept(self, leg: CallLeg) -> None:
        """A call came in. On the event loop; returns at once. The session refuses it if it has to."""
        session = CallSession(self._new_call_id(), leg, self.active, self._admission, self._services)
        self._sessions[session.call_id] = session
        self._empty.clear()
        self._tasks.create_task(self._run(session), name=f"call-{session.call_id}")

    async def drain(self, limit_s: float, at_limit: Callable[[], None] = lambda: None) -> int:
        """Take no more calls, give the present ones `limit_s` to end, and hang up the rest, after `at_limit`.

        Returns how many had to be hung up. Afterwards every session is over and its record written.
        """
        self._admission.drain()
        try:
            async with asyncio.timeout(limit_s):
                await self._empty.wait()
        except TimeoutError:
            at_limit()
        remaining = list(self._sessions.values())
        for session in remaining:
            await self._end(session)
        await self._empty.wait()
        return len(remaining)

    async def _run(self, session: CallSession) -> None:
        try:
            await session.run()
        finally:
            del self._sessions[session.call_id]
            if not self._sessions:
                self._empty.set()

    async def _end(self, session: CallSession) -> None:
        try:
            await session.hang_up(Cause.NORMAL_CLEARING)
        except Exception:  # one leg that can't be ended mustn't keep the others
            log.exception("hang_up_failed", call_id=session.call_id)
