"""Who of the free agents comes first, as a number to sort by. Pure.

Among equals the one who hasn't been on a call for the longest time comes first, then who logged in first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from gateway.queues.engine.skills import total_level
from gateway.queues.settings import Strategy

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.draws import Draws
    from gateway.queues.engine.lane import Lane


def merit(lane: Lane, agent: Agent, draws: Draws) -> float:
    """The least is asked first. It stands while the agent is free: what it is made of changes by calls only.

    At random means a race: everybody who becomes free is drawn a time of arrival from now on, in proportion
    to their weight. Such waits have no memory, so whoever is still on the way isn't favoured by it.
    """
    settings = lane.line.settings
    match settings.strategy:
        case Strategy.LONGEST_IDLE | Strategy.RING_ALL:
            return 0.0
        case Strategy.ROUND_ROBIN:
            return agent.turns.get(settings.name, 0)
        case Strategy.FEWEST_CALLS:
            return agent.calls
        case Strategy.LEAST_TALK_TIME:
            return agent.talk_s
        case Strategy.ORDERED:
            return agent.membership(settings.name).order
        case Strategy.RANDOM:
            return lane.raced_to + draws.wait(1.0)
        case Strategy.WEIGHTED:
            return lane.raced_to + draws.wait(agent.membership(settings.name).weight)
        case Strategy.BEST_SKILL:
            return -total_level(lane.required, agent.profile.skills)
        case _:
            assert_never(settings.strategy)
