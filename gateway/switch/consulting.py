"""Whom an agent can consult, and how a supervisor's phone is reached."""

from __future__ import annotations

from typing import assert_never

from gateway.agents.presence import AgentState, Presence
from gateway.call.cause import Cause
from gateway.call.leg import Party
from gateway.errors import DialError
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import SetEngaged
from gateway.switch.browser_lines import SCHEME, Connections
from gateway.switch.conversation_ends import ToAgent, ToFlow, ToNumber, ToQueue
from gateway.switch.conversation_parts import Consultation, Reached, Unreachable
from gateway.switch.dialling import Addresses
from gateway.switch.offers import AgentLines
from gateway.switch.outbound import DialledLine, Outbound


class Consulting:
    """The `Reach` of conversations: another agent, or a number. A queue or a flow has nobody to talk to."""

    def __init__(
        self,
        runner: QueueRunner,
        lines: AgentLines,
        browsers: Connections,
        outbound: Outbound,
        addresses: Addresses,
    ) -> None:
        self._runner = runner
        self._lines = lines
        self._browsers = browsers
        self._outbound = outbound
        self._addresses = addresses

    async def __call__(self, consultation: Consultation, /) -> Reached:
        try:
            match consultation.target:
                case ToAgent(name) if self._runner.agent(name) is None and self._browsers.connected(name):
                    return await self._supervisor(name, consultation)
                case ToAgent(agent):
                    return await self._agent(agent, consultation)
                case ToNumber(number):
                    leg = await self._outbound.place(
                        self._addresses.of(number),
                        call_id=consultation.call.call_id,
                        attributes={"consulted_by": consultation.by},
                    )
                    return Reached(DialledLine(leg))
                case ToQueue(name) | ToFlow(name):
                    raise Unreachable(f"nobody in particular is behind {name}: transfer the caller there")
                case _:
                    assert_never(consultation.target)
        except (DialError, ValueError) as error:
            raise Unreachable(str(error)) from error

    async def _supervisor(self, name: str, consultation: Consultation) -> Reached:
        """Whoever isn't an agent but has connected a browser: at the wallboard."""
        leg = await self._outbound.place(
            SCHEME + name,
            call_id=consultation.call.call_id,
            caller=Party(consultation.call.call_id),
            attributes={"supervisor": name},
        )
        return Reached(DialledLine(leg))

    async def _agent(self, agent: str, consultation: Consultation) -> Reached:
        view = self._runner.agent(agent)
        if view is None or view.presence is Presence.LOGGED_OUT:
            raise Unreachable(f"agent {agent} isn't logged in", Cause.SUBSCRIBER_ABSENT)
        if view.state not in (AgentState.IDLE, AgentState.WRAP_UP):
            raise Unreachable(f"agent {agent} is busy", Cause.USER_BUSY)
        # From now on no queue offers them anything, until their leg is done with.
        self._runner.post(SetEngaged(agent, True))
        try:
            line = await self._lines.reach(
                view.profile,
                call_id=consultation.call.call_id,
                caller=Party(consultation.by, consultation.by),
                headers=(("X-Ringback-Call", consultation.call.call_id),),
            )
        except BaseException:
            self._runner.post(SetEngaged(agent, False))
            raise
        return Reached(line, agent)
