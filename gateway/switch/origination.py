"""Calls placed by the API: somebody is rung, and who answers is connected to a queue, a flow, or a person.

The one who answered is a caller from then on, like one who had called in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, assert_never
from uuid import uuid4

import structlog

from gateway.call.leg import Answered, DigitPressed, Ended, Party
from gateway.dialplan.dnis import ANY, DnisPattern
from gateway.dialplan.executor import Executor
from gateway.dialplan.model import Route
from gateway.dialplan.places import Position, Target
from gateway.dialplan.ports import World
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.requests import DialRequest, QueueRequest
from gateway.dialplan.run import Connected, Digit, Facts, HungUp
from gateway.errors import DialError
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import SetEngaged
from gateway.switch.actions import CallActions, MakeActions
from gateway.switch.control import LegControl
from gateway.switch.conversation_ends import Target as Destination
from gateway.switch.conversation_ends import ToAgent, ToFlow, ToNumber, ToQueue
from gateway.switch.dialling import Addresses
from gateway.switch.listening import OpenListener, keep_nothing
from gateway.switch.live_calls import LiveCall, LiveCalls
from gateway.switch.outbound import Outbound, OutboundLeg
from gateway.switch.ports import CallObserver, OpenPlayer
from gateway.switch.queueing import Visitor

log = structlog.get_logger(__name__)

_PLACE: Final = Position("api", 1, 1)


@dataclass(frozen=True, slots=True)
class OriginationParts:
    """What calls that the API places use. `active`: the plan in force."""

    outbound: Outbound
    runner: QueueRunner
    live_calls: LiveCalls
    addresses: Addresses
    open_player: OpenPlayer
    observer: CallObserver
    act: MakeActions
    active: Callable[[], ActivePlan]
    world: World
    open_listener: OpenListener | None = None


class Originations:
    """The calls that the API has placed. Used as `async with`; leaving it waits for them to end."""

    def __init__(self, parts: OriginationParts) -> None:
        self._parts = parts
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    async def place(
        self, to: ToNumber | ToAgent, connect: Destination, *, caller_id: str, ring_s: float, by: str
    ) -> LiveCall:
        """Rings `to`, and returns with the call that rings. Raises DialError when it can't be tried."""
        parts, call_id = self._parts, uuid4().hex
        agent = to.agent if isinstance(to, ToAgent) else ""
        leg = await parts.outbound.place(
            self._address(to),
            call_id=call_id,
            caller=Party(caller_id) if caller_id else None,
            attributes={"placed_by": by},
        )
        live = parts.live_calls.open(call_id, leg, parts.outbound.clock.utc(), hang_up=leg.hang_up)
        if agent:
            parts.runner.post(SetEngaged(agent, True))
        call = _Originated(parts, leg, live, connect)
        self._tasks.create_task(call.run(ring_s, agent), name=f"call-{call_id}")
        return live

    async def carry_on(self, leg: OutboundLeg, live: LiveCall, connect: Destination) -> None:
        """Somebody else's call, answered already, is connected with `connect`; returns when that is over."""
        call = _Originated(self._parts, leg, live, connect)
        try:
            await call.serve()
        finally:
            call.close()

    def _address(self, to: ToNumber | ToAgent) -> str:
        if isinstance(to, ToNumber):
            return self._parts.addresses.of(to.number)
        view = self._parts.runner.agent(to.agent)
        if view is None or not view.profile.device:
            raise DialError(to.agent, "no such agent, or one without a phone")
        return view.profile.device


class _Originated:
    """One of them, from the ringing to the end."""

    def __init__(
        self, parts: OriginationParts, leg: OutboundLeg, live: LiveCall, connect: Destination
    ) -> None:
        self._parts = parts
        self._leg = leg
        self._live = live
        self._connect = connect
        self._active = parts.active()
        self._log = log.bind(call_id=live.view.call_id, leg_id=leg.id)
        self._control = LegControl(leg, self._active.prompts, parts.open_player)
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._executor: Executor | None = None

    async def run(self, ring_s: float, agent: str) -> None:
        """Raises nothing but CancelledError."""
        try:
            if await self._answered(ring_s):
                await self.serve()
        except Exception as fault:  # noqa: BLE001  # whatever it is, it ends this call and no other
            self._parts.observer.internal_error()
            self._log.exception("originated_call_fault", error=str(fault))
        finally:
            self.close()
            self._leg.retire()
            self._parts.live_calls.close(self._live.view.call_id)
            if agent:
                self._parts.runner.post(SetEngaged(agent, False))

    def close(self) -> None:
        """Its audio is ours no more."""
        self._control.close()

    async def _answered(self, ring_s: float) -> bool:
        try:
            async with asyncio.timeout(ring_s):
                while True:
                    match await self._leg.next_event():
                        case Answered():
                            return True
                        case Ended():
                            return False
                        case _:
                            pass
        except TimeoutError:
            return False

    async def serve(self) -> None:
        """Until whoever answered has hung up, or there is nothing left to do for them."""
        visitor = Visitor(
            self._live.view.call_id, self._leg, self._control, self._active, self._log, self._live
        )
        actions = self._parts.act(visitor)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen())
            serving = tasks.create_task(self._connected(actions))
            await asyncio.wait({listening, serving}, return_when=asyncio.FIRST_COMPLETED)
            if self._executor is not None:
                self._executor.post(HungUp())  # it has an exit for that, and ends by itself
            else:
                serving.cancel()
            await asyncio.wait({serving})
            listening.cancel()

    async def _connected(self, actions: CallActions) -> None:
        match self._connect:
            case ToQueue(queue):
                outcome = await actions.queue(QueueRequest(queue), self._keys)
            case ToNumber(number):
                outcome = await actions.dial(DialRequest(number), self._keys)
            case ToAgent(agent):
                view = self._parts.runner.agent(agent)
                device = "" if view is None else view.profile.device
                outcome = await actions.dial(DialRequest(device), self._keys)
            case ToFlow(flow):
                await self._run(flow, actions)
                return
            case _:
                assert_never(self._connect)
        if outcome.flow:
            await self._run(outcome.flow, actions)

    async def _run(self, flow: str, actions: CallActions) -> None:
        route = Route(DnisPattern(ANY), Target(flow, _PLACE), _PLACE, answer=True)
        control = _AnsweredAlready(self._leg, self._active.prompts, self._parts.open_player)
        listener = None
        if self._parts.open_listener is not None:
            listener = self._parts.open_listener(self._leg, control, keep_nothing, self._log)
        self._executor = Executor(
            self._active.plan,
            route,
            control,
            self._log,
            on_outcome=self._parts.observer.node_left,
            facts=self._facts(),
            actions=actions,
            listener=listener,
            world=self._parts.world,
        )
        control.executor = self._executor
        try:
            await self._executor.run()
        finally:
            if listener is not None:
                listener.close()
            control.close()

    def _facts(self) -> Facts:
        view = self._live.view
        utc = self._parts.outbound.clock.utc()
        return Facts(
            caller={"number": self._leg.remote.number, "name": self._leg.remote.display_name},
            call={"id": view.call_id, "dnis": "", "technology": view.technology, "headers": {}},
            epoch_s=utc.timestamp() - asyncio.get_running_loop().time(),
        )

    async def _listen(self) -> None:
        while True:
            match await self._leg.next_event():
                case DigitPressed(digit=digit):
                    if self._executor is not None:
                        self._executor.post(Digit(digit))
                    else:
                        self._keys.put_nowait(digit)
                case Ended():
                    return
                case _:
                    pass


class _AnsweredAlready(LegControl):
    """A flow answers its call first; this one has been answered by the far end."""

    executor: Executor | None = None

    async def answer(self) -> None:
        if self.executor is not None:
            self.executor.post(Connected())

    async def open_early_media(self) -> None:
        """The audio is open."""
