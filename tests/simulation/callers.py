"""Callers drawn at random, once, so that everything that is compared sees the same ones."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Draw = Callable[[random.Random], float]
"""Seconds of something, at random."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Times in seconds. `patience_s`: how long they wait before they hang up; may be inf."""

    arrives_at: float
    talk_s: float
    patience_s: float


def exponential(mean_s: float) -> Draw:
    return lambda draws: draws.expovariate(1.0 / mean_s)


def lognormal(mean_s: float, variation: float) -> Draw:
    """As talk times mostly are (Brown et al., JASA 100, 2005). `variation`: standard deviation over mean."""
    square = math.log(1.0 + variation * variation)
    return lambda draws: draws.lognormvariate(math.log(mean_s) - square / 2.0, math.sqrt(square))


def forever(draws: random.Random) -> float:
    return math.inf


def callers(
    seed: int, until_s: float, per_s: float, talk: Draw, patience: Draw = forever
) -> tuple[Caller, ...]:
    """Poisson arrivals at `per_s` a second."""
    return tuple(_callers(random.Random(seed), until_s, per_s, talk, patience))


def _callers(
    draws: random.Random, until_s: float, per_s: float, talk: Draw, patience: Draw
) -> Iterator[Caller]:
    at = draws.expovariate(per_s)
    while at < until_s:
        yield Caller(at, talk(draws), patience(draws))
        at += draws.expovariate(per_s)
