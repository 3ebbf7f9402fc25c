"""A queue engine with a clock of its own and short words for what happens, for tests of queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from gateway.agents.presence import Presence
from gateway.agents.profile import AgentProfile, Membership
from gateway.queues.engine import QueueEngine
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    Accept,
    AgentReleased,
    Configure,
    Effect,
    Enqueue,
    Event,
    Finished,
    Joined,
    Journalled,
    LogIn,
    Miss,
    Offer,
    OfferMissed,
    Ring,
    SetPresence,
    Tick,
)
from gateway.queues.views import AgentView, EntryView, QueueView

AnEffect = TypeVar("AnEffect")
START = 1_000.0


def profile(
    name: str,
    queues: Iterable[str] | Mapping[str, Membership] = ("q",),
    skills: Mapping[str, int] | None = None,
) -> AgentProfile:
    """An agent of these queues."""
    memberships = queues if isinstance(queues, Mapping) else {queue: Membership() for queue in queues}
    return AgentProfile(name, name.title(), queues=memberships, skills=skills or {})


class FloorDriver:
    """`out`: what the last event brought. `now` stands still until `wait`."""

    def __init__(self, *queues: QueueSettings, seed: int = 0) -> None:
        self.settings = {queue.name: queue for queue in queues or (QueueSettings("q"),)}
        self.engine = QueueEngine(tuple(self.settings.values()), seed=seed)
        self.now = START
        self.out: tuple[Effect, ...] = ()
        self.journal: list[Journalled] = []

    # ---- what happens

    def tell(self, event: Event) -> tuple[Effect, ...]:
        self.out = self.engine.handle(event, self.now)
        self.journal += self.all(Journalled)
        return self.out

    def wait(self, seconds: float) -> list[Effect]:
        """Time passes; everything that is due on the way happens at its instant. Returns what it brought."""
        until = self.now + seconds
        effects: list[Effect] = []
        while (due_at := self.engine.due_at) is not None and due_at <= until:
            self.now = max(self.now, due_at)
            effects += self.tell(Tick())
        self.now = until
        self.out = tuple(effects)
        return effects

    def agent(
        self,
        name: str,
        queues: Iterable[str] | Mapping[str, Membership] = ("q",),
        skills: Mapping[str, int] | None = None,
        presence: Presence = Presence.AVAILABLE,
    ) -> None:
        """An agent comes on duty, a moment after the last one."""
        self.now += 0.001
        self.tell(LogIn(profile(name, queues, skills)))
        self.presence(name, presence)

    def presence(self, name: str, presence: Presence, reason: str = "") -> tuple[Effect, ...]:
        return self.tell(SetPresence(name, presence, reason))

    def enqueue(self, entry: str, queue: str = "q", **details: Any) -> tuple[Effect, ...]:
        """An entry joins, a moment after the last one."""
        self.now += 0.001
        return self.tell(Enqueue(entry, queue, **details))

    def accept(self, offer: str) -> None:
        """The phone rings, the agent accepts, the two talk."""
        self.tell(Ring(offer))
        self.tell(Accept(offer))
        self.tell(Joined(offer))

    def miss(self, offer: str, reason: Miss = Miss.DECLINED) -> tuple[Effect, ...]:
        return self.tell(OfferMissed(offer, reason))

    def end(self, entry: str, *agents: str, wrap_up: bool = False) -> None:
        """The call is over, for these agents too."""
        self.tell(Finished(entry))
        for agent in agents:
            self.tell(AgentReleased(agent, wrap_up))

    def configure(self, queue: str = "q", **changes: Any) -> tuple[Effect, ...]:
        """Other settings of one queue."""
        self.settings[queue] = replace(self.settings[queue], **changes)
        return self.tell(Configure(tuple(self.settings.values())))

    # ---- what is seen

    def all(self, kind: type[AnEffect]) -> list[AnEffect]:
        """The effects of this kind that the last event brought."""
        return [effect for effect in self.out if isinstance(effect, kind)]

    @property
    def offers(self) -> list[tuple[str, str]]:
        """Who was offered what by the last event: entry, agent."""
        return [(offer.entry, offer.agent) for offer in self.all(Offer)]

    def kinds(self, entry: str = "", agent: str = "") -> list[JournalKind]:
        """The journal so far of this entry or agent."""
        return [
            line.kind
            for line in self.journal
            if (not entry or line.entry == entry) and (not agent or line.agent == agent)
        ]

    def last(self, kind: JournalKind) -> Journalled:
        """The latest line of the journal of this kind."""
        return next(line for line in reversed(self.journal) if line.kind is kind)

    def order(self, queue: str = "q") -> list[str]:
        return [entry.id for entry in self.engine.entries(queue)]

    def see(self, entry: str) -> EntryView:
        view = self.engine.entry(entry)
        assert view is not None
        return view

    def see_agent(self, agent: str) -> AgentView:
        view = self.engine.agent(agent)
        assert view is not None
        return view

    def see_queue(self, queue: str = "q") -> QueueView:
        view = self.engine.queue(queue)
        assert view is not None
        return view
