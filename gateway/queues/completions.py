"""When agents become free: how many of them by which time, and when the n-th does. Pure.

Whitt, "Predicting Queueing Delays" (Management Science 45(6), 1999): the n-th in line is served when the
agents who can serve it have become free n times. For each agent the time to the first is the rest of the
call in progress, given what has elapsed of it; after that come whole calls, a renewal process. Their
superposition is described by its mean M(t) and variance V(t). On the clock that M is, the n-th completion
comes at a gamma-like time whose quantiles Wilson and Hilferty's cube root gives (PNAS 17, 1931).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

POINTS: Final = 64
"""How many times M and V are computed for; linear between them."""


def grid(until_s: float) -> tuple[float, ...]:
    """POINTS evenly spaced times after 0."""
    return tuple(until_s * (point + 1) / POINTS for point in range(POINTS))


@dataclass(frozen=True, slots=True)
class Service:
    """A whole service of an agent, from one caller to the next: ringing, talking, wrapping up."""

    mean_s: float
    variation: float  # squared coefficient of variation


@dataclass(frozen=True, slots=True)
class Staffing:
    """How the number of agents on duty moves: a random walk. `now` agents; changes a second; damped drift."""

    now: float
    drift: float = 0.0  # net agents a second, at this moment
    churn: float = 0.0  # comings and goings a second, both counted

    DAMPING_S = 600.0

    def expected(self, after_s: float) -> float:
        """Agents after so long, at least none. A trend goes on for a while, not for ever."""
        change = self.drift * self.DAMPING_S * (1.0 - math.exp(-after_s / self.DAMPING_S))
        return max(self.now + change, 0.0)


class Completions:
    """M and V for one pool of agents. `free`: who is idle now. `first[k]`, `spread[k]`: expected number and
    variance of the busy agents whose present call ends by `times_s[k]`.
    """

    def __init__(
        self,
        times_s: Sequence[float],
        free: int,
        first: Sequence[float],
        spread: Sequence[float],
        renewals: Sequence[float],
        service: Service,
        staffing: Staffing,
        rate_error: float,
    ) -> None:
        self._times = (0.0, *times_s)
        step = times_s[0]
        means = [float(free)]
        variances = [0.0]
        total = float(free)
        previous = float(free)
        starts = [float(free)] + [
            first[index] - (first[index - 1] if index else 0.0) for index in range(len(first))
        ]
        raw: list[float] = []
        for index in range(len(times_s)):
            again = sum(starts[lag] * renewals[index - lag] for lag in range(index + 1))
            raw.append(free + first[index] + again)
        for index, time_s in enumerate(times_s):
            share = staffing.expected(time_s) / staffing.now
            total += max(raw[index] - previous, 0.0) * share
            previous = raw[index]
            again = raw[index] - free - first[index]
            walk = staffing.churn * time_s**3 / 3.0 / service.mean_s**2
            means.append(total)
            variances.append(spread[index] + service.variation * again + (rate_error * total) ** 2 + walk)
        self._means = means
        self._variances = variances
        late = max(staffing.expected(self._times[-1] + step), 0.0)
        self._rate = late / service.mean_s

    def by(self, number: float) -> tuple[float, float]:
        """When the expected number reaches `number` (seconds; inf for never), and the variance then."""
        means = self._means
        if number <= means[0]:
            return 0.0, self._variances[0]
        index = bisect_left(means, number)
        if index == len(means):
            more = number - means[-1]
            variance = self._variances[-1] * number / max(means[-1], 1e-9)
            return (self._times[-1] + more / self._rate if self._rate > 0 else math.inf), variance
        inside = (number - means[index - 1]) / (means[index] - means[index - 1])
        variance = self._variances[index - 1] + inside * (self._variances[index] - self._variances[index - 1])
        return self._times[index - 1] + inside * (self._times[index] - self._times[index - 1]), variance

    def turn(self, place: float, unsure: float) -> Turn:
        """When the entry at `place` (1: the next) has its turn. `unsure`: the variance of its place."""
        middle = max(place - 0.5, 0.25)
        _, variance = self.by(middle)
        dispersion = min((variance + unsure) / middle, 9.0 * middle)
        return Turn(self, max(middle + min(dispersion, 1.0) / 6.0, 0.25), dispersion)


@dataclass(frozen=True, slots=True)
class Turn:
    """The distribution of one entry's wait, on the clock of its agents' completions."""

    completions: Completions
    middle: float
    dispersion: float

    def at(self, score: float) -> float:
        """The wait at a standard normal score: 0 the median, 1.28 what nine of ten stay below. May be inf."""
        root = 1.0 + score * math.sqrt(self.dispersion / (9.0 * self.middle))
        return self.completions.by(self.middle * max(root, 0.0) ** 3)[0]


def renewals(ends_within: Sequence[float]) -> list[float]:
    """The expected number of services that end by each of the evenly spaced times, when one begins at 0 and
    the next follows at once: the renewal equation, m = F + F * m.
    """
    steps = [
        ends_within[index] - (ends_within[index - 1] if index else 0.0) for index in range(len(ends_within))
    ]
    found: list[float] = []
    for index, share in enumerate(ends_within):
        found.append(share + sum(steps[lag] * found[index - 1 - lag] for lag in range(index)))
    return found
