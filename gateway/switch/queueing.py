"""A caller's visit to a queue: the wait with its music and announcements, the talk, and what comes after.

The engine decides about the place; the visit is what the caller hears and does at it. It is an action of a
dialplan (`Actions.queue`): it ends with an exit of the queue node, and it is cancelled when the caller hangs
up, in whatever state.

    waiting ──Connect──▶ joining ──▶ talking ──agent hung up──▶ exit `next`
       ▲  └─Dismiss──▶ exit          │  └──transfer to a number──▶ dialled, then exit `next`
       └────────requeued, to a queue──┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar, assert_never
from uuid import uuid4

from structlog.typing import FilteringBoundLogger

from gateway.agents.profile import AgentProfile
from gateway.call.leg import CallLeg, Headers, Party
from gateway.call.screen import screen_of
from gateway.call.state import LegState
from gateway.call.verification import is_verified
from gateway.callbacks.request import RESTART, Callback, CallbackRefused
from gateway.dialplan.places import Position
from gateway.dialplan.ports import Keys, Listener, Outcome
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queue_facts import queue_facts
from gateway.dialplan.queues import KeyAction, QueueDefinition, RecordWhen
from gateway.dialplan.requests import DialRequest, QueueRequest
from gateway.dialplan.run import caller_of
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.dialplan.wording import Wording
from gateway.queues.journal import JournalKind
from gateway.queues.restart import VERIFIED
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import (
    Connect,
    Enqueue,
    Finished,
    Joined,
    JoinFailed,
    Leave,
    Leaving,
    Miss,
    Offer,
    Requeue,
    ReturnToWait,
)
from gateway.queues.waiting import Heard
from gateway.switch.call_context import CallContext
from gateway.switch.callback_asking import Agreed, Asker, CallbackAsking
from gateway.switch.callback_talk import PendingChoice
from gateway.switch.control import LegControl
from gateway.switch.conversation import Conversation
from gateway.switch.conversation_ends import (
    AgentHungUp,
    BlindTransfer,
    ConversationEnd,
    Faulted,
    Requeued,
    Target,
    ToAgent,
    ToFlow,
    ToNumber,
    ToQueue,
    TransferFailed,
)
from gateway.switch.conversation_parts import CallIdentity, ConversationParts
from gateway.switch.conversation_recording import RecordingRules
from gateway.switch.dialling import TRANSFER_RING_S, Dialling
from gateway.switch.live_calls import LiveCall, Served, Stage
from gateway.switch.offers import Briefing, OfferDesk
from gateway.switch.ports import Line
from gateway.switch.queue_ear import QueueEar
from gateway.switch.recording_store import Keeping
from gateway.switch.waiting_room import Told, WaitingRoom, WaitingRoomParts

if TYPE_CHECKING:
    from gateway.switch.callbacks import CallbackDesk
    from gateway.switch.pending_callback import PendingCallback
    from gateway.switch.surveying import Surveys

T = TypeVar("T")

CHAT_SENT: Final = Wording(Position("", 1, 1), key="ringback.queue.chat_sent")

EXITS: Final[Mapping[Leaving, str]] = MappingProxyType(
    {
        Leaving.KEY: "left",
        Leaving.TIMED_OUT: "timed_out",
        Leaving.EMPTY: "left_empty",
        Leaving.REMOVED: "left",
        Leaving.LOST: "error",
    }
)
"""The exit of the queue node for each way out of a queue that its caller survives."""


@dataclass(frozen=True, slots=True)
class QueueParts:
    """What visits of a node use."""

    runner: QueueRunner
    offers: OfferDesk
    conversations: ConversationParts
    waiting: WaitingRoomParts
    dialling: Dialling
    callbacks: CallbackDesk
    surveys: Surveys | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """The call that visits. `context`: what the agent is shown. `envelope`: where it comes from, on a call
    whose caller came by themselves. `listener`: hears them, where speech is understood.
    """

    call_id: str
    leg: CallLeg
    control: LegControl
    active: ActivePlan
    log: FilteringBoundLogger
    live: LiveCall
    context: Callable[[], Mapping[str, Any]] = lambda: MappingProxyType({})
    envelope: CallContext | None = None
    listener: Listener | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """The engine gave us an agent, who has accepted."""

    offer: str
    agent: AgentProfile
    line: Line


class _Wish(Enum):
    """Something that the caller, or the node, wants beside an agent."""

    CALLBACK = "callback"
    CHAT = "chat"
    CLOSING = "closing"  # the node is about to stop


class QueueVisit:
    """One visit. A `QueuedCall` for the offers, and a `Waiter` for the runner.

    `entry`: of a customer who is called back and has a place already; a new one when left out.
    """

    def __init__(
        self, request: QueueRequest, keys: Keys, visitor: Visitor, parts: QueueParts, *, entry: str = ""
    ) -> None:
        self._request = request
        self._keys = keys
        self._visitor = visitor
        self._parts = parts
        self._runner = parts.runner
        self._leg = visitor.leg
        self._entry = entry or uuid4().hex
        self._queue = request.queue
        self._language = request.language
        self._news: asyncio.Queue[Connected | Leaving | _Wish] = asyncio.Queue()
        self._room: WaitingRoom | None = None
        self._told = Told()
        self._talking = False
        self._hung_up_by = "caller"  # unless we learn otherwise
        self._over = False
        self._asking = CallbackAsking(parts.callbacks, parts.waiting, visitor, keys)
        self._ear = QueueEar(visitor.listener, lambda: self._news.put_nowait(_Wish.CALLBACK))
        self._chat_asked = False
        self._served = False  # the agent has hung up, and the entry is over
        self._called_back = ""  # the callback that has the place now

    @property
    def entry(self) -> str:
        return self._entry

    # ---- the action

    async def run(self) -> Outcome:
        """Until the caller is served or leaves the queue. CancelledError: the caller has hung up."""
        pending = self._parts.callbacks.of(self._queue, self._request.identity)
        if pending is not None:
            outcome = await self._return(pending)
            if outcome is not None:
                return outcome
        else:
            self._parts.offers.register(self._entry, self)
            refused = self._runner.enter(self._enqueue(), self, self._visitor.call_id, self._known())
            if refused is not None:
                self._parts.offers.unregister(self._entry)
                return Outcome(refused.value)
        try:
            return await self._stay()
        finally:
            self._leave()

    async def carry_on(self, connected: Connected | None) -> Outcome:
        """The same for a customer who was called back, with an agent already or (None) still without."""
        self._take_place(self._entry)
        if connected is not None:
            self._news.put_nowait(connected)
        else:
            self._runner.post(ReturnToWait(self._entry))
        self._told.heard = self._informed()
        try:
            return await self._stay()
        finally:
            self._leave()

    async def _stay(self) -> Outcome:
        while True:
            news = await self._wait()
            outcome: Outcome | None
            match news:
                case Leaving():
                    return Outcome(EXITS.get(news, "error"))
                case Connected():
                    outcome = await self._talk(news)
                case _Wish.CHAT:
                    await self._ask_chat()
                    outcome = None
                case _Wish():
                    outcome = await self._ask_callback(closing=news is _Wish.CLOSING)
                case _:
                    assert_never(news)
            if outcome is not None:
                return outcome

    def _take_place(self, entry: str) -> None:
        """The place of this callback is ours."""
        self._entry = entry
        self._parts.offers.register(entry, self)
        self._runner.hand_over(entry, self, self._visitor.call_id)

    def _enqueue(self) -> Enqueue:
        request = self._request
        return Enqueue(
            entry=self._entry,
            queue=request.queue,
            priority=request.priority,
            skills=request.skills,
            language=request.language,
            sticky=request.sticky or None,
            identity=request.identity,
            maximum_wait_s=request.timeout_s or None,
        )

    def _known(self) -> Mapping[str, Any]:
        """What a restart has to know of the caller, beside the place."""
        ani, dnis = self._leg.remote, self._leg.local
        return {
            "ani": ani.number,
            "dnis": dnis.number,
            "name": ani.display_name,
            "context": dict(self._visitor.context()),
            "envelope": "" if self.envelope is None else self.envelope.id,
            VERIFIED: is_verified(self._leg),
        }

    def _leave(self) -> None:
        """However the visit came to its end. The engine ignores what it knows already."""
        self._over = True
        while not self._news.empty():  # an agent who was given to us in the very moment the caller went
            news = self._news.get_nowait()
            if isinstance(news, Connected):
                self._runner.post(JoinFailed(news.offer, Miss.CALLER_GONE))
                news.line.release()
        if not self._called_back:
            self._end_entry()
        screen = screen_of(self._leg)
        screen.show_place(None)
        screen.show_agent(None)

    async def _survey(self) -> None:
        """What they thought of it, if the queue asks; the agent's part is over before."""
        definition, surveys = self._definition(), self._parts.surveys
        survey = self._visitor.active.plan.surveys.get(definition.survey)
        if surveys is None or survey is None or self._leg.state is not LegState.CONFIRMED:
            return
        facts = self._facts(None)
        self._end_entry()
        self._visitor.live.enter(
            Stage.DIALPLAN, self._parts.conversations.clock.utc(), queue=self._queue, entry=""
        )
        await surveys.ask(survey, self._visitor, self._keys, self._language, facts)

    def _end_entry(self) -> None:
        if self._served:
            return
        if self._talking:
            self._served = True
            self._runner.post(Finished(self._entry, by=self._hung_up_by))
            self._invite()
        elif not self._runner.keeps_places:
            self._runner.post(Leave(self._entry, Leaving.ABANDONED))
        self._parts.offers.unregister(self._entry)
        self._runner.forget(self._entry)

    def _invite(self) -> None:
        """Who hung up first couldn't be asked."""
        definition, surveys = self._definition(), self._parts.surveys
        if surveys is not None and definition.survey_link and self._hung_up_by == "caller":
            surveys.invite(definition.survey, self._visitor)

    # ---- waiting

    async def _wait(self) -> Connected | Leaving | _Wish:
        if not self._news.empty():
            return self._news.get_nowait()
        self._visitor.live.enter(
            Stage.QUEUE, self._parts.conversations.clock.utc(), queue=self._queue, entry=self._entry
        )
        self._room = WaitingRoom(
            self._parts.waiting,
            self._leg,
            self._visitor.control,
            self._visitor.active,
            self._entry,
            self._definition(),
            self._language,
            self._visitor.log,
            self._told,
            self._facts,
        )
        self._ear.listen(self._definition(), self._language)
        try:
            async with asyncio.TaskGroup() as tasks:
                inside = tasks.create_task(self._room.run())
                keys = tasks.create_task(self._heed_keys(self._room))
                try:
                    return await self._news.get()
                finally:
                    inside.cancel()
                    keys.cancel()
        finally:
            self._ear.stop()
            self._room.leave()
            self._room = None

    async def _heed_keys(self, room: WaitingRoom) -> None:
        """The keys of the queue, and the one that the node names."""
        while True:
            digit = await self._keys.get()
            key = self._definition().keys.get(digit)
            if digit == self._request.leave_key or (key is not None and key.action is KeyAction.LEAVE):
                self._runner.post(Leave(self._entry, Leaving.KEY))
                self._news.put_nowait(Leaving.KEY)
            elif key is None:
                continue
            elif key.action is KeyAction.POSITION:
                room.tell_now()
            elif key.action is KeyAction.CALLBACK:
                self._news.put_nowait(_Wish.CALLBACK)
            elif key.action is KeyAction.CHAT:
                self._news.put_nowait(_Wish.CHAT)
            elif key.action is KeyAction.LANGUAGE:
                self._language = key.language
                room.speak(key.language)
                self._ear.listen(self._definition(), key.language)

    def _definition(self) -> QueueDefinition:
        """Of the plan the caller came by; a queue that only a newer plan has is one with all defaults."""
        known = self._visitor.active.plan.queues
        return known[self._queue] if self._queue in known else known[self._request.queue]

    def _facts(self, agent: AgentProfile | None) -> WaitingFacts:
        """What announcements and the whisper may name."""
        entry, view = self._runner.entry(self._entry), self._runner.queue(self._queue)
        estimate = self._parts.waiting.forecasts.of(self._entry)
        median_s = None if estimate is None else estimate.median_s
        caller = self.caller
        context = self._visitor.context() if self.envelope is None else self.envelope.plan_view()
        known = caller_of(context)
        return WaitingFacts(
            caller={
                "number": caller.number,
                "name": known.get("name") or caller.display_name,
                "language": self._language,
                "authenticated": known.get("authenticated", False),
                "id": known.get("id", ""),
            },
            context=context,
            queue_name=self._queue,
            queue={} if view is None else queue_facts(view, median_s, self._runner.now),
            entry=self._entry,
            priority=0 if entry is None else entry.priority,
            position=0 if entry is None else entry.position or 0,
            callback=entry is not None and entry.callback,
            skills={} if entry is None else entry.skills,
            waited_s=0.0 if entry is None else self._runner.now - entry.enqueued_at,
            agent_id="" if agent is None else agent.id,
            agent_name="" if agent is None else agent.name,
        )

    # ---- callbacks

    async def _return(self, pending: PendingCallback) -> Outcome | None:
        """The caller has a callback already; None: they wait, at its place."""
        callback, desk = pending.callback, self._parts.callbacks
        position = self._runner.position(callback.id) or 1
        match await self._choice(callback, position):
            case PendingChoice.KEEP:
                return Outcome("called_back")
            case PendingChoice.CANCEL:
                desk.cancel(callback.id, "caller")
                await self._asking.say(self._asker(), "cancelled")
                return Outcome("called_back")
            case _:
                pass
        if desk.of(self._queue, self._request.identity) is not pending:
            return Outcome("error")  # it was given up, or kept, while they listened
        self._take_back(pending)
        return None

    async def _choice(self, callback: Callback, position: int) -> PendingChoice | None:
        """Who was cut off by a restart, and calls again, has asked for nothing: they wait where they were."""
        if callback.source == RESTART:
            return PendingChoice.WAIT
        return await self._asking.about_pending(self._asker(), position)

    async def _ask_callback(self, *, closing: bool = False) -> Outcome | None:
        """Agree on a number while the place is kept; an agent who is there first ends the talk.

        None: the wait goes on.
        """
        agreed = await self._unless_news(self._agree(closing=closing))
        return None if agreed is None else await self._become_callback(agreed)

    async def _unless_news(self, talk: Coroutine[Any, Any, T]) -> T | None:
        """What comes of a talk; None when there was news first, which ends it and is heard next."""
        async with asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(talk)
            news = tasks.create_task(self._news.get())
            await asyncio.wait({talking, news}, return_when=asyncio.FIRST_COMPLETED)
            talking.cancel()
            news.cancel()
        if not news.cancelled():
            self._visitor.control.stop_audio()
            self._news.put_nowait(news.result())
            return None
        return talking.result()

    async def _ask_chat(self) -> None:
        """Webhooks are told, and when that is sure the caller is; the wait goes on."""
        if not self._chat_asked:
            self._chat_asked = True
            self._runner.record(JournalKind.CHAT_REQUESTED, entry=self._entry, queue=self._queue)
        if await self._runner.settled():
            await self._unless_news(self._asking.say(self._asker(), CHAT_SENT))

    async def _agree(self, *, closing: bool) -> Agreed | None:
        if closing:
            await self._asking.say(self._asker(), "closing")
        return await self._asking.agree(self._asker())

    async def _become_callback(self, agreed: Agreed) -> Outcome | None:
        """The place is a callback's from now on, and the caller is told so when it is on disk.

        If it can't be stored, they wait on; who had a callback before has that one, as it was.
        """
        asker, estimate = self._asker(), self._parts.waiting.forecasts.of(self._entry)
        async with self._asking.changing(asker, agreed):
            try:
                kept = self._asking.keep(asker, agreed)
            except CallbackRefused:  # somebody else has taken the time meanwhile
                await self._asking.say(asker, "later")
                return None
            pending = kept.pending
            self._called_back = pending.callback.id
            if not await self._runner.settled():
                self._asking.undo(kept)
                if self._called_back == self._entry:
                    self._called_back = ""
                    self._take_back(pending)
                    await self._asking.say(asker, "later")
                    return None
        await self._asking.tell_kept(asker, pending.callback, agreed, estimate)
        return Outcome("called_back")

    def _take_back(self, pending: PendingCallback) -> None:
        """The place of this callback is the caller's, who is on the line; where it is they know."""
        self._take_place(pending.callback.id)
        self._parts.callbacks.hand_back(pending)
        self._runner.post(ReturnToWait(self._entry))
        self._told.heard = self._informed()

    def _informed(self) -> Heard:
        """Who knows already that they are waiting, and where."""
        now = self._runner.now
        return Heard(now, welcomed=True, asked_at=now, told_at=now)

    def _asker(self) -> Asker:
        return Asker(self._entry, self._queue, self._request.identity, self._language, self._facts(None))

    def closing(self) -> None:
        """The node stops soon. Who waits is told, and offered a callback; who stays on the line until the end
        becomes one at the next start, by the queue's rule.
        """
        if not self._talking and not self._over:
            self._news.put_nowait(_Wish.CLOSING)

    # ---- Waiter: what the engine says

    def dismissed(self, reason: Leaving) -> None:
        self._hush()
        self._news.put_nowait(reason)

    def moved(self, queue: str) -> None:
        self._queue = queue
        self._visitor.live.update(queue=queue)
        if self._room is not None:
            self._room.move(self._definition())
            self._ear.listen(self._definition(), self._language)

    # ---- QueuedCall: what the offers ask

    @property
    def caller(self) -> Party:
        # Not their address: the agent's phone would call them back past us.
        return Party(self._leg.remote.number, self._leg.remote.display_name)

    @property
    def context(self) -> Mapping[str, Any]:
        return self._visitor.context()

    def headers(self) -> Headers:
        mine = (("X-Ringback-Call", self._visitor.call_id), ("X-Ringback-Queue", self._queue))
        return mine if self.envelope is None else (*mine, *self.envelope.headers())

    @property
    def envelope(self) -> CallContext | None:
        return self._visitor.envelope

    async def brief(self, agent: AgentProfile) -> Briefing:
        return await self._parts.waiting.sounds.brief(
            self._visitor.active, self._definition(), agent, self._facts(agent)
        )

    def asked(self, offer: Offer) -> bool:  # noqa: ARG002  # the port's
        return True

    def withdrawn(self, offer: str) -> None:
        """Only agents were asked; the desk of the offers tells them."""

    def agent_answered(self, agent: AgentProfile) -> None:
        screen_of(self._leg).show_agent(agent.name)
        if self._room is not None:
            self._room.say_connecting(agent)

    def connect(self, connect: Connect, agent: AgentProfile, line: Line) -> None:
        """Silence first: not a word of an announcement after the agent has accepted."""
        self._hush()
        if self._over:
            self._runner.post(JoinFailed(connect.offer, Miss.CALLER_GONE))
            line.release()
            return
        self._news.put_nowait(Connected(connect.offer, agent, line))

    def _hush(self) -> None:
        if self._room is not None:
            self._room.leave()

    # ---- talking

    async def _talk(self, connected: Connected) -> Outcome | None:
        """The conversation; None when the caller waits again."""
        if connected.line.leg.state is LegState.TERMINATED:
            self._runner.post(JoinFailed(connected.offer, Miss.DISCONNECTED))
            self._runner.post(ReturnToWait(self._entry))  # of a callback: its customer is on the line now
            connected.line.release()
            return None
        entry = self._runner.entry(self._entry)
        now = self._runner.now
        definition = self._definition()
        sounds, active = self._parts.waiting.sounds, self._visitor.active
        music = await sounds.music(active, definition)
        facts = self._facts(connected.agent)
        consent = await sounds.consent(active, self._queue, self._language, facts)
        conversation = Conversation(
            CallIdentity(
                self._visitor.call_id,
                self._entry,
                self._queue,
                wait_s=now - entry.joined_at if entry is not None else 0.0,
            ),
            self._leg,
            self._parts.conversations,
            hold_music=[] if music is None else [music],
            recording=RecordingRules(
                allowed=definition.recording.when is not RecordWhen.NEVER,
                at_once=definition.recording.when is RecordWhen.ALWAYS,
                consent=consent,
                keeping=Keeping(definition.recording.format, definition.recording.retention_s),
            ),
        )
        self._runner.post(Joined(connected.offer))
        self._talking, self._hung_up_by = True, "caller"
        self._visitor.live.served = Served(self._queue, self._entry, connected.agent.id)
        screen = screen_of(self._leg)
        screen.show_place(None)
        screen.show_agent(connected.agent.name)
        end = await conversation.run(connected.agent.id, connected.line, self._keys)
        screen.show_agent(None)
        self._hung_up_by = "agent"
        return await self._go_on(end)

    async def _go_on(self, end: ConversationEnd) -> Outcome | None:
        match end:
            case AgentHungUp(lost=True):
                # Their phone or its network failed: the caller isn't done, and waits at the place they had.
                self._requeue(None)
                return None
            case AgentHungUp():
                await self._survey()
                return Outcome("next")
            case Requeued():
                self._requeue(end.queue, priority=end.priority, skills=end.skills)
                return None
            case BlindTransfer(target=target):
                return await self._send_on(target)
            case TransferFailed() | Faulted():
                # The caller is alone and has done nothing to deserve it: back to the place they had.
                self._requeue(None)
                return None
            case _:
                assert_never(end)

    async def _send_on(self, target: Target) -> Outcome | None:
        match target:
            case ToQueue(queue):
                self._requeue(queue)
                return None
            case ToAgent(agent):
                self._requeue(None, sticky=agent)
                return None
            case ToFlow(flow):
                return Outcome("next", flow=flow)
            case ToNumber(number):
                return await self._dial(number)
            case _:
                assert_never(target)

    def _requeue(
        self,
        queue: str | None,
        *,
        priority: int | None = None,
        skills: Mapping[str, int] | None = None,
        sticky: str | None = None,
    ) -> None:
        self._talking = False
        self._queue = queue or self._queue
        self._runner.post(Requeue(self._entry, queue, priority, skills, sticky))

    async def _dial(self, number: str) -> Outcome | None:
        """Where the agent sent the caller; from there they may be sent on again."""
        call = self._visitor
        request = DialRequest(number, TRANSFER_RING_S)
        _, end = await self._parts.dialling.dial(call.call_id, call.leg, request, self._keys)
        if end is None:  # nobody there, and the agent is gone
            self._requeue(None)
            return None
        return await self._go_on(end)
