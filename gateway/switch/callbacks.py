"""The callbacks of a node: those that wait, how one comes to be, and what is allowed.

Whoever hears that a callback is kept may rely on it: `settled` says that it is on disk, and is asked before a
word is said.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import structlog

from gateway.agents.profile import AgentProfile
from gateway.callbacks.claims import ClaimFault, ClaimRefused
from gateway.callbacks.numbers import CallableNumber, check_number
from gateway.callbacks.policy import CallbackPolicy, RateLimits
from gateway.callbacks.request import Callback, CallbackFault, CallbackRefused, CallbackWish
from gateway.callbacks.scheduler import Slot
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queue_facts import queue_facts
from gateway.dialplan.queues import QueueDefinition
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.faults import point
from gateway.handoff.desk import HandoffDesk
from gateway.queues.entry import EntryState
from gateway.queues.forecasts import Forecasts
from gateway.queues.journal import JournalKind
from gateway.queues.runner import QueueRunner
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import BecomeCallback, Claim, Enqueue, Leave, Leaving, Postpone
from gateway.switch.callback_times import can_be_called, slots_of, start_of
from gateway.switch.conversation_ends import Target, ToFlow
from gateway.switch.conversation_parts import ConversationParts
from gateway.switch.customer_call import CustomerCall
from gateway.switch.dialling import Addresses
from gateway.switch.live_calls import CallChanged, LiveCall
from gateway.switch.offers import OfferDesk
from gateway.switch.outbound import Outbound, OutboundLeg
from gateway.switch.pending_callback import STATES, PendingCallback
from gateway.switch.ports import OpenEar, OpenPlayer
from gateway.switch.queue_sounds import QueueSounds
from gateway.switch.queueing import QueueParts
from monitoring.metrics import CallbackStats

log = structlog.get_logger(__name__)

HELD_S: Final = 60.0
"""Who asks for a callback is on the line still, and isn't dialled: so long at most, if we crash meanwhile."""

CLEARING_S: Final = 4.0
"""And not in the seconds after, while their phone lets go of the call."""

REMEMBERED: Final = 1000
"""Callbacks that are over and can still be asked for."""


GoOn = Callable[[OutboundLeg, LiveCall, Target], Awaitable[None]]
"""Carries on somebody whom we called and who has answered."""


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the callbacks of a node use. `active`: the plan in force; callbacks go by it, not by the one under
    which they were asked for. `calendars`: those that were set by hand.
    """

    runner: QueueRunner
    offers: OfferDesk
    outbound: Outbound
    addresses: Addresses
    conversations: ConversationParts
    sounds: QueueSounds
    forecasts: Forecasts
    active: Callable[[], ActivePlan]
    calendars: Callable[[], Mapping[str, str]]
    open_player: OpenPlayer
    open_ear: OpenEar
    envelopes: HandoffDesk | None = None


class CallbackDesk:
    """Used as `async with`; leaving it calls off the dials under way. `attach` before the first callback."""

    def __init__(self, parts: CallbackParts) -> None:
        self.runner = parts.runner
        self.conversations = parts.conversations
        self.sounds = parts.sounds
        self.open_player = parts.open_player
        self.envelopes = parts.envelopes
        self.open_ear = parts.open_ear
        self.offers = parts.offers
        self._parts = parts
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._pending: dict[str, PendingCallback] = {}
        self._over: OrderedDict[str, PendingCallback] = OrderedDict()
        self._asked_in: dict[str, str] = {}  # the callback that was asked for in a call that goes on
        self._limits = RateLimits()
        self._visits: QueueParts | None = None
        self._go_on: GoOn | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._unsubscribe = self.conversations.live_calls.subscribe(self.call_changed)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()
        for task in self._running:
            task.cancel()
        await self._tasks.__aexit__(kind, error, trace)

    def attach(self, visits: QueueParts, go_on: GoOn) -> None:
        """How customers who are called are carried on: in the queue, or by a flow an agent sends them to."""
        self._visits, self._go_on = visits, go_on

    # ---- what is to be seen

    def of(self, queue: str, identity: str) -> PendingCallback | None:
        """The live callback of this identity in this queue."""
        entry = self.runner.callback_of(queue, identity)
        return None if entry is None else self._pending.get(entry)

    def find(self, entry: str) -> PendingCallback | None:
        """A callback that waits, or is over since not too long."""
        return self._pending.get(entry) or self._over.get(entry)

    def pending(self) -> Sequence[PendingCallback]:
        """Those that wait or are dialled, the oldest first."""
        return tuple(self._pending.values())

    def stats(self) -> Sequence[CallbackStats]:
        """How many of each queue are in which state, zeros included."""
        counts = Counter((pending.callback.queue, pending.state) for pending in self._pending.values())
        return [
            CallbackStats(view.name, state, counts[view.name, state])
            for view in self.runner.queues()
            for state in STATES
        ]

    def policy(self, queue: str) -> CallbackPolicy:
        return self.definition(queue).callback.policy

    # ---- how one comes to be

    def check(self, queue: str, number: str) -> CallableNumber:
        """Raises NumberRefused."""
        return check_number(number, self.policy(queue).numbers)

    def check_limits(self, queue: str, identity: str, number: CallableNumber) -> None:
        """Raises CallbackRefused when there can't be one more."""
        policy, now = self.policy(queue), self.runner.now
        if not self._limits.allows(f"identity:{identity}" if identity else "", policy.per_identity, now):
            raise CallbackRefused(CallbackFault.TOO_MANY_OF_CALLER)
        if not self._limits.allows(f"number:{number.dialled}", policy.per_number, now):
            raise CallbackRefused(CallbackFault.TOO_MANY_OF_NUMBER)

    def convert(self, callback: Callback) -> PendingCallback:
        """The caller who waits at the entry `callback.id` has a callback instead, from now on.

        Of a customer who has one already, that one is kept and updated; it is what is returned.
        """
        same = self._same_number(callback.queue, callback.number)
        pending = self._open(callback)
        point("callback.opened")
        pending.due_at = self._due(callback, self._hold(callback))
        if same is not None:
            self.runner.post(Leave(callback.id, Leaving.MERGED))
        else:
            self.runner.post(BecomeCallback(callback.id, pending.due_at))
        return self._settle(pending, same)

    async def request(self, wish: CallbackWish) -> tuple[PendingCallback, bool]:
        """A callback for somebody who isn't in the queue; and whether it is new. On disk when this returns.

        Of a customer who has one in the queue already, that one is updated. Raises NumberRefused and
        CallbackRefused.
        """
        queue = wish.queue
        if self.runner.queue(queue) is None:
            raise CallbackRefused(CallbackFault.UNKNOWN_QUEUE)
        number = self.check(queue, wish.number)
        known = self.of(queue, wish.identity) or self._same_number(queue, number)
        if known is None:
            self.check_limits(queue, wish.identity, number)
        slot = self.slot_of(queue, wish.at, number)
        callback = self._callback_of(wish, number, slot)
        if known is not None:
            self._update(known, callback, self._hold(callback))
            pending, new = known, False
        else:
            pending, new = self._enter(callback, wish)
        if not await self.runner.settled():
            if new:
                self.runner.post(Leave(callback.id, Leaving.CANCELLED))
            raise CallbackRefused(CallbackFault.NOT_STORED)
        return pending, new

    def _callback_of(self, wish: CallbackWish, number: CallableNumber, slot: float | None) -> Callback:
        estimate = None if wish.at is not None else self._parts.forecasts.of_newcomer(wish.queue)
        return Callback(
            id=new_id(),
            queue=wish.queue,
            number=number,
            requested_at=self.runner.now,
            call_id=new_id(),
            caller_id=wish.caller_id,
            name=wish.name,
            identity=wish.identity,
            language=wish.language,
            source=wish.source,
            by=wish.by,
            asked_in=wish.asked_in,
            not_before=wish.at,
            slot=slot,
            promised_s=None if estimate is None else (estimate.low_s, estimate.high_s),
            context=wish.context,
        )

    def _enter(self, callback: Callback, wish: CallbackWish) -> tuple[PendingCallback, bool]:
        pending = self._open(callback)
        pending.due_at = self._due(callback, self._hold(callback))
        enqueue = Enqueue(
            entry=callback.id,
            queue=callback.queue,
            priority=wish.priority,
            skills=wish.skills,
            language=callback.language,
            sticky=wish.sticky or None,
            identity=callback.identity,
            callback=True,
            not_before=pending.due_at,
        )
        if self.runner.enter(enqueue, pending, callback.call_id) is not None:
            pending.dismissed(Leaving.MERGED)
        found = self._settle(pending, None)
        return found, found is pending

    def reopen(
        self, callback: Callback, enqueue: Enqueue, known: Mapping[str, Any]
    ) -> PendingCallback | None:
        """One of before a restart, at its place; None when its queue doesn't take it."""
        pending = self._open(callback)
        pending.due_at = self._due(callback, 0.0)
        enqueue = replace(enqueue, not_before=pending.due_at)
        if self.runner.enter(enqueue, pending, callback.call_id, {**known, **callback.details()}) is None:
            return pending
        self._forget(pending)
        self._parts.offers.unregister(callback.id)
        return None

    # ---- times

    def slots(self, queue: str) -> Sequence[Slot]:
        """Those that can be chosen; none where the queue has none."""
        rules = self.policy(queue).slots
        if rules is None:
            return ()
        taken = Counter(
            pending.callback.slot
            for pending in self._pending.values()
            if pending.callback.slot is not None and pending.callback.queue == queue
        )
        calendars = self.active.plan.calendars
        now = self._parts.conversations.clock.utc()
        return slots_of(rules, calendars.get(rules.calendar), self._parts.calendars(), taken, now)

    def slot_of(self, queue: str, at: float | None, number: CallableNumber) -> float | None:
        """The slot in which `at` is, where the queue has slots. Raises CallbackRefused for a time at which
        nobody can be called.
        """
        if at is None:
            return None
        policy, now = self.policy(queue), self.runner.now
        if not can_be_called(at, now, number.zones, policy):
            raise CallbackRefused(CallbackFault.NO_SUCH_TIME)
        if policy.slots is None:
            return None
        start = start_of(policy.slots, at)
        if all(slot.start.timestamp() != start for slot in self.slots(queue)):
            raise CallbackRefused(CallbackFault.NO_SUCH_TIME)
        return start

    # ---- what becomes of one

    def call_changed(self, change: CallChanged) -> None:
        """Who asked has hung up: from now on they can be called."""
        entry = self._asked_in.pop(change.call_id, None) if change.call is None else None
        pending = None if entry is None else self._pending.get(entry)
        if pending is not None:
            point("callback.releasing")
            self._postpone(pending, CLEARING_S)

    def cancel(self, entry: str, by: str) -> bool:
        """Whether there was one to cancel."""
        if entry not in self._pending:
            return False
        self.runner.post(Leave(entry, Leaving.CANCELLED, by))
        return entry not in self._pending

    async def change(self, entry: str, *, number: str | None = None, at: float | None = None) -> bool:
        """Another number or time; None keeps it. False when it isn't pending any more.

        Raises NumberRefused and CallbackRefused; then it is as it was.
        """
        pending = self._pending.get(entry)
        if pending is None:
            return False
        callback = pending.callback
        checked = callback.number if number is None else self.check(callback.queue, number)
        if at is not None:
            pending.change(slot=self.slot_of(callback.queue, at, checked), not_before=at)
        pending.change(number=checked)
        self._postpone(pending, 0.0)
        self._record(pending)
        if not await self.runner.settled():
            raise CallbackRefused(CallbackFault.NOT_STORED)
        return True

    def claim(self, entry: str, agent: str, by: str) -> None:
        """This agent takes it now: they are rung, and the customer after they have accepted (or before, by
        the rules of the queue). A chosen time and the pause between tries don't hold an agent back, the
        calling hours do. Raises ClaimRefused.
        """
        pending, claimant = self._pending.get(entry), self.runner.agent(agent)
        place = self.runner.entry(entry)
        if pending is None or place is None:
            raise ClaimRefused(ClaimFault.OVER if place is None else ClaimFault.TAKEN)
        callback = pending.callback
        if place.state is not EntryState.CALLBACK_WAITING:
            raise ClaimRefused(ClaimFault.TAKEN)
        if claimant is None or not claimant.free:
            raise ClaimRefused(ClaimFault.AGENT_NOT_FREE)
        if callback.queue not in claimant.profile.queues:
            raise ClaimRefused(ClaimFault.OTHER_QUEUE)
        if self._hold(callback):
            raise ClaimRefused(ClaimFault.ON_THE_LINE)
        now = self.runner.now
        if self.policy(callback.queue).allowed_from(now, callback.number.zones) > now:
            raise ClaimRefused(ClaimFault.OUT_OF_HOURS)
        self.runner.post(Claim(entry, agent, by))
        self._parts.offers.accept(agent)  # they have said so: their phone is all that they have to answer

    def hand_back(self, pending: PendingCallback) -> None:
        """The customer waits on the line again."""
        pending.stand_down()
        self._forget(pending)

    async def settled(self) -> bool:
        """Everything so far is on disk; False: promise nothing."""
        return await self.runner.settled()

    # ---- for the callbacks themselves

    @property
    def active(self) -> ActivePlan:
        return self._parts.active()

    @property
    def visits(self) -> QueueParts:
        if self._visits is None:
            raise RuntimeError("a callback before anybody could carry it on")
        return self._visits

    async def go_on(self, leg: OutboundLeg, live: LiveCall, flow: str) -> None:
        """The customer goes on in `flow`, until they have hung up or it ends."""
        if self._go_on is not None:
            await self._go_on(leg, live, ToFlow(flow))

    def customer_call(self) -> CustomerCall:
        parts = self._parts
        return CustomerCall(parts.outbound, parts.conversations, parts.addresses)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._tasks.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def definition(self, queue: str) -> QueueDefinition:
        """As the plan in force has it; a queue that isn't in it any more is one with all defaults."""
        known = self.active.plan.queues.get(queue)
        if known is not None:
            return known
        first = next(iter(self.active.plan.queues.values()))
        return QueueDefinition(first.at, QueueSettings(queue))

    def facts(
        self, callback: Callback, context: Mapping[str, Any], agent: AgentProfile | None
    ) -> WaitingFacts:
        """What texts about this callback may name."""
        runner = self.runner
        entry, view = runner.entry(callback.id), runner.queue(callback.queue)
        return WaitingFacts(
            caller={
                "number": callback.number.dialled,
                "name": callback.name,
                "language": callback.language,
                "id": callback.identity,
            },
            context=context,
            queue_name=callback.queue,
            queue={} if view is None else queue_facts(view, None, runner.now),
            entry=callback.id,
            priority=0 if entry is None else entry.priority,
            position=0 if entry is None else entry.position or 0,
            callback=True,
            skills={} if entry is None else entry.skills,
            waited_s=0.0 if entry is None else runner.now - entry.enqueued_at,
            agent_id="" if agent is None else agent.id,
            agent_name="" if agent is None else agent.name,
        )

    def keep_in_mind(self, pending: PendingCallback) -> None:
        """The customer is on the line: it isn't pending any more."""
        if self._pending.get(pending.callback.id) is pending:
            del self._pending[pending.callback.id]
        self._remember(pending)

    def drop(self, pending: PendingCallback) -> None:
        """It is over, unserved."""
        self._forget(pending)
        self.offers.unregister(pending.callback.id)
        self.runner.forget(pending.callback.id)
        self._remember(pending)
        if pending.over is Leaving.EXHAUSTED:
            # Webhooks were told by the journal's event of the last try (`switch.telling`).
            _log_exhausted(pending.callback)

    # ---- inside

    def _open(self, callback: Callback) -> PendingCallback:
        pending = PendingCallback(self, callback)
        self._pending[callback.id] = pending
        self.offers.register(callback.id, pending)
        self.runner.hand_over(callback.id, pending, callback.call_id)
        return pending

    def _settle(self, pending: PendingCallback, same: PendingCallback | None) -> PendingCallback:
        """After the engine was told: the new one, or the one that stands for it."""
        callback, now = pending.callback, self.runner.now
        if pending.over is not None:
            live = same or self.of(callback.queue, callback.identity)
            if live is not None:
                self._update(live, callback, self._hold(callback))
                return live
            return pending
        self._note_call(pending)
        self._limits.count(f"identity:{callback.identity}" if callback.identity else "", now)
        self._limits.count(f"number:{callback.number.dialled}", now)
        self._record(pending)
        return pending

    def _update(self, live: PendingCallback, wish: Callback, hold_s: float) -> None:
        """A second request of the same customer: the last word on number and time counts."""
        live.change(number=wish.number, not_before=wish.not_before, slot=wish.slot, asked_in=wish.asked_in)
        self._note_call(live)
        if wish.promised_s is not None:
            live.change(promised_s=wish.promised_s)
        self._postpone(live, hold_s)
        self._record(live)

    def _record(self, pending: PendingCallback) -> None:
        point("callback.recording")
        callback = pending.callback
        self.runner.record(
            JournalKind.CALLBACK_UPDATED,
            entry=callback.id,
            queue=callback.queue,
            details=callback.details(),
        )

    def _same_number(self, queue: str, number: CallableNumber) -> PendingCallback | None:
        """Nobody is called twice for one wish, known or not."""
        for pending in self._pending.values():
            known = pending.callback
            if known.number.dialled == number.dialled and known.queue == queue:
                return pending
        return None

    def _hold(self, callback: Callback) -> float:
        """How long not to call: who asks on the phone is on it."""
        live = self.conversations.live_calls.find(callback.asked_in)
        return 0.0 if live is None else HELD_S

    def _note_call(self, pending: PendingCallback) -> None:
        if pending.callback.asked_in:
            self._asked_in[pending.callback.asked_in] = pending.callback.id

    def _due(self, callback: Callback, hold_s: float) -> float:
        """The earliest that the time chosen, a call that goes on, and the customer's calling hours allow."""
        at = max(self.runner.now + hold_s, callback.not_before or 0.0)
        return self.policy(callback.queue).allowed_from(at, callback.number.zones)

    def _postpone(self, pending: PendingCallback, hold_s: float) -> None:
        pending.due_at = self._due(pending.callback, hold_s)
        self.runner.post(Postpone(pending.callback.id, pending.due_at))

    def _forget(self, pending: PendingCallback) -> None:
        if self._pending.get(pending.callback.id) is pending:
            del self._pending[pending.callback.id]

    def _remember(self, pending: PendingCallback) -> None:
        self._over[pending.callback.id] = pending
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)


def _log_exhausted(callback: Callback) -> None:
    log.warning(
        "callback_exhausted",
        entry=callback.id,
        queue=callback.queue,
        attempts=callback.attempts,
        outcome=None if callback.last_outcome is None else callback.last_outcome.value,
    )


def new_id() -> str:
    return uuid4().hex
