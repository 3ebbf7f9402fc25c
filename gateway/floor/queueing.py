"""Queues and agents for the API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.api.ports import Caller, Change, Handler, QueueFigures, Unsubscribe, WaitEstimate
from gateway.centre import ContactCentre
from gateway.floor.records import RecordLink
from gateway.queues.journal import JournalEvent
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import AgentChanged, Event, Leave, Move, SetPresence, SetPriority
from gateway.queues.views import AgentView, EntryView, QueueView


class LiveQueues:
    """`gateway.api.ports.Queueing`."""

    def __init__(self, centre: ContactCentre, record: RecordLink) -> None:
        self._record = record
        self._centre = centre
        self._runner = centre.runner
        self._handlers: dict[object, Handler] = {}
        self._runner.observe(self._happened)
        self._runner.watch_agents(self._changed)
        # The agent is reserved before the offer is there to be shown; their screen mustn't wait for the ring.
        centre.offers.watch(lambda shown: self._tell(Change("agent", shown.agent)))

    def now(self) -> float:
        return self._runner.now

    def queues(self) -> tuple[QueueView, ...]:
        return self._runner.queues()

    def queue(self, name: str) -> QueueView | None:
        return self._runner.queue(name)

    def agents(self) -> tuple[AgentView, ...]:
        return self._runner.agents()

    def agent(self, agent: str) -> AgentView | None:
        return self._runner.agent(agent)

    def entries(self, queue: str) -> Iterable[EntryView]:
        return self._runner.entries(queue)

    def entry(self, entry: str) -> EntryView | None:
        return self._runner.entry(entry)

    def settings(self, queue: str) -> QueueSettings | None:
        return self._runner.settings_of(queue)

    def figures(self, queue: str) -> QueueFigures | None:
        if self._runner.queue(queue) is None:
            return None
        today = self._centre.today.queue(queue)
        return QueueFigures(
            offered=today.offered,
            answered=today.answered,
            abandoned=today.abandoned,
            service_level=today.sl,
            average_wait_s=today.asa_s,
            longest_wait_s=today.longest_wait_s,
            average_handle_s=today.aht_s,
        )

    def estimate(self, entry: str) -> WaitEstimate | None:
        return self._centre.forecasts.of(entry)

    def caller(self, entry: str) -> Caller | None:
        call = self._centre.offers.call_at(entry)
        if call is None:
            return None
        context = self._record.beside(call.context, entry, self._centre)
        return Caller(call.caller.number, call.caller.display_name, self._runner.call_of(entry), context)

    def post(self, event: Event, *, by: str = "") -> None:
        match event:
            case Leave() | SetPriority() | Move() | SetPresence():
                self._runner.post(replace(event, by=by))
            case _:
                self._runner.post(event)

    async def settled(self) -> bool:
        return await self._runner.settled()

    def subscribe(self, handler: Handler) -> Unsubscribe:
        token = object()
        self._handlers[token] = handler
        return lambda: self._handlers.pop(token, None) and None

    def _happened(self, event: JournalEvent) -> None:
        if event.queue:
            self._tell(Change("queue", event.queue))

    def _changed(self, changed: AgentChanged) -> None:
        self._tell(Change("agent", changed.agent))

    def _tell(self, change: Change) -> None:
        for handler in list(self._handlers.values()):
            handler(change)
