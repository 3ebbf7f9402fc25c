"""What queueing theory says of a queue with one kind of callers and agents: Erlang C and Erlang A.

Erlang C (M/M/s): arrivals and services without memory, nobody hangs up. A. K. Erlang, 1917; L. Kleinrock,
Queueing Systems I, §3.5. Erlang A (M/M/s+M): callers hang up at a constant rate while they wait. C. Palm,
1957; O. Garnett, A. Mandelbaum, M. Reiman, Designing a Call Center with Impatient Customers, M&SOM 4, 2002.
Everything is computed from the balance equations, so that one piece of code serves both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

NEGLIGIBLE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Load:
    """Rates a second. `hangups`: of each waiting caller; 0 for Erlang C."""

    agents: int
    arrivals: float
    services: float  # of each busy agent
    hangups: float = 0.0

    @property
    def name(self) -> str:
        offered = self.arrivals / self.services
        return (
            f"{self.agents} agents, {offered:.1f} erlangs, {'patient' if not self.hangups else 'impatient'}"
        )


@dataclass(frozen=True, slots=True)
class Theory:
    """In the long run. Waits are of all callers, those who hang up and those who don't wait included."""

    mean_wait_s: float
    abandoned: float  # share of all callers
    delayed: float  # share of all callers who wait at all
    load: Load
    probabilities: tuple[float, ...]  # of so many callers in the system

    def answered_within(self, seconds: float) -> float:
        """The share of all callers who are answered within so many seconds: the service level."""
        load = self.load
        level = sum(self.probabilities[: load.agents])
        queue = self.probabilities[load.agents :]
        return level + sum(
            probability * share
            for probability, share in zip(queue, _served_within(load, len(queue), seconds), strict=True)
        )


def theory(load: Load) -> Theory:
    """Solves the balance equations. Raises ValueError for a load that nobody could serve."""
    if not load.hangups and load.arrivals >= load.agents * load.services:
        raise ValueError("more calls than agents can take, and nobody hangs up")
    weights = [1.0]
    while weights[-1] > NEGLIGIBLE * sum(weights) or len(weights) <= load.agents:
        callers = len(weights)
        busy, waiting = min(callers, load.agents), max(callers - load.agents, 0)
        weights.append(weights[-1] * load.arrivals / (busy * load.services + waiting * load.hangups))
    total = sum(weights)
    probabilities = tuple(weight / total for weight in weights)
    queue = sum(max(callers - load.agents, 0) * share for callers, share in enumerate(probabilities))
    return Theory(
        mean_wait_s=queue / load.arrivals,  # Little's law
        abandoned=load.hangups * queue / load.arrivals,
        delayed=sum(probabilities[load.agents :]),
        load=load,
        probabilities=probabilities,
    )


def _served_within(load: Load, places: int, seconds: float) -> list[float]:
    """For who finds all agents busy and 0, 1, 2 … callers ahead: the chance of an agent within `seconds`.

    The number ahead falls at the rate of services and hang-ups; meanwhile the caller may hang up, too. That
    chain is solved by uniformisation: it jumps at a common rate, a Poisson number of times.
    """
    service = load.agents * load.services
    rate = service + places * load.hangups
    jumps = rate * seconds
    served = [0.0] * places  # after so many jumps, for each place
    total = [0.0] * places
    for count in range(int(jumps + 10.0 * math.sqrt(jumps) + 20.0)):
        chance = math.exp(count * math.log(jumps) - jumps - math.lgamma(count + 1.0))
        for place in range(places):
            total[place] += chance * served[place]
        following = []
        for place in range(places):
            forward = service + place * load.hangups
            ahead = served[place - 1] if place else 1.0
            following.append((forward * ahead + (rate - forward - load.hangups) * served[place]) / rate)
        served = following
    return total
