"""Everything there is at this moment: places, agents, offers, queues; and the effects so far. Pure.

It keeps what belongs together in step (an entry's state and the counts of its queue) and has no rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.queues.engine.agent import Agent
from gateway.queues.engine.deadlines import Deadlines
from gateway.queues.engine.draws import Draws
from gateway.queues.engine.line import Line
from gateway.queues.engine.offer import OpenOffer
from gateway.queues.engine.place import Place
from gateway.queues.entry import EntrySignal, next_state
from gateway.queues.journal import JournalKind
from gateway.queues.signals import AgentChanged, Effect, Journalled, Miss

MAX_ENDED_OFFERS: Final = 4_096
"""So many offers are remembered after their end, to answer an agent who accepts too late."""

Identity = tuple[str, str]
"""A queue's name and who it is."""

Subject = Place | Agent | OpenOffer | Identity
"""What can be due."""


class Floor:
    """Mutable. `stale`, `fresh`, `freed` and `thinned` are marks that `core` settles after each event:
    places to look at again, places to find an agent for, agents to find a call for, queues that lost staff.
    """

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.lines: dict[str, Line] = {}
        self.places: dict[str, Place] = {}
        self.agents: dict[str, Agent] = {}
        self.offers: dict[str, OpenOffer] = {}
        self.ended: dict[str, tuple[Agent, Miss]] = {}
        self.callbacks: dict[Identity, Place] = {}  # the one live callback of each identity
        self.kept: dict[Identity, float] = {}  # enqueue times of who hung up a moment ago
        self.deadlines: Deadlines[Subject] = Deadlines()
        self.draws = Draws(seed)
        self.stale: dict[Place, None] = {}
        self.fresh: dict[Place, None] = {}
        self.freed: dict[Agent, None] = {}
        self.thinned: dict[Line, None] = {}
        self._effects: list[Effect] = []
        self._sequence = 0

    def next_seq(self) -> int:
        self._sequence += 1
        return self._sequence

    # ---- effects

    def tell(self, effect: Effect) -> None:
        self._effects.append(effect)

    def take_effects(self) -> tuple[Effect, ...]:
        effects = tuple(self._effects)
        self._effects.clear()
        return effects

    def note(
        self, kind: JournalKind, place: Place | None, agent: Agent | None = None, /, **details: object
    ) -> None:
        """A line of the journal about an entry, or an agent, or both."""
        queue, entry = ("", "") if place is None else (place.line.name, place.id)
        self.tell(Journalled(kind, self.now, queue, entry, "" if agent is None else agent.id, details))

    def note_of(
        self, kind: JournalKind, *, queue: str = "", entry: str = "", details: Mapping[str, object]
    ) -> None:
        """A line of the journal about an entry that has no place, or about a queue."""
        self.tell(Journalled(kind, self.now, queue, entry, "", details))

    def show(self, agent: Agent) -> None:
        """Screens see the agent as they are now."""
        self.tell(
            AgentChanged(
                agent=agent.id,
                presence=agent.presence,
                state=agent.state,
                reason=agent.reason,
                since=agent.since,
                wrap_up_until=agent.wrap_up_until,
            )
        )

    # ---- places

    def line_of(self, queue: str) -> Line | None:
        """The queue, if it can be joined."""
        line = self.lines.get(queue)
        return None if line is None or line.retired else line

    def put(self, place: Place) -> None:
        """The place, with its key, is in the order of its queue."""
        place.line.order.add(place)
        place.line.times.add(place.enqueued_at)
        place.line.callers += place.has_media

    def take_out(self, place: Place) -> None:
        """The counterpart of `put`, before the state, the key or the queue change."""
        place.line.order.remove(place)
        place.line.times.remove(place.enqueued_at)
        place.line.callers -= place.has_media

    def signal(self, place: Place, signal: EntrySignal) -> None:
        """The entry's next state, where it stays placed. Raises WrongState, with nothing changed."""
        following = next_state(place.state, signal)
        place.line.callers -= place.has_media
        place.state = following
        place.line.callers += place.has_media
        self.stale[place] = None

    def forget_line(self, line: Line) -> None:
        """A queue that isn't configured goes with its last entry."""
        if not line.retired or line.is_used:
            return
        for agent in [each for each in self.agents.values() if line in each.crews]:
            line.dismiss(agent)
        del self.lines[line.name]
        self.thinned.pop(line, None)

    # ---- offers

    def end(self, offer: OpenOffer, reason: Miss | None) -> None:
        """The offer is over; None: the two talk."""
        del self.offers[offer.id]
        self.deadlines.set(offer, None)
        offer.agent.offer = None
        del offer.place.offers[offer.id]
        if offer.place.accepted is offer:
            offer.place.accepted = None
        self.stale[offer.place] = None
        if reason is not None:
            self.ended[offer.id] = (offer.agent, reason)
            if len(self.ended) > MAX_ENDED_OFFERS:
                del self.ended[next(iter(self.ended))]
