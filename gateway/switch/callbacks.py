"""The callbacks of a node: those that wait, and what becomes of them.

How one comes to be is `callback_requests`, when they may be called `callback_times`; one of them is a
`PendingCallback`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import structlog

from gateway.agents.profile import AgentProfile
from gateway.callbacks.claims import ClaimFault, ClaimRefused
from gateway.callbacks.policy import CallbackPolicy
from gateway.callbacks.request import Callback
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queue_facts import queue_facts
from gateway.dialplan.queues import QueueDefinition
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.handoff.desk import HandoffDesk
from gateway.queues.entry import EntryState
from gateway.queues.forecasts import Forecasts
from gateway.queues.runner import QueueRunner
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import Claim, HoldCallbacks, Leave, Leaving
from gateway.switch.callback_book import CallbackBook
from gateway.switch.callback_limits import CallbackLimits, History
from gateway.switch.callback_requests import CallbackRequests
from gateway.switch.callback_times import CallbackTimes
from gateway.switch.conversation_ends import Target, ToFlow
from gateway.switch.conversation_parts import ConversationParts
from gateway.switch.customer_call import CustomerCall
from gateway.switch.dialling import Addresses
from gateway.switch.live_calls import CallChanged, LiveCall
from gateway.switch.offers import OfferDesk
from gateway.switch.outbound import Outbound, OutboundLeg
from gateway.switch.pending_callback import PendingCallback
from gateway.switch.ports import OpenEar, OpenPlayer
from gateway.switch.queue_sounds import QueueSounds
from gateway.switch.queueing import QueueParts

log = structlog.get_logger(__name__)

STORAGE_LOOK_S: Final = 0.5

GoOn = Callable[[OutboundLeg, LiveCall, Target], Awaitable[None]]
"""Carries on somebody whom we called and who has answered."""


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the callbacks of a node use. `active`: the plan in force; callbacks go by it, not by the one under
    which they were asked for. `calendars`: those that were set by hand. `history`: the journal of before.
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
    history: History | None = None


class CallbackDesk:
    """Used as `async with`; leaving it calls off the dials under way. `attach` before the first callback.

    `book`: what is pending. `requests`: how one comes to be. `times`: when they may be called.
    """

    def __init__(self, parts: CallbackParts) -> None:
        self.runner = parts.runner
        self.conversations = parts.conversations
        self.sounds = parts.sounds
        self.open_player = parts.open_player
        self.envelopes = parts.envelopes
        self.open_ear = parts.open_ear
        self.offers = parts.offers
        self.book = CallbackBook()
        self.times = CallbackTimes(
            self.book,
            parts.conversations.clock,
            lambda: parts.runner.now,
            parts.active,
            parts.calendars,
            self.policy,
        )
        self._limits = CallbackLimits(lambda: parts.runner.now)
        self.requests = CallbackRequests(self, self._limits, parts.forecasts)
        self._parts = parts
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._draining = False
        self._visits: QueueParts | None = None
        self._go_on: GoOn | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._watching: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._unsubscribe = self.conversations.live_calls.subscribe(self._call_changed)
        self._watching.append(self._tasks.create_task(self.times.watch(self.reschedule)))
        self._watching.append(self._tasks.create_task(self._watch_storage()))
        if self._parts.history is not None:
            self._watching.append(self._tasks.create_task(self._limits.recall(self._parts.history)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()
        for task in (*self._watching, *self._running):
            task.cancel()
        await self._tasks.__aexit__(kind, error, trace)

    def attach(self, visits: QueueParts, go_on: GoOn) -> None:
        """How customers who are called are carried on: in the queue, or by a flow an agent sends them to."""
        self._visits, self._go_on = visits, go_on

    async def drain(self) -> None:
        """The node stops: no callback is offered any more, all of them wait for the next start. Returns when
        the customers who are being called, or talk, are done; cancelled, it leaves them as they are.
        """
        self._draining = True
        self.runner.post(HoldCallbacks())
        while self._running:
            await asyncio.wait(set(self._running))

    @property
    def under_way(self) -> int:
        """How many customers are being called, or have been and talk."""
        return len(self._running)

    # ---- what is to be seen

    def of(self, queue: str, identity: str) -> PendingCallback | None:
        """The live callback of this identity in this queue."""
        entry = self.runner.callback_of(queue, identity)
        return None if entry is None else self.book.get(entry)

    def policy(self, queue: str) -> CallbackPolicy:
        return self.definition(queue).callback.policy

    # ---- what becomes of one

    def cancel(self, entry: str, by: str) -> bool:
        """Whether there was one to cancel."""
        if self.book.get(entry) is None:
            return False
        self.runner.post(Leave(entry, Leaving.CANCELLED, by))
        return self.book.get(entry) is None

    def claim(self, entry: str, agent: str, by: str) -> None:
        """This agent takes it now: they are rung, and the customer after they have accepted (or before, by
        the rules of the queue). A chosen time and the pause between tries don't hold an agent back, the
        calling hours do. Raises ClaimRefused.
        """
        pending, claimant = self.book.get(entry), self.runner.agent(agent)
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
        if self.requests.on_the_line(callback):
            raise ClaimRefused(ClaimFault.ON_THE_LINE)
        if not self.times.may_call_now(callback):
            raise ClaimRefused(ClaimFault.OUT_OF_HOURS)
        self.runner.post(Claim(entry, agent, by))
        self._parts.offers.accept(agent)  # they have said so: their phone is all that they have to answer

    def reschedule(self) -> None:
        """The wall's clock was set: what waits for a time waits for the time that it is now."""
        for pending in self.book.pending():
            if not pending.dialling:
                self.requests.postpone(pending, 0.0)

    def hand_back(self, pending: PendingCallback) -> None:
        """The customer waits on the line again."""
        pending.stand_down()
        self.book.close(pending, remember=False)

    async def _watch_storage(self) -> None:
        """While a try couldn't be stored, no agent is asked to take one."""
        held = False
        while True:
            await asyncio.sleep(STORAGE_LOOK_S)
            if not self._draining and held is self.runner.stores:
                held = not held
                log.warning(
                    "callbacks_held" if held else "callbacks_released", pending=len(self.book.pending())
                )
                self.runner.post(HoldCallbacks(held))

    def _call_changed(self, change: CallChanged) -> None:
        if change.call is None:
            self.requests.caller_gone(change.call_id)

    # ---- for the callbacks themselves

    def open(self, callback: Callback) -> PendingCallback:
        """At the place `callback.id`, which is in the queue or about to be."""
        pending = PendingCallback(self, callback)
        self.book.open(pending)
        self.offers.register(callback.id, pending)
        self.runner.hand_over(callback.id, pending, callback.call_id)
        return pending

    async def settled(self) -> bool:
        """Everything so far is on disk; False: promise nothing."""
        return await self.runner.settled()

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
        self.book.close(pending, remember=True)

    def drop(self, pending: PendingCallback) -> None:
        """It is over, unserved."""
        self.book.close(pending, remember=True)
        self.offers.unregister(pending.callback.id)
        self.runner.forget(pending.callback.id)
        if pending.over is Leaving.EXHAUSTED:
            # Webhooks were told by the journal's event of the last try (`switch.telling`).
            _log_exhausted(pending.callback)


def _log_exhausted(callback: Callback) -> None:
    log.warning(
        "callback_exhausted",
        entry=callback.id,
        queue=callback.queue,
        attempts=callback.attempts,
        outcome=None if callback.last_outcome is None else callback.last_outcome.value,
    )
