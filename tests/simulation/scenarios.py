"""Days in contact centres on which waits have to be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from gateway.agents.profile import AgentProfile, Membership
from gateway.queues.settings import QueueSettings
from tests.simulation.callers import callers, exponential, lognormal
from tests.simulation.estimates import Watched

HOUR_S: Final = 3_600.0
TALK: Final = lognormal(240.0, 0.8)
PATIENCE: Final = exponential(1_200.0)
WRAP_UP_S: Final = 15.0
CYCLE_S: Final = 240.0 + 15.0 + 4.0


def agent(name: str, *queues: str, **skills: int) -> AgentProfile:
    return AgentProfile(name, name, queues={queue: Membership() for queue in queues}, skills=skills)


def _one_queue(seed: int, hours: float, load: float) -> Watched:
    """`load`: callers, in agents who would be busy all the time."""
    watched = Watched(QueueSettings("q", wrap_up_s=WRAP_UP_S))
    watched.centre.calls("q", callers(seed, hours * HOUR_S, load / CYCLE_S, TALK, PATIENCE))
    return watched


def steady(seed: int) -> Watched:
    """Twelve agents all day, a little too few."""
    watched = _one_queue(seed, 8.0, 12.6)
    for number in range(12):
        watched.centre.shift(agent(f"a{number}", "q"), 0.0)
    watched.centre.run(8.0 * HOUR_S)
    return watched


def rising(seed: int) -> Watched:
    """Ten agents for too many callers; from the third hour on, one more every six minutes, up to twenty."""
    watched = _one_queue(seed, 6.0, 13.0)
    for number in range(20):
        begins_s = 0.0 if number < 10 else 2.0 * HOUR_S + (number - 10) * 360.0
        watched.centre.shift(agent(f"a{number}", "q"), begins_s)
    watched.centre.run(6.0 * HOUR_S)
    return watched


def collapsing(seed: int) -> Watched:
    """Twenty agents; from the third hour on one goes every four minutes, until eight are left."""
    watched = _one_queue(seed, 6.0, 17.0)
    for number in range(20):
        ends_s = {} if number < 8 else {"ends_s": 2.0 * HOUR_S + (number - 8) * 240.0}
        watched.centre.shift(agent(f"a{number}", "q"), 0.0, **ends_s)
    watched.centre.run(6.0 * HOUR_S)
    return watched


def mixed(seed: int) -> Watched:
    """Three queues that share agents: one goes first, one asks for a language that few agents speak."""
    watched = Watched(
        QueueSettings("gold", wrap_up_s=WRAP_UP_S, weight=1),
        QueueSettings("sales", wrap_up_s=WRAP_UP_S),
        QueueSettings("service", wrap_up_s=WRAP_UP_S, skills=MappingProxyType({"danish": 3})),
    )
    for number in range(14):
        queues = ("gold", "sales") if number < 8 else ("gold", "sales", "service")
        watched.centre.shift(agent(f"a{number}", *queues, danish=5 if number >= 9 else 1), 0.0)
    for place, (queue, load) in enumerate({"gold": 3.0, "sales": 8.0, "service": 3.4}.items()):
        watched.centre.calls(queue, callers(10 * seed + place, 8.0 * HOUR_S, load / CYCLE_S, TALK, PATIENCE))
    watched.centre.run(8.0 * HOUR_S)
    return watched


SCENARIOS: Final[Mapping[str, Callable[[int], Watched]]] = MappingProxyType(
    {"steady": steady, "rising": rising, "collapsing": collapsing, "mixed": mixed}
)
