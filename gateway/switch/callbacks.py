"""The callbacks of a node: those that wait, how one comes to be, and what is allowed.

Whoever hears that a callback is kept may rely on it: `settled` says that it is on disk, and is asked before a
word is said.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import Any, Final, Protocol, Self
from uuid import uuid4

import structlog

from gateway.agents.profile import AgentProfile
from gateway.callbacks.numbers import CallableNumber, NumberRefused, check_number
from gateway.callbacks.policy import CallbackPolicy, RateLimits
from gateway.callbacks.request import RESTART, Callback
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queue_facts import queue_facts
from gateway.dialplan.queues import QueueDefinition
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.faults import point
from gateway.queues.journal import JournalKind
from gateway.queues.open_entries import OpenEntry, number_of, optional_number
from gateway.queues.restart import Resume
from gateway.queues.runner import QueueRunner
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import BecomeCallback, Enqueue, Leave, Leaving, Postpone, Refused
from gateway.switch.conversation_parts import ConversationParts
from gateway.switch.customer_call import CustomerCall
from gateway.switch.dialling import Addresses
from gateway.switch.offers import OfferDesk
from gateway.switch.outbound import Outbound
from gateway.switch.pending_callback import PendingCallback
from gateway.switch.ports import OpenPlayer
from gateway.switch.queue_sounds import QueueSounds
from gateway.switch.queueing import QueueParts

log = structlog.get_logger(__name__)

HELD_S: Final = 60.0
"""Who asks for a callback is on the line still, and isn't dialled: so long at most, if we crash meanwhile."""

CLEARING_S: Final = 4.0
"""And not in the seconds after, while their phone lets go of the call."""

REMEMBERED: Final = 1000
"""Callbacks that are over and can still be asked for."""


class Denied(Enum):
    """Why a callback isn't taken on, beside what is wrong with its number."""

    UNKNOWN = "unknown"  # no such queue
    TOO_MANY_OF_CALLER = "too_many_of_caller"
    TOO_MANY_OF_NUMBER = "too_many_of_number"


class CallbackNotices(Protocol):
    """Who is told of a callback that came to nothing, so that the customer hears of it in another way."""

    def exhausted(self, callback: Callback) -> None:
        """After the last try. Returns at once."""
        ...


class LoggedNotices:
    """Notices in the log; the journal has the event anyway."""

    def exhausted(self, callback: Callback) -> None:
        log.warning(
            "callback_exhausted",
            entry=callback.id,
            queue=callback.queue,
            attempts=callback.attempts,
            outcome=None if callback.last_outcome is None else callback.last_outcome.value,
        )


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the callbacks of a node use."""

    runner: QueueRunner
    offers: OfferDesk
    outbound: Outbound
    addresses: Addresses
    conversations: ConversationParts
    sounds: QueueSounds
    open_player: OpenPlayer
    notices: CallbackNotices


class CallbackDesk:
    """Used as `async with`; leaving it calls off the dials under way. `attach` before the first callback."""

    def __init__(self, parts: CallbackParts) -> None:
        self.runner = parts.runner
        self.conversations = parts.conversations
        self.sounds = parts.sounds
        self.open_player = parts.open_player
        self._parts = parts
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._pending: dict[str, PendingCallback] = {}
        self._over: OrderedDict[str, PendingCallback] = OrderedDict()
        self._limits = RateLimits()
        self._visits: QueueParts | None = None
        self._active: ActivePlan | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._running:
            task.cancel()
        await self._tasks.__aexit__(kind, error, trace)

    def attach(self, visits: QueueParts) -> None:
        """What the visits of customers who are called use."""
        self._visits = visits

    def put_in_force(self, active: ActivePlan) -> None:
        """Callbacks go by the plan of the moment, not by the one under which they were asked for."""
        self._active = active

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

    def policy(self, queue: str) -> CallbackPolicy:
        return self.definition(queue).callback.policy

    # ---- how one comes to be

    def check(self, queue: str, number: str) -> CallableNumber:
        """Raises NumberRefused."""
        return check_number(number, self.policy(queue).numbers)

    def denied(self, queue: str, identity: str, number: CallableNumber) -> Denied | None:
        """Why there can't be one more; None when there can."""
        if self.runner.queue(queue) is None:
            return Denied.UNKNOWN
        policy, now = self.policy(queue), self.runner.now
        if not self._limits.allows(f"identity:{identity}" if identity else "", policy.per_identity, now):
            return Denied.TOO_MANY_OF_CALLER
        if not self._limits.allows(f"number:{number.dialled}", policy.per_number, now):
            return Denied.TOO_MANY_OF_NUMBER
        return None

    def convert(self, callback: Callback) -> PendingCallback:
        """The caller who waits at the entry `callback.id` has a callback instead, from now on.

        Of a customer who has one already, that one is kept and updated; it is what is returned.
        """
        pending = self._open(callback)
        point("callback.opened")
        held_until = max(self._due(callback), self.runner.now + HELD_S)
        same = self._same_number(callback)
        if same is not None:
            self.runner.post(Leave(callback.id, Leaving.MERGED))
        else:
            self.runner.post(BecomeCallback(callback.id, held_until))
        return self._settle(pending, same, HELD_S)

    def add(self, callback: Callback, enqueue: Enqueue) -> tuple[PendingCallback, bool]:
        """One without a place yet; and whether it is new, or the customer's earlier one, updated."""
        same = self._same_number(callback)
        if same is not None:
            self._update(same, callback, 0.0)
            return same, False
        pending = self._open(callback)
        refused = self.runner.enter(enqueue, pending, callback.call_id)
        if refused is not None:
            pending.dismissed(Leaving.MERGED)
        found = self._settle(pending, None, 0.0)
        return found, found is pending

    # ---- after a restart

    def number_of(self, entry: OpenEntry) -> str | None:
        """The number at which this entry's caller may be called back; None when there is none."""
        try:
            return self.check(entry.queue, entry.number or entry.ani).dialled
        except NumberRefused:
            return None

    def resume(self, resume: Resume) -> Refused | None:
        """What was open before a restart is a callback, at its place; or why it can't be.

        A try that the restart cut off counts: the phone may have rung, and isn't rung again at once.
        """
        callback = self._of_before(resume)
        pending = self._open(callback)
        refused = self.runner.enter(
            replace(resume.enqueue, not_before=self._due(callback)),
            pending,
            callback.call_id,
            {**resume.known, **callback.details()},
        )
        if refused is not None:
            self._forget(pending)
            self._parts.offers.unregister(callback.id)
        elif resume.interrupted:
            pending.interrupted()
        return refused

    def _of_before(self, resume: Resume) -> Callback:
        entry, now = resume.entry, self.runner.now
        details = entry.details
        low_s, high_s = (optional_number(details, f"promised_{end}_s") for end in ("low", "high"))
        context = details.get("context")
        return Callback(
            id=entry.id,
            queue=entry.queue,
            number=self.check(entry.queue, resume.number),
            requested_at=number_of(details, "requested_at", now),
            call_id=new_id(),
            caller_id=str(details.get("caller_id", entry.dnis)),
            name=str(details.get("name", "")),
            identity=entry.identity,
            language=entry.language,
            source=str(details.get("source", "queue")) if entry.callback else RESTART,
            by=str(details.get("by", "")),
            asked_in=str(details.get("asked_in", "")) or entry.call_id,
            not_before=entry.not_before,
            promised_s=None if low_s is None or high_s is None else (low_s, high_s),
            attempts=entry.attempts,
            context=context if isinstance(context, Mapping) else {},
        )

    def release(self, entry: str) -> None:
        """The caller who asked has hung up: from now on they can be called."""
        pending = self._pending.get(entry)
        if pending is not None:
            due = max(self._due(pending.callback), self.runner.now + CLEARING_S)
            point("callback.releasing")
            self.runner.post(Postpone(entry, due))

    def cancel(self, entry: str, by: str) -> bool:
        """Whether there was one to cancel."""
        if entry not in self._pending:
            return False
        self.runner.post(Leave(entry, Leaving.CANCELLED, by))
        return entry not in self._pending

    def reschedule(self, entry: str, not_before: float | None) -> None:
        """Not before this; None for as soon as possible."""
        pending = self._pending[entry]
        pending.change(not_before=not_before)
        self.runner.post(Postpone(entry, self._due(pending.callback)))

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
        if self._active is None:
            raise RuntimeError("a callback before any plan was in force")
        return self._active

    @property
    def visits(self) -> QueueParts:
        if self._visits is None:
            raise RuntimeError("a callback before anybody could carry it on")
        return self._visits

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
        self._parts.offers.unregister(pending.callback.id)
        self.runner.forget(pending.callback.id)
        self._remember(pending)
        if pending.over is Leaving.EXHAUSTED:
            self._parts.notices.exhausted(pending.callback)

    # ---- inside

    def _open(self, callback: Callback) -> PendingCallback:
        pending = PendingCallback(self, callback)
        self._pending[callback.id] = pending
        self._parts.offers.register(callback.id, pending)
        self.runner.hand_over(callback.id, pending, callback.call_id)
        return pending

    def _settle(
        self, pending: PendingCallback, same: PendingCallback | None, hold_s: float
    ) -> PendingCallback:
        """After the engine was told: the new one, or the one that stands for it."""
        callback, now = pending.callback, self.runner.now
        if pending.over is not None:
            live = same or self.of(callback.queue, callback.identity)
            if live is not None:
                self._update(live, callback, hold_s)
                return live
            return pending
        self._limits.count(f"identity:{callback.identity}" if callback.identity else "", now)
        self._limits.count(f"number:{callback.number.dialled}", now)
        self._record(pending)
        return pending

    def _update(self, live: PendingCallback, wish: Callback, hold_s: float) -> None:
        """A second request of the same customer: the last word on number and time counts."""
        live.change(number=wish.number, not_before=wish.not_before, name=wish.name or live.callback.name)
        if wish.promised_s is not None:
            live.change(promised_s=wish.promised_s)
        due = max(self._due(live.callback), self.runner.now + hold_s)
        self.runner.post(Postpone(live.callback.id, due))
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

    def _same_number(self, callback: Callback) -> PendingCallback | None:
        """Nobody is called twice for one wish, known or not."""
        for pending in self._pending.values():
            known = pending.callback
            same = known.number.dialled == callback.number.dialled and known.queue == callback.queue
            if same and known.id != callback.id:
                return pending
        return None

    def _due(self, callback: Callback) -> float:
        """The earliest that its time, our promise and the customer's calling hours allow."""
        at = max(self.runner.now, callback.not_before or 0.0)
        return self.policy(callback.queue).allowed_from(at, callback.number.zones)

    def _forget(self, pending: PendingCallback) -> None:
        if self._pending.get(pending.callback.id) is pending:
            del self._pending[pending.callback.id]

    def _remember(self, pending: PendingCallback) -> None:
        self._over[pending.callback.id] = pending
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)


def new_id() -> str:
    return uuid4().hex
