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


DAMPING_S: Final = 600.0
"""How long a trend of staffing goes on."""


@dataclass(frozen=True, slots=True)
class Service:
    """A whole service of an agent, from one caller to the next: ringing, talking, wrapping up."""

    mean_s: float
    variation: float  # squared coefficient of variation


@dataclass(frozen=True, slots=True)
class Staffing:
    """How the number of agents on duty moves: a random walk. `now` agents; changes a second; damped drift."""

    now: float  # at least one
    drift: float = 0.0  # net agents a second, at this moment
    churn: float = 0.0  # comings and goings a second, both counted

    def expected(self, after_s: float) -> float:
        """Agents after so long, at least none. A trend goes on for a while, not for ever."""
        change = self.drift * DAMPING_S * (1.0 - math.exp(-after_s / DAMPING_S))
        return max(self.now + change, 0.0)


class Completions:
    """M and V for one pool of agents, at evenly spaced times.

    `free`: agents who are idle now. `first[k]`, `spread[k]`: the expected number, and its variance, of busy
    agents whose present call ends by `times_s[k]`. `again[k]`: services that an agent who begins at 0 ends by
    then. `rate_error`: the relative standard error of the mean service time.
    """

    def __init__(
        self,
        times_s: Sequence[float],
        free: int,
        first: Sequence[float],
        spread: Sequence[float],
        again: Sequence[float],
        service: Service,
        staffing: Staffing,
        rate_error: float,
    ) -> None:
        self._times = (0.0, *times_s)
        starts = _steps(first)
        means, variances = [float(free)], [0.0]
        before = float(free)
        for index, time_s in enumerate(times_s):
            later = free * again[index] + _convolved(starts, again, index)
            now = free + first[index] + later
            means.append(means[-1] + max(now - before, 0.0) * staffing.expected(time_s) / staffing.now)
            before = now
            walk = staffing.churn * time_s**3 / 3.0 / service.mean_s**2
            variances.append(spread[index] + service.variation * later + (rate_error * means[-1]) ** 2 + walk)
        self._variances = variances
        self._rate = staffing.expected(self._times[-1]) / service.mean_s
        self._means = {0.0: means}

    def by(self, number: float, lost: float = 0.0) -> tuple[float, float]:
        """When the expected number reaches `number` (seconds; inf for never), and the variance then.

        `lost`: completions a second that go to others who are yet to come.
        """
        means = self._without(lost)
        if number <= means[0]:
            return 0.0, self._variances[0]
        index = bisect_left(means, number)
        last = self._times[-1]
        if index == len(means):
            rate = self._rate - lost
            if rate <= 0.0:
                return math.inf, self._variances[-1]
            after_s = last + (number - means[-1]) / rate
            return after_s, self._variances[-1] * after_s / last + lost * after_s
        inside = (number - means[index - 1]) / (means[index] - means[index - 1])
        after_s = self._times[index - 1] + inside * (self._times[index] - self._times[index - 1])
        variance = self._variances[index - 1] + inside * (self._variances[index] - self._variances[index - 1])
        return after_s, variance + lost * after_s

    def _without(self, lost: float) -> list[float]:
        means = self._means.get(lost)
        if means is None:
            means = []
            for time_s, mean in zip(self._times, self._means[0.0], strict=True):
                means.append(max(mean - lost * time_s, means[-1] if means else 0.0))
            self._means[lost] = means
        return means


@dataclass(frozen=True, slots=True)
class Turn:
    """When the entry at `place` (1: the next) has its turn, on the clock of its agents' completions.

    `unsure`: the variance of the place. `lost`: as in `Completions.by`.
    """

    completions: Completions
    place: float
    unsure: float = 0.0
    lost: float = 0.0

    def at(self, score: float) -> float:
        """The wait at a standard normal score: 0 the median, 1.28 what nine of ten stay below. May be inf.

        The median of a Gamma(n) is about n - 1/3, that of a certain n-th event half-way to it: n - 1/2. The
        variance depends on the time; it is taken where the first guess falls.
        """
        middle = max(self.place - 0.5, 0.25)
        wait_s, variance = self.completions.by(middle, self.lost)
        middle += min((variance + self.unsure) / middle, 1.0) / 6.0
        number = middle
        wait_s, variance = self.completions.by(number, self.lost)
        for _ in range(2 if score else 0):
            dispersion = (variance + self.unsure) / max(number, middle / 4.0)
            number = middle * max(1.0 + score * math.sqrt(dispersion / (9.0 * middle)), 0.0) ** 3
            wait_s = self.completions.by(number, self.lost)[0]
            variance = self.completions.by(max(number, middle / 4.0), self.lost)[1]
        return wait_s


def _steps(values: Sequence[float]) -> list[float]:
    return [value - before for value, before in zip(values, (0.0, *values), strict=False)]


def spread_of(share: float, variation: float) -> float:
    """What one busy agent adds to V whose present call has ended with the probability `share`.

    It is a yes or no; and when it ends decides how much time is left for the services after it. Together with
    those, the variance is then that of a Poisson process for calls without memory, and `variation` times the
    mean in the long run, as it is of renewals (Cox, Renewal Theory, 1962, §4). 0 for a known end.
    """
    return share * (1.0 - share) + variation * share * share


def renewals(ends_within: Sequence[float]) -> list[float]:
    """The expected number of services that end by each of the evenly spaced times, when one begins at 0 and
    the next follows at once: the renewal equation, m = F + F * m.
    """
    steps = _steps(ends_within)
    found: list[float] = []
    for index, share in enumerate(ends_within):
        found.append(0.0)
        found[index] = (share + _convolved(steps, found, index)) / (1.0 - steps[0] / 2.0)
    return found


def _convolved(starts: Sequence[float], ends: Sequence[float], index: int) -> float:
    """How many services end by the time at `index`, of those that begin in each step: half-way, on average.

    `ends[k]`: how many do within k + 1 steps of their beginning; none at once.
    """
    return sum(
        starts[lag] * (ends[index - lag] + (ends[index - lag - 1] if lag < index else 0.0)) / 2.0
        for lag in range(index + 1)
    )
