"""A contact centre as plain as possible: no indexes, no marks, everything recomputed from who is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile
from gateway.queues.engine import QueueEngine
from gateway.queues.engine.standing import PATIENCE_S
from gateway.queues.settings import QueueSettings, Staffing, Strategy
from gateway.queues.signals import (
    Offer,
)
from gateway.queues.views import AgentView


@dataclass
class Somebody:
    """An entry, as its caller knows it."""

    id: str
    queue: str
    number: int  # in order of joining
    priority: int
    skills: dict[str, int]
    identity: str
    sticky: str | None
    enqueued_at: float
    joined_at: float
    limit_at: float | None
    callback: bool
    not_before: float | None
    talking: bool = False
    asked: set[str] = field(default_factory=set)  # offers
    accepted: str | None = None
    talks_with: str = ""
    sent_until: float = 0.0  # to the agent `sticky`, by another one
    declined: dict[str, float] = field(default_factory=dict)


@dataclass
class Desk:
    """An agent, as their colleagues see them."""

    profile: AgentProfile
    presence: Presence = Presence.LOGGED_OUT
    reason: str = ""
    presence_since: float = 0.0
    asked: str | None = None  # offer
    ringing: bool = False
    accepted: bool = False
    on_call: bool = False
    engaged_by: set[str] = field(default_factory=set)  # who told us
    engaged_until: float = 0.0  # as a busy device makes one believe
    reachable: bool = True
    reachable_at: float = 0.0
    idle_since: float = 0.0
    calls: int = 0

    @property
    def engaged(self) -> bool:
        return bool(self.engaged_by)


class Centre:
    """Who is there, and what follows from it."""

    def __init__(self, engine: QueueEngine, queues: Iterable[QueueSettings]) -> None:
        self.engine = engine
        self.settings = {queue.name: queue for queue in queues}
        self.open = set(self.settings)
        self.entries: dict[str, Somebody] = {}
        self.desks: dict[str, Desk] = {}
        self.offers: dict[str, tuple[str, str]] = {}  # entry, agent
        self.kept: dict[tuple[str, str], tuple[float, float]] = {}
        self.numbers = 0
        self.now = 0.0
        self.freshly_offered: list[Offer] = []

    def is_free(self, agent: str) -> bool:
        view = self.view(agent)
        idle = view.state is AgentState.IDLE
        return idle and view.reachable and self.desks[agent].presence is Presence.AVAILABLE

    def is_reachable(self, agent: str) -> bool:
        return self.view(agent).reachable

    def view(self, agent: str) -> AgentView:
        view = self.engine.agent(agent)
        assert view is not None
        return view

    def is_placed(self, entry: str) -> bool:
        return entry in self.entries and not self.entries[entry].talking

    def desk_of(self, offer: str) -> Desk:
        return self.desks[self.offers[offer][1]]

    def twin(self, somebody: Somebody) -> Somebody | None:
        twins = (each for each in self.entries.values() if self.is_twin(each, somebody.queue, somebody))
        return next(twins, None)

    def is_twin(self, other: Somebody, queue: str, somebody: Somebody) -> bool:
        """Whether `other` is the live callback in `queue` of the customer behind `somebody`."""
        if other is somebody or not other.callback or other.talking or not somebody.identity:
            return False
        return (other.queue, other.identity) == (queue, somebody.identity)

    def callers(self, queue: str) -> list[Somebody]:
        return [each for each in self.placed(queue) if not each.callback]

    def placed(self, queue: str) -> list[Somebody]:
        """In order."""
        places = [each for each in self.entries.values() if each.queue == queue and not each.talking]
        return sorted(places, key=self.key)

    def key(self, somebody: Somebody) -> tuple[float, float, int]:
        return (-self.priority(somebody), somebody.enqueued_at, somebody.number)

    def rank(self, somebody: Somebody) -> tuple[float, ...]:
        return (-self.settings[somebody.queue].weight, *self.key(somebody))

    def priority(self, somebody: Somebody) -> int:
        rise, priority, step = self.settings[somebody.queue].priority_rise, somebody.priority, 1
        if rise is None:
            return priority
        while somebody.enqueued_at + step * rise.every_s <= self.now and priority < rise.limit:
            priority, step = min(rise.limit, priority + rise.by), step + 1
        return priority

    def skills(self, somebody: Somebody) -> dict[str, int]:
        settings = self.settings[somebody.queue]
        levels = {
            skill: max(somebody.skills.get(skill, 0), settings.skills.get(skill, 0))
            for skill in {*somebody.skills, *settings.skills}
        }
        for relaxation in settings.relaxations:
            if somebody.enqueued_at + relaxation.after_s <= self.now:
                for skill in levels:
                    levels[skill] = min(levels[skill], relaxation.skills.get(skill, 99))
        return {skill: level for skill, level in levels.items() if level}

    def limit(self, somebody: Somebody) -> float | None:
        maximum_s = self.settings[somebody.queue].maximum_wait_s
        limits = [] if maximum_s is None else [somebody.joined_at + maximum_s]
        limits += [] if somebody.limit_at is None else [somebody.limit_at]
        return None if somebody.callback or not limits else min(limits)

    def is_staffed(self, queue: str, staffing: Staffing) -> bool:
        allowed = {
            Staffing.ALWAYS: set(Presence),
            Staffing.LOGGED_IN: {Presence.AVAILABLE, Presence.ON_BREAK},
            Staffing.ON_DUTY: {Presence.AVAILABLE},
        }[staffing]
        serving = [desk for desk in self.desks.values() if queue in desk.profile.queues]
        return staffing is Staffing.ALWAYS or any(desk.presence in allowed for desk in serving)

    def has_skills(self, desk: Desk, somebody: Somebody) -> bool:
        wanted: Mapping[str, int] = self.skills(somebody)
        return all(desk.profile.skills.get(skill, 0) >= level for skill, level in wanted.items())

    def serves(self, desk: Desk, somebody: Somebody) -> bool:
        return somebody.queue in desk.profile.queues and self.has_skills(desk, somebody)

    def may_be_asked(self, somebody: Somebody, agent: str) -> bool:
        at, retry_s = self.declined_at(somebody, agent), self.settings[somebody.queue].retry_s
        if at is None:
            return True
        others = any(
            self.serves(desk, somebody) and desk.presence is Presence.AVAILABLE and self.is_reachable(name)
            for name, desk in self.desks.items()
            if self.declined_at(somebody, name) is None
        )
        if self.now >= at + max(PATIENCE_S, retry_s):
            return True
        return self.now >= at + retry_s and not others

    def declined_at(self, somebody: Somebody, agent: str) -> float | None:
        """Unless the agent was on break since then."""
        at = somebody.declined.get(agent)
        return None if at is None or at < self.desks[agent].presence_since else at

    def wants_somebody(self, somebody: Somebody) -> bool:
        if somebody.talking or somebody.accepted is not None:
            return False
        if somebody.asked and self.settings[somebody.queue].strategy is not Strategy.RING_ALL:
            return False
        if somebody.callback:
            return somebody.not_before is None or somebody.not_before <= self.now
        limit = self.limit(somebody)
        return limit is None or limit > self.now

    def is_held(self, somebody: Somebody, agent: str) -> bool:
        """Whether it may wait for another agent alone, who is on duty."""
        until = max(somebody.joined_at, somebody.not_before or 0.0) + self.settings[somebody.queue].sticky_s
        until = max(until, somebody.sent_until)
        holder = self.desks.get(somebody.sticky or "")
        if holder is None or somebody.sticky == agent or self.now >= until:
            return False
        on_duty = holder.presence is Presence.AVAILABLE and self.is_reachable(holder.profile.id)
        declined = self.declined_at(somebody, holder.profile.id) is not None
        return on_duty and not declined and self.serves(holder, somebody)

    def merit(self, somebody: Somebody, agent: str) -> tuple[float, float]:
        """The least is asked first."""
        desk = self.desks[agent]
        match self.settings[somebody.queue].strategy:
            case Strategy.LONGEST_IDLE:
                return (0, desk.idle_since)
            case Strategy.FEWEST_CALLS:
                return (desk.calls, desk.idle_since)
            case Strategy.ORDERED:
                return (desk.profile.queues[somebody.queue].order, desk.idle_since)
            case Strategy.BEST_SKILL:
                levels = (desk.profile.skills.get(skill, 0) for skill in self.skills(somebody))
                return (-sum(levels), desk.idle_since)
            case _:
                return (0, 0)  # round robin and talk times are counted in unit tests; the rest is chance
