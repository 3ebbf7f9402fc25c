"""QueueEngine: an event to its rule, and what can be seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from gateway.queues.engine import (
    callbacks,
    configuring,
    duty,
    entering,
    leaving,
    matching,
    offering,
)
from gateway.queues.engine.agent import Agent
from gateway.queues.engine.floor import Floor
from gateway.queues.engine.offer import OpenOffer
from gateway.queues.engine.place import Place
from gateway.queues.entry import PLACED
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    Accept,
    AgentReleased,
    BecomeCallback,
    Claim,
    Configure,
    Effect,
    EndWrapUp,
    Enqueue,
    Event,
    ExtendWrapUp,
    Finished,
    HoldCallbacks,
    Joined,
    JoinFailed,
    KeepPlace,
    Leave,
    Leaving,
    LogIn,
    Miss,
    Move,
    OfferMissed,
    Postpone,
    Requeue,
    ReturnToWait,
    Ring,
    SetEngaged,
    SetPresence,
    SetPriority,
    SetReachable,
    Tick,
)
from gateway.queues.views import AgentView, EntryView, QueueView

AgentEvent = AgentReleased | SetPresence | SetEngaged | SetReachable | ExtendWrapUp | EndWrapUp
EntryEvent = (
    Leave | SetPriority | Move | BecomeCallback | ReturnToWait | Postpone | Claim | Requeue | Finished
)
OfferEvent = Ring | Accept | OfferMissed | Joined | JoinFailed


class QueueEngine:
    """The queues of a node: who waits, who is asked, who talks. No I/O, no clock.

    `handle` never raises for an event that comes too late (an offer that is over, an entry that is gone, an
    agent who isn't known): such races are normal, and nothing happens. Who accepts too late is told so.
    `now` goes forward only; an earlier one counts as the latest that was given. `seed`: for strategies at
    random; engines with the same seed and the same events do the same.
    """

    def __init__(self, queues: Sequence[QueueSettings] = (), *, seed: int = 0) -> None:
        self._floor = Floor(seed)
        configuring.configure(self._floor, queues)
        self._floor.take_effects()

    def handle(self, event: Event, now: float) -> tuple[Effect, ...]:
        """What happened, at `now`; what is to be done, in this order. First comes what was due until then."""
        floor = self._floor
        floor.now = max(floor.now, now)
        self._run_due()
        self._apply(event)
        self._settle()
        return floor.take_effects()

    @property
    def due_at(self) -> float | None:
        """When Tick is due: at that instant, not before, something happens by itself. None: never."""
        return self._floor.deadlines.due_at

    # ---- what can be seen

    def entry(self, entry: str) -> EntryView | None:
        """An entry that waits, is asked for or talks; None for one that is gone."""
        place = self._floor.places.get(entry)
        return None if place is None else place.view(self.position(entry))

    def entries(self, queue: str) -> Iterator[EntryView]:
        """Those who have a place in `queue`, first to last. Handle nothing while iterating."""
        line = self._floor.lines.get(queue)
        places = () if line is None else line.order
        return (place.view(position) for position, place in enumerate(places, start=1))

    def position(self, entry: str) -> int | None:
        """From 1, callers and callbacks together; None for one that has no place (any more). O(log n)."""
        place = self._floor.places.get(entry)
        return None if place is None or place.state not in PLACED else place.line.position(place)

    def callback_of(self, queue: str, identity: str) -> str | None:
        """The live callback of this identity in this queue."""
        place = self._floor.callbacks.get((queue, identity))
        return None if place is None else place.id

    def queue(self, name: str) -> QueueView | None:
        """A queue; one that isn't configured any more too, while entries are in it."""
        line = self._floor.lines.get(name)
        return None if line is None else line.view()

    def queues(self) -> tuple[QueueView, ...]:
        return tuple(line.view() for line in self._floor.lines.values())

    def agent(self, agent: str) -> AgentView | None:
        """An agent who has logged in since the start, logged out again too."""
        known = self._floor.agents.get(agent)
        return None if known is None else known.view()

    def agents(self) -> tuple[AgentView, ...]:
        return tuple(agent.view() for agent in self._floor.agents.values())

    # ---- inside

    def _run_due(self) -> None:
        floor = self._floor
        while (subject := floor.deadlines.pop(floor.now)) is not None:
            match subject:
                case Place():
                    floor.stale[subject] = None
                case Agent():
                    duty.on_deadline(floor, subject)
                case OpenOffer():
                    offering.expire(floor, subject)
                case _:
                    floor.kept.pop(subject, None)
        self._settle()

    def _settle(self) -> None:
        """Until nothing is marked any more."""
        floor = self._floor
        while floor.stale or floor.thinned or floor.fresh or floor.freed:
            while floor.stale:
                place = next(iter(floor.stale))
                del floor.stale[place]
                entering.review(floor, place)
            while floor.thinned:
                leaving.empty(floor, floor.thinned.popitem()[0])
            matching.match(floor)

    def _apply(self, event: Event) -> None:
        floor = self._floor
        match event:
            case Enqueue():
                entering.enqueue(floor, event)
            case KeepPlace():
                if (line := floor.line_of(event.queue)) is not None:
                    leaving.keep(floor, line, event.identity, event.enqueued_at)
            case LogIn():
                duty.log_in(floor, event.profile)
            case Configure():
                configuring.configure(floor, event.queues)
            case HoldCallbacks():
                callbacks.hold(floor, event.held)
            case Tick():
                pass
            case Ring() | Accept() | OfferMissed() | Joined() | JoinFailed():
                self._apply_to_offer(event)
            case (
                AgentReleased() | SetPresence() | SetEngaged() | SetReachable() | ExtendWrapUp() | EndWrapUp()
            ):
                if (agent := floor.agents.get(event.agent)) is not None:
                    self._apply_to_agent(event, agent)
            case _:
                if (place := floor.places.get(event.entry)) is not None:
                    self._apply_to_entry(event, place)

    def _apply_to_entry(self, event: EntryEvent, place: Place) -> None:
        floor = self._floor
        match event:
            case Leave():
                leaving.leave(floor, place, event.reason, event.by)
            case SetPriority():
                entering.set_priority(floor, place, event.priority, event.by)
            case Move():
                entering.move(floor, place, event.queue, event.by)
            case BecomeCallback():
                callbacks.become(floor, place, event.not_before)
            case ReturnToWait():
                callbacks.return_to_wait(floor, place)
            case Postpone():
                callbacks.postpone(floor, place, event.not_before)
            case Claim():
                callbacks.claim(floor, place, event.claimant, event.by)
            case Requeue():
                entering.requeue(floor, place, event)
            case Finished():
                leaving.finish(floor, place, event.by)
            case _:
                assert_never(event)

    def _apply_to_offer(self, event: OfferEvent) -> None:
        floor = self._floor
        offer = floor.offers.get(event.offer)
        if offer is None:
            if isinstance(event, Accept):
                offering.accepted_too_late(floor, event.offer)
            return
        match event:
            case Ring():
                offering.ring(floor, offer)
            case Accept():
                offering.accept(floor, offer)
            case Joined():
                offering.joined(floor, offer)
            case OfferMissed() | JoinFailed():
                place = offer.place
                offering.fail(floor, offer, event.reason)
                if event.reason is Miss.CALLER_GONE and place.has_media:
                    leaving.leave(floor, place, Leaving.ABANDONED)
            case _:
                assert_never(event)

    def _apply_to_agent(self, event: AgentEvent, agent: Agent) -> None:
        floor = self._floor
        match event:
            case AgentReleased():
                if agent.offer is None:
                    duty.release(floor, agent, event.wrap_up)
            case SetPresence():
                duty.set_presence(floor, agent, event.presence, event.reason, event.by)
                offering.presence_changed(floor, agent)
            case SetEngaged(engaged=True):
                offering.device_engaged(floor, agent, event.by)
            case SetEngaged():
                duty.disengage(floor, agent, event.by)
            case SetReachable(reachable=True):
                duty.set_reachable(floor, agent, True)
            case SetReachable():
                offering.device_lost(floor, agent)
            case ExtendWrapUp():
                duty.extend_wrap_up(floor, agent, event.by_s)
            case EndWrapUp():
                duty.end_wrap_up(floor, agent, event.disposition)
            case _:
                assert_never(event)
