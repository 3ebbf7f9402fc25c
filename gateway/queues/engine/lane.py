"""Those in one queue who ask for the same skills, and the agents who have them. Pure.

Because everybody in a lane is interchangeable to an agent, matching looks at its two ends only: the first
entry, the first free agent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING

from sortedcontainers import SortedKeyList, SortedList

from gateway.queues.engine.strategy import merit

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.draws import Draws
    from gateway.queues.engine.line import Line
    from gateway.queues.engine.place import Key, Place
    from gateway.queues.engine.skills import Requirement

Rank = tuple[float, float, int, "Agent"]
"""Merit, end of the last call, sequence: never as far as the agent itself, since sequences differ."""


class Lane:
    """`size`: entries that are placed here, whether anybody may be asked for them now or not."""

    __slots__ = (
        "_free",
        "_ranks",
        "able",
        "contested",
        "crew",
        "line",
        "raced_to",
        "ready",
        "required",
        "size",
    )

    def __init__(self, line: Line, required: Requirement) -> None:
        self.line = line
        self.required = required
        self.size = 0
        self.ready: SortedKeyList[Place, Key] = SortedKeyList(key=attrgetter("key"))
        self.contested: dict[Place, None] = {}  # somebody has declined them
        self.crew: dict[Agent, None] = {}  # who has the skills
        self.able: set[Agent] = set()  # of them, on duty and reachable. Never iterated: sets have no order
        self.raced_to = 0.0  # for strategies at random: when the last race was won
        self._free: SortedList[Rank] = SortedList()
        self._ranks: dict[Agent, Rank] = {}

    def free(self) -> Iterator[Agent]:
        """Who can take a call now, the first choice first. Nothing may change while it is iterated."""
        return (rank[3] for rank in self._free)

    def admit(self, agent: Agent, draws: Draws) -> None:
        """The agent serves this lane."""
        self.crew[agent] = None
        agent.lanes[self] = None
        if agent.able:
            self.able.add(agent)
        if agent.free:
            self.add_free(agent, draws)

    def dismiss(self, agent: Agent) -> None:
        """The agent doesn't serve this lane any more."""
        self.remove_free(agent)
        self.able.discard(agent)
        del self.crew[agent]
        del agent.lanes[self]

    def add_free(self, agent: Agent, draws: Draws) -> None:
        rank = (merit(self, agent, draws), agent.last_call_at, agent.seq, agent)
        self._ranks[agent] = rank
        self._free.add(rank)

    def remove_free(self, agent: Agent) -> None:
        if (rank := self._ranks.pop(agent, None)) is not None:
            self._free.remove(rank)

    def chosen(self, agent: Agent) -> None:
        """The agent is taken from here: the race at random goes on from there."""
        arrival = self._ranks[agent][0]
        if arrival == self._free[0][0] < math.inf:
            self.raced_to = arrival
