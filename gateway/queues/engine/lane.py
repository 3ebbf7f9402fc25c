"""Who is interchangeable: entries of one queue that ask for the same skills, agents who have the same. Pure.

Everybody in a lane is the same to an agent, and everybody in a crew is the same to an entry but for their
turn. So matching looks at the first of each, and is as fast with ten thousand callers as with ten. What it
costs grows with the number of different requirements and of different sets of skills in a queue.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from sortedcontainers import SortedKeyList, SortedList

from gateway.agents.profile import AgentProfile, Membership
from gateway.queues.engine.skills import satisfied

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.line import Line
    from gateway.queues.engine.place import Key, Place
    from gateway.queues.engine.skills import Requirement

Rank = tuple[float, float, int, "Agent"]
"""Merit, end of the last call, sequence: never as far as the agent itself, since sequences differ."""

Kind = tuple[Membership, frozenset[tuple[str, int]]]
"""What the agents of a crew have in common."""


def kind_of(profile: AgentProfile, queue: str) -> Kind:
    return (profile.queues[queue], frozenset(profile.skills.items()))


class Lane:
    """`size`: entries that are placed here, whether anybody may be asked for them now or not."""

    __slots__ = ("contested", "crews", "first", "line", "ready", "required", "size")

    def __init__(self, line: Line, required: Requirement) -> None:
        self.line = line
        self.required = required
        self.size = 0
        self.ready: SortedKeyList[Place, Key] = SortedKeyList(key=attrgetter("key"))
        self.first: Place | None = None  # of `ready`: most looks go no further
        self.contested: dict[Place, None] = {}  # somebody has declined them
        self.crews: dict[Crew, None] = {}  # who has the skills

    def add_ready(self, place: Place) -> None:
        """Somebody may be asked for it now."""
        self.ready.add(place)
        if self.first is None or place.key < self.first.key:
            self.first = place

    def remove_ready(self, place: Place) -> None:
        self.ready.remove(place)
        if place is self.first:
            self.first = next(iter(self.ready), None)

    def close(self) -> None:
        for crew in self.crews:
            del crew.lanes[self]


class Crew:
    """`skills`: of each of them. `able`: how many could be asked if they had nothing else to do."""

    __slots__ = ("able", "free", "lanes", "line", "membership", "size", "skills")

    def __init__(self, line: Line, profile: AgentProfile) -> None:
        self.line = line
        self.membership = profile.queues[line.name]
        self.skills = profile.skills
        self.size = 0
        self.able = 0
        self.free: SortedList[Rank] = SortedList()
        self.lanes: dict[Lane, None] = {}

    def serve(self, lane: Lane) -> None:
        """If they can."""
        if satisfied(lane.required, self.skills):
            self.lanes[lane] = None
            lane.crews[self] = None

    def close(self) -> None:
        for lane in self.lanes:
            del lane.crews[self]
