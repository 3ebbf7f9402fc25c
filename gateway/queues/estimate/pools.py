"""Who competes for whom: entries that ask for the same, and the agents who can serve them. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
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


class Pool:
    """`agents`: who can serve it and is on duty, a bit each by the place in `Situation.agents`.

    `entries`: about how many compete here. `sources`: the pools whose entries do, itself among them, each
    with the part of its agents that are also this pool's.
    """

    def __init__(self, queue: str, agents: int) -> None:
        self.queue = queue
        self.agents = agents
        self.size = agents.bit_count()
        self.entries = 0.0
        self.sources: tuple[tuple[Pool, float], ...] = ()
        self._turns: list[float] = []
        self._claims = [0.0]
        self._squares = [0.0]

    def claim(self, probability: float, after_s: float = 0.0) -> None:
        """One of its entries takes an agent with this probability, in `after_s`, before those behind it."""
        self._turns.append(max(after_s, self._turns[-1] if self._turns else 0.0))
        self._claims.append(self._claims[-1] + probability)
        self._squares.append(self._squares[-1] + probability * probability)

    def claimed(self, by_s: float = math.inf) -> tuple[float, float]:
        """How many agents of this pool those before take until then, expected, and the variance.

        Who competes but has to wait for longer, because few can serve them, takes nobody away by then.
        """
        expected = variance = 0.0
        for source, share in self.sources:
            count = bisect_right(source._turns, math.inf if source is self else by_s)
            claims = share * source._claims[count]
            expected += claims
            variance += claims - share * share * source._squares[count]
        return expected, variance


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
        for pool in self._pools.values():
            pool.sources = tuple(
                (other, (pool.agents & other.agents).bit_count() / other.size)
                for other in self._pools.values()
                if pool.agents & other.agents
            )
            pool.entries = sum(share * sizes[other] for other, share in pool.sources)

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
            pool = self._pools[wanted] = Pool(entry.queue, agents)
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
