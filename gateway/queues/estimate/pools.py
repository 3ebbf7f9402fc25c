"""Who competes for whom: entries that ask for the same, and the agents who can serve them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.agents.presence import Presence
from gateway.queues.views import AgentView, EntryView

Wanted = tuple[str, frozenset[tuple[str, int]]]
"""What entries of one pool ask for: the queue, and skills with their minimum levels."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The queues at a moment.

    `entries`: those placed (waiting or offered, callbacks too), of all queues. `agents`: all.
    `weights`: of queues; one that is left out has 0.
    """

    now: float
    entries: tuple[EntryView, ...]
    agents: tuple[AgentView, ...]
    weights: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def rank(self, entry: EntryView) -> tuple[int, int, float]:
        """The engine's order across queues: the heaviest first, then by priority and enqueue time."""
        return -self.weights.get(entry.queue, 0), -entry.priority, entry.enqueued_at


@dataclass(slots=True, eq=False)
class Pool:
    """`agents`: who can serve it and is on duty, a bit each by the place in `Situation.agents`.

    `entries`: about how many compete here. `claims`: how many of those looked at so far are expected to take
    an agent of this pool; `unsure`: the variance. `shares`: the part of this pool's agents in each that
    overlaps.
    """

    queue: str
    agents: int
    size: int
    entries: float = 0.0
    claims: float = 0.0
    unsure: float = 0.0
    shares: tuple[tuple[Pool, float], ...] = ()

    def claim(self, probability: float) -> None:
        """An entry takes an agent of this pool with this probability, before those behind it."""
        for other, share in self.shares:
            taken = probability * share
            other.claims += taken
            other.unsure += taken * (1.0 - taken)


class Pools:
    """The pools of a situation."""

    def __init__(self, situation: Situation) -> None:
        on_duty = [(index, agent) for index, agent in enumerate(situation.agents) if is_on_duty(agent)]
        self._members: dict[str, list[tuple[int, AgentView]]] = {}
        for index, agent in on_duty:
            for queue in agent.profile.queues:
                self._members.setdefault(queue, []).append((index, agent))
        self._pools: dict[Wanted, Pool] = {}
        sizes: dict[Pool, int] = {}
        for entry in situation.entries:
            pool = self.of(entry)
            sizes[pool] = sizes.get(pool, 0) + 1
        pools = self._pools.values()
        for pool in pools:
            pool.shares = tuple(
                (other, (pool.agents & other.agents).bit_count() / pool.size)
                for other in pools
                if pool.agents & other.agents
            )
            for other, share in pool.shares:
                other.entries += share * sizes[pool]

    def of(self, entry: EntryView) -> Pool:
        """The pool that an entry of the situation belongs to."""
        wanted = entry.queue, frozenset(entry.skills.items())
        pool = self._pools.get(wanted)
        if pool is None:
            agents = 0
            for index, agent in self._members.get(entry.queue, ()):
                levels = agent.profile.skills
                if all(levels.get(skill, 0) >= level for skill, level in wanted[1]):
                    agents |= 1 << index
            pool = self._pools[wanted] = Pool(entry.queue, agents, agents.bit_count())
        return pool

    def on_duty(self, queue: str) -> frozenset[str]:
        """The agents on duty for a queue, whatever their skills."""
        return frozenset(agent.id for _, agent in self._members.get(queue, ()))

    def queues(self) -> frozenset[str]:
        """Queues that somebody is on duty for."""
        return frozenset(self._members)

    def share(self, queue: str, pool: Pool) -> float:
        """Which part of the agents on duty for `queue` can also serve `pool`."""
        members = self._members.get(queue)
        if not members:
            return 0.0
        return sum(pool.agents >> index & 1 for index, _ in members) / len(members)


def is_on_duty(agent: AgentView) -> bool:
    """Whether an agent takes calls, now or after the present one."""
    return agent.presence is Presence.AVAILABLE and agent.reachable


def places(pool: Pool) -> float:
    """How many completions of its agents matter to a pool at most, with a margin for chance."""
    return pool.entries + 2.0 + 2.0 * math.sqrt(pool.entries)
