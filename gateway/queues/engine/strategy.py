"""Who of the free agents is asked. Pure.

Among equals the one who hasn't been on a call for the longest time comes first, then who logged in first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from gateway.queues.engine.skills import total_level
from gateway.queues.engine.standing import may_be_asked
from gateway.queues.settings import Strategy

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.draws import Draws
    from gateway.queues.engine.lane import Crew, Lane, Rank
    from gateway.queues.engine.place import Place


def choose(place: Place, lane: Lane, draws: Draws, now: float) -> Agent | None:
    """The one to ask for this entry now; None when nobody is free who may be asked."""

    def may(rank: Rank) -> bool:
        return may_be_asked(place, rank[3], now)

    if lane.line.settings.strategy in (Strategy.RANDOM, Strategy.WEIGHTED):
        return _drawn(place, lane, draws, now)
    free = lane.line.ranks
    if len(free) < len(lane.crews):  # callers wait: few are free, and it is quicker to ask these
        ranks = (rank for agent, rank in free.items() if agent.crews[lane.line] in lane.crews)
        firsts = ((_crew_merit(lane, rank[3].crews[lane.line]), rank) for rank in ranks if may(rank))
    else:
        firsts = ((_crew_merit(lane, crew), rank) for crew in lane.crews for rank in _first(crew, may))
    best = min(firsts, default=None)
    return None if best is None else best[1][3]


def everybody(place: Place, lane: Lane, now: float) -> list[Agent]:
    """All who may be asked, the longest idle first."""
    ranks = sorted(rank for crew in lane.crews for rank in crew.free)
    return [rank[3] for rank in ranks if may_be_asked(place, rank[3], now)]


def _first(crew: Crew, may: Callable[[Rank], bool]) -> Iterator[Rank]:
    """The first of a crew who may be asked, if there is one."""
    return islice(filter(may, crew.free), 1)


def _crew_merit(lane: Lane, crew: Crew) -> int:
    """The least is asked first, whatever the merits within the crew."""
    strategy = lane.line.settings.strategy
    if strategy is Strategy.ORDERED:
        return crew.membership.order
    if strategy is Strategy.BEST_SKILL:
        return -total_level(lane.required, crew.skills)
    return 0


def _drawn(place: Place, lane: Lane, draws: Draws, now: float) -> Agent | None:
    """One at random, by weight if the strategy says so; weight 0 only when nobody else is there."""
    weighted = lane.line.settings.strategy is Strategy.WEIGHTED
    shares = [
        (crew, (crew.membership.weight if weighted else 1) * len(crew.free))
        for crew in lane.crews
        if crew.free
    ]
    total = sum(share for _, share in shares)
    point = draws.below(total) if total > 0 else 0
    for crew, share in shares:
        if point < share:
            agent = crew.free[point % len(crew.free)][3]
            if may_be_asked(place, agent, now):
                return agent
        point -= share
    return next(iter(everybody(place, lane, now)), None)
