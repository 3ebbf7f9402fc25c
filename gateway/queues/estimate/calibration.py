"""Does the band hold what it promises? Checked with every wait that ends, and corrected. Pure.

Quantile tracking (Angelopoulos, Candès, Tibshirani, "Conformal PID Control for Time Series Prediction",
NeurIPS 2023; after Gibbs and Candès, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS
2021): each bound moves a step outwards when a wait falls beyond it, and a fraction of the step inwards when
it doesn't, so that in the long run the wanted share falls beyond it, whatever is wrong with the model.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Final

SCORES: Final = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Standard normal scores at which a forecast is kept until its wait is over."""

OUTSIDE: Final = 0.07
"""Wanted beyond each bound: less than a tenth, since who promises 80 % must not give 79."""

SLACK_S: Final = 3.0
"""People don't act to the second, whatever is known: the band reaches this much further at both ends."""

STEP: Final = 0.02
MEDIAN_SHARE: Final = 0.25
ALONE: Final = 20
"""So many open forecasts still count in full."""

LIMIT: Final = 10.0
START: Final = 1.5


def score_of(wait_s: float, forecast: Sequence[float]) -> float:
    """Which score a wait has, given the waits at SCORES; straight beyond both ends."""
    index = min(max(bisect_left(forecast, wait_s), 1), len(forecast) - 1)
    low, high = forecast[index - 1], forecast[index]
    if high == math.inf:
        return SCORES[index - 1] if wait_s <= low else SCORES[index]
    if high <= low:
        return SCORES[index] if wait_s > high else SCORES[index - 1] if wait_s < low else 0.0
    score = SCORES[index - 1] + (wait_s - low) / (high - low) * (SCORES[index] - SCORES[index - 1])
    return min(max(score, -LIMIT), LIMIT)


class Calibration:
    """One queue's: which scores of its model are the median and the ends of an 80 % band."""

    def __init__(self, low: float = -START, middle: float = 0.0, high: float = START) -> None:
        self.low = low
        self.middle = middle
        self.high = high

    def learn(self, wait_s: float, forecast: Sequence[float], together: int) -> None:
        """A wait is over that had been forecast, or has exceeded everything promised (inf).

        `together`: how many forecasts of the queue were open with it. What happens to one then happens to all
        (one long call delays everybody behind it), so each of them teaches the less.
        """
        step = STEP * min(1.0, ALONE / max(together, 1))
        self.low = _track(self.low, step, score_of(wait_s + SLACK_S, forecast), OUTSIDE)
        self.middle = _track(self.middle, step * MEDIAN_SHARE, score_of(wait_s, forecast), 0.5)
        self.high = _track(self.high, step, score_of(wait_s - SLACK_S, forecast), 1.0 - OUTSIDE)

    def band(self) -> tuple[float, float, float]:
        """Scores of the low end, the median and the high end, in order."""
        middle = self.middle
        return min(self.low, middle - 0.1), middle, max(self.high, middle + 0.1)

    def to_json(self) -> dict[str, Any]:
        return {"low": self.low, "middle": self.middle, "high": self.high}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Calibration:
        """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(float(saved["low"]), float(saved["middle"]), float(saved["high"]))


def _track(bound: float, step: float, score: float, below: float) -> float:
    """One step towards the score that a share `below` of all scores stays under."""
    moved = bound + step * (below if score > bound else below - 1.0)
    return min(max(moved, -LIMIT), LIMIT)
