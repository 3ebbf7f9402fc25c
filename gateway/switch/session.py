"""The call session: one task that owns a call from its INVITE to its record.

Whatever happens (the caller hangs up at any moment, the dialplan has a fault, the media fails, the node
stops), the leg ends, the player is closed, the place in the admission limit is given back, and one record is
written. A fault of one session is logged and recorded, and no other session notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, assert_never

import structlog

from gateway.call.cause import Cause
from gateway.call.cdr import CallRecord
from gateway.call.leg import (
    Answered,
    CallLeg,
    DigitPressed,
    DigitReleased,
    EarlyMedia,
    Ended,
    LegEvent,
    MediaDirectionChanged,
    Ringing,
)
from gateway.call.screen import screen_of
from gateway.clock import Clock
from gateway.dialplan.executor import Executor
from gateway.dialplan.model import Route, Unrouted
from gateway.dialplan.ports import Actions, NoActions, Timers, World
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.run import MASK, Connected, Digit, Facts, HungUp, NodeLeft, with_context
from gateway.errors import LegEnded
from gateway.handoff.desk import HandoffDesk
from gateway.handoff.peers import TrustedPeers
from gateway.switch.actions import MakeActions
from gateway.switch.admission import Admission, Refusal
from gateway.switch.call_context import CallContext
from gateway.switch.control import LegControl
from gateway.switch.listening import CallListener, Kept, OpenListener
from gateway.switch.live_calls import LiveCalls
from gateway.switch.ports import CallLog, CallObserver, OpenCallPlayer
from gateway.switch.queueing import Visitor
from gateway.switch.records import CallStory, record_of

END_LIMIT_S: Final = 40.0
"""How long a leg may take to report its end: SIP gives up after 32 s (RFC 3261 §17.1.2.2, timer F)."""

SETTLE_LIMIT_S: Final = 5.0
"""How long a run may take to notice that its leg has ended."""


@dataclass(frozen=True, slots=True)
class SwitchServices:
    """What every session of a node uses. `timers`: the event loop when None.

    `open_listener`: hears callers, where speech is understood. `act`: carries out what a plan asks for on a
    call; `world`: the figures of the queues, and the calendars that were overridden. `headers_in`: headers of
    the far end's INVITE, in lower case, that are kept in the call record. `handoffs`: where envelopes
    are kept and found; `peers`: PBXs that say truly what they know of a caller.
    """

    open_player: OpenCallPlayer
    call_log: CallLog
    observer: CallObserver
    clock: Clock
    headers_in: Sequence[str] = ()
    timers: Timers | None = None
    open_listener: OpenListener | None = None
    act: MakeActions | None = None
    world: World | None = None
    live_calls: LiveCalls = field(default_factory=LiveCalls)
    handoffs: HandoffDesk | None = None
    peers: TrustedPeers = field(default_factory=TrustedPeers)


class CallSession:
    """One inbound call on the plan that is in force when it begins."""

    def __init__(
        self, call_id: str, leg: CallLeg, active: ActivePlan, admission: Admission, services: SwitchServices
    ) -> None:
        self._leg = leg
        self._active = active
        self._admission = admission
        self._services = services
        self._log = structlog.get_logger(__name__).bind(call_id=call_id, leg_id=leg.id)
        kept = {name: leg.headers[name] for name in services.headers_in if name in leg.headers}
        self._story = CallStory(call_id, services.clock.utc(), attributes=kept)
        self._control = LegControl(leg, active.prompts, partial(services.open_player, call_id))
        self._executor: Executor | None = None
        self._context = CallContext(
            call_id, leg, services.handoffs, services.clock, self._log, services.peers
        )
        self._listener: CallListener | None = None
        if services.open_listener is not None:
            self._listener = services.open_listener(leg, self._control, self._keep, self._log)
        self._live = services.live_calls.open(call_id, leg, self._story.started_at, hang_up=self._leg.hang_up)
        self._live.envelope = self._context

    @property
    def call_id(self) -> str:
        return self._story.call_id

    @property
    def plan_version(self) -> str:
        """The version of the plan that it began with and stays on."""
        return self._active.plan.version

    async def hang_up(self, cause: Cause) -> None:
        """End the call from outside; its task then ends by itself."""
        await self._leg.hang_up(cause)

    async def run(self) -> CallRecord:
        """Own the call until it is over. Raises nothing but CancelledError, after releasing everything."""
        self._services.observer.call_started(self._leg)
        self._log.info("call_started", ani=self._leg.remote.number, dnis=self._leg.local.number)
        refusal = self._admission.admit()
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(self._listen())
            try:
                if refusal is not None:
                    await self._turn_away(refusal)
                else:
                    await self._serve(tasks, listener)
            except LegEnded:
                self._log.debug("leg_ended_first")
            except Exception as fault:  # noqa: BLE001  # whatever it is, it ends this call and no other
                self._failed("session_fault", fault)
            finally:
                await self._release(tasks, listener)
                if refusal is None:
                    self._admission.leave()
                self._services.live_calls.close(self.call_id)
                record = await self._record()
        return record

    # While the call lasts

    async def _turn_away(self, refusal: Refusal) -> None:
        self._services.observer.call_rejected(refusal.reason)
        self._log.info("call_refused", reason=refusal.reason)
        await self._leg.reject(refusal.cause, retry_after_s=refusal.retry_after_s)

    async def _serve(self, tasks: asyncio.TaskGroup, listener: asyncio.Task[None]) -> None:
        unrouted = Unrouted(
            technology=self._leg.technology.value,
            ani=self._leg.remote.number,
            utc=self._services.clock.utc(),
            overrides=self._services.world()[1] if self._services.world is not None else {},
        )
        route = self._active.plan.route_for(self._leg.local.number, unrouted)
        if route is None:
            self._services.observer.call_rejected("no_route")
            self._log.info("call_unroutable", dnis=self._leg.local.number)
            await self._leg.reject(Cause.UNALLOCATED_NUMBER)
            return
        self._story.dialplan = route.flow.node
        self._story.attributes["dialplan_version"] = self._active.plan.version
        self._live.update(dialplan=route.flow.node)
        await self._context.identify()
        if listener.done():
            return  # they have gone meanwhile
        self._executor = self._make_executor(route)
        run = tasks.create_task(self._executor.run())
        await asyncio.wait({run, listener}, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(SETTLE_LIMIT_S if listener.done() else None):
            result = await run
        if result.fault is not None:
            self._failed("dialplan_fault", result.fault)

    def _make_executor(self, route: Route) -> Executor:
        return Executor(
            self._active.plan,
            route,
            self._control,
            self._log,
            on_outcome=self._node_left,
            timers=self._services.timers,
            facts=self._facts(),
            actions=self._actions(),
            listener=self._listener,
            world=self._services.world,
            screen=screen_of(self._leg),
        )

    def _actions(self) -> Actions:
        if self._services.act is None:
            return NoActions()
        return self._services.act(
            Visitor(
                self.call_id,
                self._leg,
                self._control,
                self._active,
                self._log,
                self._live,
                self._context.agent_view,
                self._context,
                self._listener,
            )
        )

    def _node_left(self, left: NodeLeft) -> None:
        self._services.observer.node_left(left)
        self._context.passed(left)

    def _facts(self) -> Facts:
        """What the dialplan's expressions know of the call."""
        leg, clock = self._leg, self._services.clock
        timers = self._services.timers or asyncio.get_running_loop()
        facts = Facts(
            caller={"number": leg.remote.number, "name": leg.remote.display_name},
            call={
                "id": self._story.call_id,
                "dnis": leg.local.number,
                "technology": leg.technology.value,
                "headers": {h: leg.headers[h] for h in self._services.headers_in if h in leg.headers},
            },
            epoch_s=clock.utc().timestamp() - timers.time(),
        )
        return with_context(facts, self._context.plan_view())

    async def _listen(self) -> None:
        """The one place where the leg's events are taken."""
        try:
            while self._story.ended is None:
                self._take(await self._leg.next_event())
        except Exception as fault:  # noqa: BLE001  # a leg that can't be heard is a call that is over
            self._failed("leg_fault", fault)
        finally:
            if self._executor is not None:
                self._executor.post(HungUp())

    def _take(self, event: LegEvent) -> None:
        match event:
            case Answered():
                self._story.answered_at = self._services.clock.utc()
                self._log.info("call_answered")
                self._post(Connected())
            case DigitPressed():
                private = self._executor is not None and self._executor.state.private
                digit = MASK if private else event.digit
                self._log.debug("digit_pressed", digit=digit, source=event.source.value)
                self._post(Digit(event.digit))
            case Ended():
                self._story.ended = event
            case MediaDirectionChanged():
                self._log.info("media_direction_changed", direction=event.direction.name.lower())
            case DigitReleased() | Ringing() | EarlyMedia():
                pass  # a press counts from its beginning; the others are of outbound legs
            case _:
                assert_never(event)

    def _post(self, event: Connected | Digit) -> None:
        if self._executor is not None:
            self._executor.post(event)

    def _keep(self, kept: Kept) -> None:
        """What a caller said where the dialplan keeps it: the transcript with the record."""
        if kept.transcript is not None:
            self._story.attributes[f"heard.{kept.node}"] = kept.transcript

    # Afterwards

    async def _release(self, tasks: asyncio.TaskGroup, listener: asyncio.Task[None]) -> None:
        """Close the audio, end the leg, and wait for its last event."""
        try:
            if self._listener is not None:
                self._listener.close()
            self._control.close()
        except Exception as fault:  # noqa: BLE001  # the leg still has to end
            self._failed("player_fault", fault)
        ending = tasks.create_task(self._end_leg())
        try:
            # Not asyncio.timeout: in a task that was cancelled already, as on shutdown, Python 3.11 takes its
            # own time-out for another cancellation.
            _, pending = await asyncio.wait({ending, listener}, timeout=END_LIMIT_S)
            if pending:
                self._log.error("leg_end_unreported", limit_s=END_LIMIT_S)
        finally:
            ending.cancel()
            listener.cancel()

    async def _end_leg(self) -> None:
        cause = Cause.NORMAL_CLEARING if self._story.fault is None else Cause.TEMPORARY_FAILURE
        try:
            await self._leg.hang_up(cause)
        except Exception as fault:  # noqa: BLE001  # the record still has to be written
            self._failed("leg_fault", fault)

    async def _record(self) -> CallRecord:
        if self._executor is not None:
            self._story.path = self._executor.state.path
        ended_at = self._services.clock.utc()
        record = record_of(self._story, self._leg, ended_at)
        self._services.observer.call_ended(record)
        self._log.info(
            "call_ended",
            result=record.result.value,
            cause=record.cause,
            ended_by=record.ended_by,
            duration_s=round(record.duration_s, 3),
            nodes=len(record.path),
        )
        try:
            await self._services.call_log.write(record)
        except Exception as fault:  # noqa: BLE001  # the call itself is over and done with
            self._log.error("call_record_lost", exc_info=fault, error=str(fault))
        return record

    def _failed(self, event: str, fault: Exception) -> None:
        """Loudly, and the first fault is the one on record."""
        self._services.observer.internal_error()
        self._log.error(event, exc_info=fault, error=str(fault))
        if self._story.fault is None:
            self._story.fault = fault
