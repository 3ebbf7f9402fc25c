"""Which agent for which entry. Pure.

Nobody who is free has an entry they may take, and no entry has an agent who may take it, except those that
the event at hand has marked: `freed` agents and `fresh` entries. So only these are looked at, each in
O(log n) of the lanes concerned.
"""

from __future__ import annotations

import heapq

from gateway.queues.engine import offering, standing, strategy
from gateway.queues.engine.agent import Agent
from gateway.queues.engine.floor import Floor
from gateway.queues.engine.lane import Lane
from gateway.queues.engine.place import Key, Place
from gateway.queues.settings import Strategy

Rank = tuple[int, Key]


def match(floor: Floor) -> None:
    """Offers for all who can be matched now, the first of all queues first."""
    freed = tuple(floor.freed)
    floor.freed.clear()
    _serve(floor, freed)
    fresh = sorted(floor.fresh, key=lambda place: place.rank)
    floor.fresh.clear()
    for place in fresh:
        _seek_agents(floor, place)


def _serve(floor: Floor, agents: tuple[Agent, ...]) -> None:
    """Calls for agents who became free. The one with the entry that is first of all goes first; a better
    agent for that entry, by the strategy of its queue, gets it in their stead, and they look on.
    """
    heap: list[tuple[Rank, int, Agent, Place]] = []
    for agent in agents:
        _push(heap, floor, agent)
    while heap:
        _, _, agent, place = heapq.heappop(heap)
        if agent.free and (place.ready or place.holder is agent):
            _seek_agents(floor, place)
        if agent.free:
            _push(heap, floor, agent)


def _push(heap: list[tuple[Rank, int, Agent, Place]], floor: Floor, agent: Agent) -> None:
    if agent.free and (place := best_entry(floor, agent)) is not None:
        heapq.heappush(heap, (place.rank, agent.seq, agent, place))


def best_entry(floor: Floor, agent: Agent) -> Place | None:
    """What a free agent is to be asked for: the heaviest queue, then the highest priority, then the longest
    wait.
    """
    best: Place | None = None
    for crew in agent.crews.values():
        for lane in crew.lanes:
            place = lane.first
            if place is not None and place.declined:
                place = _first(lane, agent, floor.now)
            if place is not None and (best is None or place.rank < best.rank):
                best = place
    for place in agent.held:
        if place.offerable(floor.now) and (best is None or place.rank < best.rank):
            best = place
    return best


def _first(lane: Lane, agent: Agent, now: float) -> Place | None:
    """The first of a lane that the agent may be asked for."""
    return next((place for place in lane.ready if standing.may_be_asked(place, agent, now)), None)


def _seek_agents(floor: Floor, place: Place) -> None:
    """Ask the best agent for this entry, or all of them."""
    if place.holder is not None:
        if place.holder.free and place.offerable(floor.now):
            offering.make(floor, place, place.holder)
        return
    if not place.ready:
        return
    if place.line.settings.strategy is Strategy.RING_ALL:
        for agent in strategy.everybody(place, place.lane, floor.now):
            offering.make(floor, place, agent)
        return
    best = _of_before(floor, place) or strategy.choose(place, place.lane, floor.draws, floor.now)
    if best is not None:
        offering.make(floor, place, best)


def _of_before(floor: Floor, place: Place) -> Agent | None:
    """The agent the entry would like, if they happen to be free."""
    agent = None if place.sticky is None else floor.agents.get(place.sticky)
    if agent is None or not agent.free or not standing.is_eligible(place, agent):
        return None
    return agent if standing.may_be_asked(place, agent, floor.now) else None
