"""Lines to agents: a call to their SIP phone for each offer, or one that stays up between calls.

A standing ("nailed-up") line spares the agent the ringing and the caller the seconds it takes. It is placed
when the agent becomes available, kept through calls and wrap-up, and ended when they log out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import structlog

from gateway.agents.presence import Presence
from gateway.agents.profile import AgentProfile
from gateway.call.cause import Cause
from gateway.call.leg import Answered, CallLeg, Ended, Headers, Party
from gateway.errors import DialError, LegEnded
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import AgentChanged, SetReachable
from gateway.switch.outbound import DialledLine, Outbound, OutboundLeg
from gateway.switch.ports import Line

log = structlog.get_logger(__name__)

STANDING_RING_S: Final = 30.0
REDIAL_PAUSES_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Between tries to get a standing line up again; the last one repeats."""


class LentLine:
    """A standing line, lent for one call."""

    standing: Final = True

    def __init__(self, leg: OutboundLeg, give_back: Callable[[], None]) -> None:
        self._leg = leg
        self._give_back = give_back

    @property
    def leg(self) -> CallLeg:
        return self._leg

    def release(self, _cause: Cause = Cause.NORMAL_CLEARING) -> None:
        self._give_back()


class SipAgentLines:
    """Reaches agents on the devices of their profiles. Used as `async with`; leaving it ends standing lines.

    `caller_id`: what an agent's phone shows for the lines that stand, when there is no caller yet.
    """

    def __init__(
        self,
        runner: QueueRunner,
        outbound: Outbound,
        *,
        caller_id: Party | None = None,
        redial_pauses_s: tuple[float, ...] = REDIAL_PAUSES_S,
    ) -> None:
        self._runner = runner
        self._outbound = outbound
        self._caller_id = caller_id or Party("ringback")
        self._pauses_s = redial_pauses_s
        self._tasks = asyncio.TaskGroup()
        self._standing: dict[str, _Standing] = {}

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._runner.watch_agents(self._agent_changed)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for standing in self._standing.values():
            standing.drop()
        await self._tasks.__aexit__(kind, error, trace)

    async def reach(self, profile: AgentProfile, *, call_id: str, caller: Party, headers: Headers) -> Line:
        """A call to the agent's device, or their standing line. Raises DialError."""
        if not profile.device:
            raise DialError(profile.id, "this agent has no phone")
        standing = self._standing.get(profile.id)
        if standing is not None:
            leg = standing.lend()
            if leg is None:
                raise DialError(profile.device, "the standing line isn't up")
            return LentLine(leg, standing.take_back)
        leg = await self._outbound.place(
            profile.device,
            call_id=call_id,
            caller=caller,
            headers=headers,
            attributes={"agent": profile.id},
        )
        return DialledLine(leg)

    def _agent_changed(self, changed: AgentChanged) -> None:
        view = self._runner.agent(changed.agent)
        wanted = (
            view is not None
            and view.profile.nailed_up
            and bool(view.profile.device)
            and changed.presence is not Presence.LOGGED_OUT
        )
        standing = self._standing.get(changed.agent)
        if standing is not None and not wanted:
            del self._standing[changed.agent]
            standing.drop()
        elif standing is None and wanted and view is not None:
            standing = self._standing[changed.agent] = _Standing(self, view.profile)
            standing.task = self._tasks.create_task(standing.run(), name=f"line-{changed.agent}")


class _Standing:
    """One agent's standing line: placed, watched, placed again."""

    def __init__(self, lines: SipAgentLines, profile: AgentProfile) -> None:
        self.task: asyncio.Task[None] | None = None
        self._runner = lines._runner
        self._outbound = lines._outbound
        self._caller_id = lines._caller_id
        self._pauses_s = lines._pauses_s
        self._profile = profile
        self._leg: OutboundLeg | None = None
        self._listener: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()  # nobody has borrowed it
        self._idle.set()
        self._dropped = False

    def lend(self) -> OutboundLeg | None:
        if self._leg is None or self._leg.ended is not None or not self._idle.is_set():
            return None
        self._idle.clear()
        if self._listener is not None:
            self._listener.cancel()  # from now on the borrower takes its events
        return self._leg

    def take_back(self) -> None:
        self._idle.set()
        if self._dropped and self.task is not None:
            self.task.cancel()

    def drop(self) -> None:
        """The agent logs out: end the line, after the call that is on it."""
        self._dropped = True
        if self._idle.is_set() and self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        """Until it is dropped. Never raises."""
        self._runner.post(SetReachable(self._profile.id, False))
        failures = 0
        try:
            while not self._dropped:
                if await self._up():
                    failures = 0
                    self._runner.post(SetReachable(self._profile.id, True))
                    await self._stay()
                    self._runner.post(SetReachable(self._profile.id, False))
                await asyncio.sleep(self._pauses_s[min(failures, len(self._pauses_s) - 1)])
                failures += 1
        except asyncio.CancelledError:
            if not self._dropped:
                raise
        finally:
            if self._leg is not None:
                self._leg.retire()
            self._runner.post(SetReachable(self._profile.id, True))  # again by a call for each offer

    async def _up(self) -> bool:
        """Place the line; whether the agent answered."""
        try:
            self._leg = await self._outbound.place(
                self._profile.device,
                call_id=f"line-{self._profile.id}",
                caller=self._caller_id,
                attributes={"agent": self._profile.id, "line": "standing"},
            )
        except (DialError, ValueError) as error:
            log.warning("standing_line_failed", agent=self._profile.id, reason=str(error))
            return False
        try:
            async with asyncio.timeout(STANDING_RING_S):
                while True:
                    match await self._leg.next_event():
                        case Answered():
                            return True
                        case Ended() as ended:
                            log.warning("standing_line_failed", agent=self._profile.id, reason=ended.text)
                            return False
                        case _:
                            pass
        except TimeoutError:
            self._leg.retire(Cause.NO_ANSWER)
            return False

    async def _stay(self) -> None:
        """While it is up: take its events, unless somebody has borrowed it."""
        leg = self._leg
        while leg is not None and leg.ended is None:
            await self._idle.wait()
            try:
                async with asyncio.TaskGroup() as tasks:
                    self._listener = tasks.create_task(_listen(leg))
            finally:
                self._listener = None


async def _listen(leg: OutboundLeg) -> None:
    """Throw its events away; returns at its end, or when it is cancelled."""
    try:
        while not isinstance(await leg.next_event(), Ended):
            pass
    except LegEnded:
        return
