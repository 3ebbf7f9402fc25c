"""The driver of the engine: tells it what happens, and has done what it wants.

Everything runs on the event loop. What happens is posted and taken in order, one event at a time: a handler
that posts while effects are being carried out is heard afterwards, so the engine never sees half a step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol, assert_never

import structlog

from gateway.clock import SteadyEpoch
from gateway.faults import point
from gateway.queues.engine import QueueEngine
from gateway.queues.journal import Journal, JournalEvent, JournalKind
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    AgentChanged,
    CancelOffer,
    Configure,
    Connect,
    Dismiss,
    Effect,
    Enqueue,
    Event,
    Journalled,
    Leaving,
    Moved,
    Offer,
    Refuse,
    Refused,
    Tick,
)
from gateway.queues.views import AgentView, EntryView, QueueView
from gateway.webhooks.events import Delivery

log = structlog.get_logger(__name__)

_ENTERING: Final = frozenset({JournalKind.JOINED, JournalKind.RESTORED})


class Waiter(Protocol):
    """Whoever waits at a place in a queue: a caller on the line, or a callback. Each returns at once."""

    def dismissed(self, reason: Leaving) -> None:
        """The place is gone, for another reason than being served. Nothing follows."""
        ...

    def moved(self, queue: str) -> None:
        """The place is in another queue now."""
        ...


class OfferHandler(Protocol):
    """Who carries out what the engine wants of agents. Each returns at once, and posts what came of it."""

    def offer(self, offer: Offer) -> None: ...
    def cancel(self, cancelled: CancelOffer) -> None: ...
    def connect(self, connect: Connect) -> None: ...


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """Alarms: an asyncio event loop is one."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Cancellable: ...


EventHandler = Callable[[JournalEvent], None]
Teller = Callable[[JournalEvent], Sequence[Delivery]]
ChangeHandler = Callable[[AgentChanged], None]


class QueueRunner:
    """The queues of a node, live."""

    def __init__(self, engine: QueueEngine, journal: Journal, clock: SteadyEpoch, timers: Timers) -> None:
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._timers = timers
        self._offers: OfferHandler | None = None
        self._waiters: dict[str, Waiter] = {}
        self._calls: dict[str, str] = {}
        self._refused: dict[str, Refused] = {}
        self._known: dict[str, Mapping[str, Any]] = {}  # of those who are entering
        self._events: deque[Event] = deque()
        self._busy = False
        self._keeps_places = False
        self._alarm: Cancellable | None = None
        self._alarm_at: float | None = None
        self._settings: dict[str, QueueSettings] = {}
        self._observers: list[EventHandler] = []
        self._teller: Teller | None = None
        self._watchers: list[ChangeHandler] = []

    # ---- what happens

    def attach(self, offers: OfferHandler) -> None:
        """Who rings agents; before the first agent logs in."""
        self._offers = offers

    def enter(
        self, enqueue: Enqueue, waiter: Waiter, call_id: str, known: Mapping[str, Any] | None = None
    ) -> Refused | None:
        """A place for `waiter`, at once; or why there is none. The place is given up by Leave or Finished.

        `known`: what else a restart has to know of the entry, as `JournalKind.JOINED` lists it. Plain JSON.
        """
        self._waiters[enqueue.entry] = waiter
        self._calls[enqueue.entry] = call_id
        self._known[enqueue.entry] = known or {}
        self.post(enqueue)
        self._known.pop(enqueue.entry, None)
        return self._refused.pop(enqueue.entry, None)

    def post(self, event: Event) -> None:
        """Something happened. On the event loop's thread. Never raises."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                self._take(self._events.popleft())
        finally:
            self._busy = False
        self._set_alarm()

    def configure(self, queues: Sequence[QueueSettings]) -> None:
        """The queues of the plan that is in force from now on."""
        self._settings = {queue.name: queue for queue in queues}
        self.post(Configure(tuple(queues)))

    def record(
        self,
        kind: JournalKind,
        *,
        entry: str = "",
        queue: str = "",
        agent: str = "",
        details: Mapping[str, Any] | None = None,
        call_id: str = "",
    ) -> None:
        """Something for the journal that the engine doesn't know of. `call_id`: of who has left already."""
        self._write(Journalled(kind, self._clock.now(), queue, entry, agent, details or {}), call_id)

    def write(self, event: JournalEvent) -> None:
        """An event of somebody else's for the journal."""
        if self._teller is not None:
            event = replace(event, deliveries=tuple(self._teller(event)))
        self._journal.append((event,))
        for observer in self._observers:
            observer(event)

    def keep_places(self) -> None:
        """The node stops, and its calls are ended: places stay open, for the next start to take up."""
        self._keeps_places = True

    @property
    def keeps_places(self) -> bool:
        return self._keeps_places

    def forget(self, entry: str) -> None:
        """The waiter of `entry` is out; call it when its visit is over."""
        self._waiters.pop(entry, None)
        self._calls.pop(entry, None)

    def hand_over(self, entry: str, waiter: Waiter, call_id: str) -> None:
        """Somebody else waits at `entry` from now on: a caller's callback, or the customer who was called."""
        self._waiters[entry] = waiter
        self._calls[entry] = call_id

    @property
    def stores(self) -> bool:
        """Whether the last event was stored: False while the database is away."""
        return self._journal.problem() is None

    async def settled(self) -> bool:
        """Everything so far is on disk. False when the database is away: promise nothing."""
        return await self._journal.settled()

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # ---- what is to be seen

    @property
    def now(self) -> float:
        """Seconds since the epoch, on the engine's clock."""
        return self._clock.now()

    def settings(self) -> tuple[QueueSettings, ...]:
        """Of every queue that is configured now."""
        return tuple(self._settings.values())

    def settings_of(self, queue: str) -> QueueSettings | None:
        return self._settings.get(queue)

    def queue(self, name: str) -> QueueView | None:
        return self._engine.queue(name)

    def queues(self) -> tuple[QueueView, ...]:
        return self._engine.queues()

    def entry(self, entry: str) -> EntryView | None:
        return self._engine.entry(entry)

    def entries(self, queue: str) -> Iterator[EntryView]:
        """Those who have a place in `queue`, first to last."""
        return self._engine.entries(queue)

    def position(self, entry: str) -> int | None:
        """From 1; None for one that has no place (any more)."""
        return self._engine.position(entry)

    def callback_of(self, queue: str, identity: str) -> str | None:
        """The live callback of this identity in this queue."""
        return self._engine.callback_of(queue, identity) if identity else None

    def agent(self, agent: str) -> AgentView | None:
        return self._engine.agent(agent)

    def agents(self) -> tuple[AgentView, ...]:
        return self._engine.agents()

    def call_of(self, entry: str) -> str:
        """The call that has this place; "" for a callback whose caller has gone."""
        return self._calls.get(entry, "")

    def tell_by(self, teller: Teller) -> None:
        """`teller` says what webhooks are told of an event; it is stored with the event. Never raises."""
        self._teller = teller

    def observe(self, handler: EventHandler) -> None:
        """`handler` is given every event of the journal as it happens."""
        self._observers.append(handler)

    def watch_agents(self, handler: ChangeHandler) -> None:
        """`handler` is given every change of an agent's state or presence."""
        self._watchers.append(handler)

    # ---- inside

    def _take(self, event: Event) -> None:
        point("told", event)
        effects = self._engine.handle(event, self._clock.now())
        point("decided", event)
        for effect in effects:
            try:
                self._perform(effect)
            except Exception:  # one handler's fault mustn't keep the other effects from being carried out
                log.exception("queue_effect_failed", effect=type(effect).__name__)
            point("carried_out", effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Refuse():
                self._refused[effect.entry] = effect.reason
                self.forget(effect.entry)
            case Offer():
                self._desk().offer(effect)
            case CancelOffer():
                self._desk().cancel(effect)
            case Connect():
                self._desk().connect(effect)
            case Dismiss():
                if (waiter := self._waiters.get(effect.entry)) is not None:
                    waiter.dismissed(effect.reason)
            case Moved():
                if (waiter := self._waiters.get(effect.entry)) is not None:
                    waiter.moved(effect.queue)
            case AgentChanged():
                for watcher in self._watchers:
                    watcher(effect)
            case Journalled():
                self._write(effect)
            case _:
                assert_never(effect)

    def _desk(self) -> OfferHandler:
        if self._offers is None:
            raise RuntimeError("an offer before anybody was there to make it")
        return self._offers

    def _write(self, effect: Journalled, call_id: str = "") -> None:
        event = JournalEvent(
            at=self._clock.utc_of(effect.at),
            kind=effect.kind,
            queue=effect.queue,
            entry=effect.entry,
            call_id=call_id or self._calls.get(effect.entry, ""),
            agent=effect.agent,
            details=effect.details,
        )
        if effect.kind in _ENTERING and (known := self._known.get(effect.entry)):
            event = replace(event, details={**known, **effect.details})
        self.write(event)

    def _set_alarm(self) -> None:
        due_at = self._engine.due_at
        if due_at == self._alarm_at and self._alarm is not None:
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._alarm_at = due_at
        if due_at is not None:
            delay_s = max(0.0, due_at - self._clock.now())
            self._alarm = self._timers.call_later(delay_s, self._ring_alarm)

    def _ring_alarm(self) -> None:
        self._alarm = None
        self.post(Tick())
