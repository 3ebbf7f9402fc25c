"""What a caller is told of the wait: in round figures, and never more than before without a reason. Pure.

The words are the dialplan's, in the caller's language; here is what they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.queues.estimate.estimator import Estimate, Expectation

MOST_MINUTES: Final = 30
"""Above this only "more than 30 minutes" is said."""

WIDE_S: Final = 180.0
WIDE_SHARE: Final = 1.5
"""A band wider than both WIDE_S and this share of the median says nothing that would help anybody."""


class Phrase(Enum):
    """Which sentence."""

    LESS_THAN_A_MINUTE = "less_than_a_minute"
    ABOUT = "about"  # ABOUT 3: "about three minutes"
    MORE_THAN = "more_than"  # MORE_THAN 30: "more than 30 minutes"
    UNKNOWN = "unknown"  # nobody can say


class Change(Enum):
    """How this compares with what the caller was told last."""

    FIRST = "first"
    SHORTER = "shorter"
    SAME = "same"
    LONGER = "longer"  # never without `Told.reason`
    LOST = "lost"  # there was an estimate, and now there is none


class Reason(Enum):
    """Why the wait has become longer; said aloud before the figure."""

    FEWER_AGENTS = "fewer_agents"
    MORE_AHEAD = "more_ahead"
    LONGER_CALLS = "longer_calls"


@dataclass(frozen=True, slots=True)
class Told:
    """What to say. `minutes`: 0 with phrases that have none."""

    phrase: Phrase
    minutes: int
    change: Change
    reason: Reason | None = None


def rounded(wait_s: float) -> tuple[Phrase, int]:
    """The phrase for a wait: whole minutes up to 10, then fives; halves go up."""
    minutes = math.floor(wait_s / 60.0 + 0.5)
    if minutes > 10:
        minutes = 5 * math.floor(wait_s / 300.0 + 0.5)
    if minutes > MOST_MINUTES:
        return Phrase.MORE_THAN, MOST_MINUTES
    if wait_s < 50.0:
        return Phrase.LESS_THAN_A_MINUTE, 0
    return Phrase.ABOUT, max(minutes, 1)


def too_wide(estimate: Estimate) -> bool:
    """Whether the band is too wide for a figure to mean anything."""
    return estimate.high_s - estimate.low_s > max(WIDE_S, WIDE_SHARE * estimate.median_s)


class Promise:
    """What one caller has been told. One for each entry; it goes when the entry does."""

    def __init__(self) -> None:
        self._size = math.inf
        self._spoken: tuple[Phrase, int] | None = None
        self._basis: Estimate | None = None

    def tell(self, expectation: Expectation) -> Told:
        """What to say now, as if it is said: it is compared with what was said before.

        A figure that has become too low stays as it is while the band still holds it; when it doesn't any
        more, the figure goes up and the reason goes with it.
        """
        estimate = expectation if isinstance(expectation, Estimate) else None
        if estimate is None or too_wide(estimate):
            change = Change.LOST if self._basis is not None else Change.SAME if self._spoken else Change.FIRST
            self._spoken, self._basis = (Phrase.UNKNOWN, 0), None
            return Told(Phrase.UNKNOWN, 0, change)
        phrase, minutes = rounded(estimate.median_s)
        size = _size(phrase, minutes)
        if self._basis is None and self._size == math.inf:
            return self._say(phrase, minutes, Change.FIRST, estimate)
        if size < self._size:
            return self._say(phrase, minutes, Change.SHORTER, estimate)
        spoken, spoken_minutes = self._figure
        if size == self._size or self._size >= estimate.low_s:
            return self._say(spoken, spoken_minutes, Change.SAME, estimate)
        return self._say(phrase, minutes, Change.LONGER, estimate, self._reason(estimate))

    def _say(
        self, phrase: Phrase, minutes: int, change: Change, estimate: Estimate, reason: Reason | None = None
    ) -> Told:
        self._figure = self._spoken = (phrase, minutes)
        self._size = _size(phrase, minutes)
        self._basis = self._last = estimate
        return Told(phrase, minutes, change, reason)

    def _reason(self, estimate: Estimate) -> Reason:
        if estimate.agents < self._last.agents:
            return Reason.FEWER_AGENTS
        if estimate.ahead > self._last.ahead + 0.5:
            return Reason.MORE_AHEAD
        return Reason.LONGER_CALLS


def _size(phrase: Phrase, minutes: int) -> float:
    """The seconds that a phrase stands for at most, to compare phrases by."""
    if phrase is Phrase.LESS_THAN_A_MINUTE:
        return 60.0 - 1e-6
    return 60.0 * minutes + (60.0 if phrase is Phrase.MORE_THAN else 0.0)
