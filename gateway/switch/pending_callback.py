"""One callback on its way: it waits at its place like any caller, and its customer is called in its turn.

    waiting ──an agent accepts──▶ dialling ──answered──▶ the customer's visit to the queue goes on, talking
       ▲                             │
       └─────── next try ────────────┘  busy, no answer, …; after the last try the place is given up

The place, and who is offered it, is the engine's affair. A customer who has answered is a caller like any
other from then on: `QueueVisit` carries them on, from the talk or, without an agent, from the wait.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway.agents.profile import AgentProfile
from gateway.call.leg import CallLeg, Ended, Headers, Party
from gateway.callbacks.policy import CallbackPolicy, DialFirst, DialOutcome, OnMachine
from gateway.callbacks.request import Callback
from gateway.dialplan.model import DEFAULT_LANGUAGE
from gateway.dialplan.queues import QueueDefinition
from gateway.dialplan.requests import QueueRequest
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.errors import LegEnded
from gateway.faults import point
from gateway.handoff.envelope import MAX_STEPS, Step
from gateway.handoff.showing import at_callback
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.signals import Connect, JoinFailed, Leave, Leaving, Miss, Offer, Postpone
from gateway.switch.call_context import CallContext
from gateway.switch.callback_talk import CallbackTalk
from gateway.switch.control import LegControl
from gateway.switch.customer_call import CustomerCall
from gateway.switch.live_calls import Stage
from gateway.switch.offers import Briefing
from gateway.switch.ports import AnswerEar, Line
from gateway.switch.queueing import Connected, QueueVisit, Visitor
from media.answering import AnsweredBy

if TYPE_CHECKING:
    from gateway.switch.callbacks import CallbackDesk
    from media.bridge import Port

log = structlog.get_logger(__name__)

UNSTORED_S: Final = 30.0
"""While the database is away nobody is called back; so long until it is tried again."""

MESSAGE_S: Final = 90.0
"""How long leaving a message may take, the machine's greeting included; no dial meanwhile."""

RANG_FOR_NOTHING_S: Final = 30.0
"""Pause after a customer's phone rang and the agent was gone before they answered."""

FAILED_TONE_S: Final = 1.5
"""How long the agent hears that nobody was reached."""


class PendingCallback:
    """A `QueuedCall` for the offers and a `Waiter` for the runner, for as long as nobody is on the line."""

    def __init__(self, desk: CallbackDesk, callback: Callback) -> None:
        self._desk = desk
        self._runner = desk.runner
        self._callback = callback
        self._walked: list[dict[str, str]] = []  # steps of the journey since they asked
        self._trying: asyncio.Task[None] | None = None
        self._dialling = False
        self.due_at = 0.0
        """When an agent may be asked, on the engine's clock."""
        self.retry_at = 0.0
        """The end of the pause after the last try, on the engine's clock."""
        self.changing = asyncio.Lock()
        """Held by whoever changes what was promised, until that is on disk or undone."""
        self._greeting = False  # they have answered, and are asked whether they want to talk
        self._on_line = False  # the customer has answered, and is a caller from now on
        self.over: Leaving | None = None
        """Why it is over, when it is, for another reason than having been kept."""

    @property
    def callback(self) -> Callback:
        return self._callback

    @property
    def dialling(self) -> bool:
        """The customer's phone is being rung."""
        return self._dialling

    @property
    def policy(self) -> CallbackPolicy:
        return self._definition().callback.policy

    def change(self, **changes: Any) -> None:
        """What somebody wants otherwise."""
        self._callback = replace(self._callback, **changes)

    def stand_down(self) -> None:
        """The customer is on the line by themselves: a dial under way is called off."""
        if self._trying is not None and not self._on_line and self._trying is not asyncio.current_task():
            # Not before its first step, or it wouldn't give back what it was handed.
            asyncio.get_running_loop().call_soon(self._trying.cancel)

    # ---- Waiter

    def dismissed(self, reason: Leaving) -> None:
        self.over = reason
        self.stand_down()
        self._desk.drop(self)

    def moved(self, queue: str) -> None:
        self.stand_down()  # the engine has let the agent go
        self.change(queue=queue)

    # ---- QueuedCall

    @property
    def caller(self) -> Party:
        return Party(self._callback.number.dialled, self._callback.name)

    @property
    def context(self) -> Mapping[str, Any]:
        callback = self._callback
        about = {
            "requested_at": callback.requested_at,
            "attempt": callback.attempts + 1,
            "last_outcome": None if callback.last_outcome is None else callback.last_outcome.value,
            "asked_in": callback.asked_in,
        }
        context = {**callback.context, "callback": about}
        if self._walked:
            context["journey"] = [*context.get("journey", ()), *self._walked]
        return context

    def walk(self, step: Step) -> None:
        """Something more has happened to the customer since they asked."""
        self._walked.append(
            {"kind": step.kind.value, "at": step.at.isoformat(), "text": step.text, "source": step.source}
        )
        del self._walked[:-MAX_STEPS]

    def headers(self) -> Headers:
        callback = self._callback
        return (
            ("X-Ringback-Call", callback.call_id),
            ("X-Ringback-Queue", callback.queue),
            ("X-Ringback-Callback", callback.id),
        )

    async def brief(self, agent: AgentProfile) -> Briefing:
        desk = self._desk
        return await desk.sounds.brief(desk.active, self._definition(), agent, self._facts(agent))

    def agent_answered(self, agent: AgentProfile) -> None:
        """There is nobody to tell."""

    def asked(self, offer: Offer) -> bool:
        if not self._desk.times.may_call_now(self._callback):
            # The clock was set, or the plan's hours have changed: the place waits for them.
            self._desk.requests.postpone(self, 0.0)
            return False
        if self.policy.first is DialFirst.AGENT:
            return True
        self._try(self._invite(offer.offer, self._trying))
        return False

    def withdrawn(self, offer: str) -> None:  # noqa: ARG002  # there is only one
        """No agent is reserved any more: nobody is dialled without. That was no try, but it rang. Who has
        answered already may say what they want.
        """
        if self._trying is None or self._on_line or self._greeting:
            return
        self.stand_down()
        if not self._dialling:
            return
        self.change(attempts=self._callback.attempts - 1)
        self.due_at = self.retry_at = self._runner.now + RANG_FOR_NOTHING_S
        self._runner.post(Postpone(self._callback.id, self.due_at))

    def connect(self, connect: Connect, agent: AgentProfile, line: Line) -> None:
        """An agent has accepted, and waits for the customer."""
        self._try(self._serve(connect, agent, line, self._trying))

    def _try(self, work: Coroutine[Any, Any, None]) -> None:
        self._trying = self._desk.start(work, f"callback-{self._callback.id}")

    # ---- agent first

    async def _serve(
        self, connect: Connect, agent: AgentProfile, line: Line, before: asyncio.Task[None] | None
    ) -> None:
        """`before`: the last try, which may be hanging up still."""
        customer = self._desk.customer_call()
        handed_over = False
        try:
            await _over(before)
            outcome = await self._dial_beside(customer, line)
            if outcome is DialOutcome.ANSWERED and not self._reserves(agent):
                await self._carry_on(customer, None)
            elif outcome is DialOutcome.ANSWERED:
                handed_over = True
                await self._carry_on(customer, Connected(connect.offer, agent, line))
            elif outcome is None:
                # The agent's side failed: that was no try, and the engine lets somebody else have it.
                self.change(attempts=self._callback.attempts - 1)
                self._runner.post(JoinFailed(connect.offer, Miss.DISCONNECTED))
            else:
                await self._tell_agent(line)
                self._missed(outcome, connect.offer)
        except Exception:  # whatever it is, the place is kept and the agent is free
            log.exception("callback_fault", entry=self._callback.id)
            self._missed(DialOutcome.FAILED, connect.offer)
        finally:
            self._dialling = False
            self._desk.book.release_line(self, self._runner.now)
            customer.retire()
            if not handed_over:
                line.release()

    async def _dial_beside(self, customer: CustomerCall, line: Line) -> DialOutcome | None:
        """Dial while the agent listens; None when the agent has hung up first."""
        if not await self._begin():
            return None
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(_until_ended(line.leg))
            dialling = tasks.create_task(self._dial(customer, line.leg.audio))
            await asyncio.wait({gone, dialling}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            dialling.cancel()
        self._dialling = False
        point("callback.dialled")
        return None if dialling.cancelled() else dialling.result()

    async def _dial(self, customer: CustomerCall, ear: Port | None) -> DialOutcome:
        entry = self._runner.entry(self._callback.id)
        if self.over is not None or entry is None or not entry.agents:
            raise asyncio.CancelledError  # as we are about to be: in this very moment it was called off
        return await customer.dial(self._callback, ear, self.policy.ring_s)

    def _reserves(self, agent: AgentProfile) -> bool:
        """Whether the engine still means this agent for us."""
        entry = self._runner.entry(self._callback.id)
        dialling = entry is not None and entry.state is EntryState.CALLBACK_DIALING
        return entry is not None and dialling and agent.id in entry.agents

    async def _begin(self) -> bool:
        """A try begins. False, and another one later, when it can't be stored: a try that isn't on disk would
        be made again after a crash, and nobody is rung twice for one. The same while another callback has the
        customer on the phone.
        """
        stored = await self._desk.settled()
        self._callback = self._callback.dialled(self._runner.now)
        if not await self._take_line():
            log.info("callback_customer_engaged", entry=self._callback.id)
            self._runner.post(Postpone(self._callback.id, self._runner.now + UNSTORED_S))
            return False
        self._dialling = True
        callback = self._callback
        self._record(JournalKind.CALLBACK_DIALLED, attempt=callback.attempts, number=callback.number.dialled)
        if stored and await self._desk.settled():
            point("callback.dialling")
            return True
        log.warning("callback_not_stored", entry=callback.id)
        self._runner.post(Postpone(callback.id, self._runner.now + UNSTORED_S))
        return False

    async def _take_line(self) -> bool:
        """The customer's phone is ours; False while another callback of theirs has it."""
        while (pause_s := self._desk.book.take_line(self, self._runner.now)) > 0.0:
            if pause_s == math.inf:
                return False
            await asyncio.sleep(pause_s)
        return True

    async def _tell_agent(self, line: Line) -> None:
        parts = self._desk.conversations
        tone = parts.music.play_to(line.leg.audio, [parts.tones.failed])
        try:
            await asyncio.sleep(FAILED_TONE_S)
        finally:
            tone.stop()

    def _missed(self, outcome: DialOutcome, offer: str) -> None:
        """The customer wasn't reached: again later, or never."""
        self._come_out(outcome)  # first, or the agent would be asked again at once
        self._runner.post(JoinFailed(offer, Miss.CALLER_GONE))

    def _come_out(self, outcome: DialOutcome) -> None:
        now, gap_s = self._runner.now, self.policy.gap_s(outcome, self._callback.attempts)
        callback = self._callback = self._callback.came_out(outcome)
        next_at = None if gap_s is None else self._desk.times.due(callback, now + gap_s)
        self.due_at = self.retry_at = now if next_at is None else next_at
        point("callback.came_out")
        self._record(
            JournalKind.CALLBACK_FAILED, attempt=callback.attempts, outcome=outcome.value, next_at=next_at
        )
        log.info("callback_failed", entry=callback.id, attempt=callback.attempts, outcome=outcome.value)
        if next_at is None:
            self._runner.post(Leave(callback.id, Leaving.EXHAUSTED))
        else:
            self._runner.post(Postpone(callback.id, next_at))

    def interrupted(self) -> None:
        """A restart cut the last try off."""
        self._come_out(DialOutcome.UNREACHABLE)

    # ---- customer first

    async def _invite(self, offer: str, before: asyncio.Task[None] | None) -> None:
        """While an agent is reserved: is the customer there, and do they want to talk now?

        If so they wait, at the place that is theirs, for that agent or whoever is free.
        """
        customer = self._desk.customer_call()
        try:
            await _over(before)
            if not await self._begin():
                self.change(attempts=self._callback.attempts - 1)
                self._runner.post(JoinFailed(offer, Miss.CALLER_GONE))
                return
            outcome = await self._dial(customer, None)
            self._dialling = False
            point("callback.dialled")
            if outcome is DialOutcome.ANSWERED:
                outcome = await self._greet(customer, offer)
            if outcome is DialOutcome.ANSWERED:
                await self._carry_on(customer, None)
            else:
                self._missed(outcome, offer)
        except Exception:  # whatever it is, the place is kept and the agent is free
            log.exception("callback_fault", entry=self._callback.id)
            self._missed(DialOutcome.FAILED, offer)
        finally:
            self._dialling = False
            self._desk.book.release_line(self, self._runner.now)
            self._desk.offers.settle(offer)
            customer.retire()

    async def _greet(self, customer: CustomerCall, offer: str) -> DialOutcome:
        """ANSWERED by a person who pressed the key; DECLINED by one who hung up."""
        leg, desk, callback = customer.leg, self._desk, self._callback
        if leg is None:
            raise RuntimeError("answered without a leg")
        control = LegControl(leg, desk.active.prompts, desk.open_player)
        facts, language = self._facts(None), callback.language or DEFAULT_LANGUAGE
        talk = CallbackTalk(control, customer.keys, desk.sounds, desk.active, language, facts)
        ear = desk.open_ear(leg)
        self._greeting = True
        try:
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(customer.follow())
                asking = tasks.create_task(self._ask(talk, ear, offer))
                await asyncio.wait({following, asking}, return_when=asyncio.FIRST_COMPLETED)
                following.cancel()
                asking.cancel()
            return DialOutcome.DECLINED if asking.cancelled() else asking.result()
        finally:
            self._greeting = False
            ear.close()
            control.close()

    async def _ask(self, talk: CallbackTalk, ear: AnswerEar, offer: str) -> DialOutcome:
        rules = self._definition().callback
        if await ear.answered_by() is AnsweredBy.MACHINE:
            # The agent needn't wait until it has been talked to.
            self._runner.post(JoinFailed(offer, Miss.CALLER_GONE))
            self._runner.post(Postpone(self._callback.id, self._runner.now + MESSAGE_S))
            if rules.policy.on_machine is OnMachine.MESSAGE:
                await ear.ready_for_message()
                await talk.say(rules.message)
            return DialOutcome.MACHINE
        try:
            async with asyncio.timeout(rules.policy.answer_s):
                wanted = await talk.greet(rules.greeting)
        except TimeoutError:
            wanted = False
        return DialOutcome.ANSWERED if wanted else DialOutcome.NO_ANSWER

    # ---- the customer is on the line

    async def _carry_on(self, customer: CustomerCall, connected: Connected | None) -> None:
        """From here on they are a caller in the queue; returns when they, or the last agent, have hung up."""
        callback, desk, leg = self._callback, self._desk, customer.leg
        if leg is None:
            raise RuntimeError("answered without a leg")
        point("callback.answered")
        self._on_line = True
        self._record(JournalKind.CALLBACK_ANSWERED, attempt=callback.attempts)
        self._callback = callback.came_out(DialOutcome.ANSWERED)
        desk.keep_in_mind(self)
        parts = desk.conversations
        live = parts.live_calls.open(callback.call_id, leg, parts.clock.utc(), hang_up=leg.hang_up)
        live.enter(Stage.QUEUE, parts.clock.utc(), queue=callback.queue, entry=callback.id)
        control = LegControl(leg, desk.active.prompts, desk.open_player)
        bound = log.bind(call_id=callback.call_id)
        context = {**self.context}

        envelope = CallContext(callback.call_id, leg, desk.envelopes, parts.clock, bound)
        await envelope.take_up(str(context.get("id", "")))
        known = None if envelope.matched is None else envelope
        live.envelope = known

        def shown() -> Mapping[str, Any]:
            if known is not None:
                return {**known.agent_view(), "callback": context["callback"]}
            return at_callback(context, parts.clock.utc())

        visitor = Visitor(callback.call_id, leg, control, desk.active, bound, live, shown, known)
        request = QueueRequest(callback.queue, language=callback.language, identity=callback.identity)
        visit = QueueVisit(request, customer.keys, visitor, desk.visits, entry=callback.id)
        try:
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(customer.follow())
                visiting = tasks.create_task(visit.carry_on(connected))
                await asyncio.wait({following, visiting}, return_when=asyncio.FIRST_COMPLETED)
                following.cancel()
                visiting.cancel()
            if not visiting.cancelled() and (flow := visiting.result().flow):
                await desk.go_on(leg, live, flow)
        finally:
            control.close()
            parts.live_calls.close(callback.call_id)

    # ---- inside

    def _definition(self) -> QueueDefinition:
        return self._desk.definition(self._callback.queue)

    def _facts(self, agent: AgentProfile | None) -> WaitingFacts:
        return self._desk.facts(self._callback, self.context, agent)

    def _record(self, kind: JournalKind, **details: Any) -> None:
        callback = self._callback
        self._runner.record(kind, entry=callback.id, queue=callback.queue, details=details)

    @property
    def state(self) -> str:
        """As the API shows it: one of `callback_book.STATES`, talking, kept, or why it is over."""
        if self.over is not None:
            return self.over.value
        if self._on_line:
            entry = self._runner.entry(self._callback.id)
            return "kept" if entry is None else "talking"
        if self._dialling:
            return "dialling"
        return "waiting" if self.due_at <= self._runner.now else "scheduled"


async def _over(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        await asyncio.wait({task})


async def _until_ended(leg: CallLeg) -> None:
    try:
        while not isinstance(await leg.next_event(), Ended):
            pass
    except LegEnded:
        return
