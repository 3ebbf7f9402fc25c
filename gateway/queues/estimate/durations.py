"""How long things take, learned as they happen: a histogram that forgets. Pure.

Talk times of call centres have long tails and no shape that fits every queue (Brown, Gans, Mandelbaum et
al., "Statistical Analysis of a Telephone Call Center: A Queueing-Science Perspective", JASA 100, 2005:
lognormal at one bank, with a mode of very short calls at times), so no formula is assumed. Bins grow by a
fixed ratio; in a bin the observations are taken as spread evenly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

FIRST_S: Final = 1.0
RATIO: Final = 2 ** (1 / 4)
BINS: Final = 60
"""From 1 s to 2 ** 15 s, about nine hours."""

EDGES: Final[tuple[float, ...]] = (0.0, *(FIRST_S * RATIO**bin_ for bin_ in range(BINS)))
_LOG_RATIO: Final = math.log(RATIO)


def bin_of(duration_s: float) -> int:
    """The bin that holds a duration: the greatest i with EDGES[i] <= duration_s."""
    if duration_s < FIRST_S:
        return 0
    return min(1 + int(math.log(duration_s / FIRST_S) / _LOG_RATIO + 1e-9), BINS)


class Durations:
    """Observed durations. `memory`: about how many of the latest count; older ones fade exponentially."""

    def __init__(self, memory: float = 500.0) -> None:
        self._keep = 1.0 - 1.0 / memory
        self._weights = [0.0] * (BINS + 1)
        self._total = 0.0
        self._sum_s = 0.0
        self._sum_squares = 0.0
        self._below: tuple[float, ...] | None = None

    def observe(self, duration_s: float) -> None:
        """Take one in. Negative durations count as 0."""
        duration_s = max(duration_s, 0.0)
        keep = self._keep
        self._weights = [weight * keep for weight in self._weights]
        self._weights[bin_of(duration_s)] += 1.0
        self._total = self._total * keep + 1.0
        self._sum_s = self._sum_s * keep + duration_s
        self._sum_squares = self._sum_squares * keep + duration_s * duration_s
        self._below = None

    @property
    def count(self) -> float:
        """How many observations count, after decay."""
        return self._total

    @property
    def mean_s(self) -> float:
        """Their mean; 0 while there are none."""
        return self._sum_s / self._total if self._total else 0.0

    @property
    def variation(self) -> float:
        """The squared coefficient of variation: variance over squared mean."""
        if not self._sum_s:
            return 0.0
        mean = self.mean_s
        return max(self._sum_squares / self._total - mean * mean, 0.0) / (mean * mean)

    def share_below(self, duration_s: float) -> float:
        """The share of durations up to this one: the cumulative distribution function."""
        below = self._cumulated()
        if duration_s <= 0.0 or not self._total:
            return 0.0
        index = bin_of(duration_s)
        if index >= BINS:
            return 1.0
        low, high = EDGES[index], EDGES[index + 1]
        inside = (duration_s - low) / (high - low)
        return (below[index] + inside * self._weights[index]) / self._total

    def ends_within(self, elapsed_s: float, times_s: Sequence[float]) -> list[float]:
        """For something that has lasted `elapsed_s`: the probability that it ends within each of these times.

        Conditional on what has elapsed (Whitt, "Predicting Queueing Delays", Management Science 45(6), 1999,
        §4). Past everything that was observed, the rest is taken as exponential around the mean.
        """
        left = 1.0 - self.share_below(elapsed_s)
        if left * self._total < 0.5:
            mean = max(self.mean_s, FIRST_S)
            return [1.0 - math.exp(-time_s / mean) for time_s in times_s]
        gone = 1.0 - left
        return [(self.share_below(elapsed_s + time_s) - gone) / left for time_s in times_s]

    def _cumulated(self) -> tuple[float, ...]:
        if self._below is None:
            sums = [0.0]
            for weight in self._weights:
                sums.append(sums[-1] + weight)
            self._below = tuple(sums)
        return self._below

    def to_json(self) -> dict[str, Any]:
        """What was learned, as plain JSON."""
        return {"weights": list(self._weights), "sum_s": self._sum_s, "sum_squares": self._sum_squares}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any], memory: float = 500.0) -> Durations:
        """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        durations = cls(memory)
        weights = [float(weight) for weight in saved["weights"]]
        if len(weights) != BINS + 1:
            raise ValueError(f"{len(weights)} bins instead of {BINS + 1}")
        durations._weights = weights
        durations._total = sum(weights)
        durations._sum_s = float(saved["sum_s"])
        durations._sum_squares = float(saved["sum_squares"])
        return durations
