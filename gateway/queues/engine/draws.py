"""Numbers without a pattern from a seed: the same seed, the same draws. Pure; nothing here is secret.

SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

import math
from typing import Final

_MASK: Final = (1 << 64) - 1


class Draws:
    """A source of draws."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def uniform(self) -> float:
        """Above 0, at most 1, evenly."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
        return ((mixed >> 11) + 1) / (1 << 53)

    def wait(self, rate: float) -> float:
        """Until the next event of a Poisson process; of several such waits the shortest one is X's in
        proportion to X's rate. Infinite at rate 0.
        """
        return -math.log(self.uniform()) / rate if rate > 0 else math.inf
