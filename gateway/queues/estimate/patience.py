"""How long callers wait before they hang up, learned as they wait: a hazard by time waited. Pure.

Most callers are served before their patience ends, so what is seen is censored. The hazard of a stretch is
the number of callers who hung up in it, over the seconds that all callers waited in it: the piecewise
exponential form of Kaplan and Meier's estimator, as Brown et al. (JASA 100, 2005) use it for callers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

EDGES: Final[tuple[float, ...]] = (
    0,
    5,
    10,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    240,
    300,
    450,
    600,
    900,
    1200,
    1800,
    3600,
)
"""Where stretches begin, in seconds of waiting; the last one has no end."""

MEMORY: Final = 500.0
"""About how many of the latest callers count."""


class Patience:
    """The hazard of hanging up, by seconds waited."""

    def __init__(self) -> None:
        self._gone = [0.0] * len(EDGES)
        self._waited_s = [0.0] * len(EDGES)
        self._reached: tuple[float, ...] | None = None

    def observe(self, wait_s: float, *, abandoned: bool) -> None:
        """A caller's wait is over, by hanging up or otherwise."""
        keep = 1.0 - 1.0 / MEMORY
        last = max(bisect_right(EDGES, wait_s) - 1, 0)
        for index in range(len(EDGES)):
            self._gone[index] *= keep
            self._waited_s[index] *= keep
            if index < last:
                self._waited_s[index] += EDGES[index + 1] - EDGES[index]
        self._waited_s[last] += max(wait_s - EDGES[last], 0.0)
        if abandoned:
            self._gone[last] += 1.0
        self._reached = None

    def stays(self, waited_s: float, more_s: float) -> float:
        """The probability that who has waited `waited_s` is still there after `more_s` more."""
        if more_s == math.inf:
            return 0.0
        return math.exp(self._cumulated(waited_s) - self._cumulated(waited_s + more_s))

    def _hazard(self, index: int) -> float:
        """Hang-ups a second. A stretch that few have seen leans on all the others."""
        waited = sum(self._waited_s)
        if not waited:
            return 0.0
        overall = sum(self._gone) / waited
        prior_s = 300.0
        return (self._gone[index] + overall * prior_s) / (self._waited_s[index] + prior_s)

    def _cumulated(self, wait_s: float) -> float:
        if self._reached is None:
            reached = [0.0]
            for index in range(len(EDGES) - 1):
                reached.append(reached[-1] + self._hazard(index) * (EDGES[index + 1] - EDGES[index]))
            self._hazards = tuple(self._hazard(index) for index in range(len(EDGES)))
            self._reached = tuple(reached)
        index = max(bisect_right(EDGES, wait_s) - 1, 0)
        return self._reached[index] + self._hazards[index] * max(wait_s - EDGES[index], 0.0)

    def to_json(self) -> dict[str, Any]:
        """What was learned, as plain JSON."""
        return {"gone": list(self._gone), "waited_s": list(self._waited_s)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Patience:
        """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        patience = cls()
        gone = [float(value) for value in saved["gone"]]
        waited_s = [float(value) for value in saved["waited_s"]]
        if len(gone) != len(EDGES) or len(waited_s) != len(EDGES):
            raise ValueError("other stretches of waiting")
        patience._gone, patience._waited_s = gone, waited_s
        return patience
