"""What a caller is told of the wait: in round figures, and never more than before without a reason. Pure.

`Announcer` (gateway.queues.waiting) decides when it is told, and says that it has become longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from gateway.queues.estimate.estimator import Estimate
from gateway.queues.phrases import LongerReason, WaitKind, WaitPhrase

MOST_MINUTES: Final = 30
"""Above this only "more than 30 minutes" is said."""

SHORT_S: Final = 50.0
"""Below this it is "less than a minute"."""

WIDE_S: Final = 180.0
WIDE_SHARE: Final = 1.5
"""A band that is wider than WIDE_S and than this share of the median says nothing that would help anybody."""


def rounded(wait_s: float) -> WaitPhrase:
    """The phrase for a wait: whole minutes up to ten, then fives; halves go up."""
    minutes = math.floor(wait_s / 60.0 + 0.5)
    if minutes > 10:
        minutes = 5 * math.floor(wait_s / 300.0 + 0.5)
    if minutes > MOST_MINUTES:
        return WaitPhrase(WaitKind.MORE_THAN, MOST_MINUTES)
    if wait_s < SHORT_S:
        return WaitPhrase(WaitKind.LESS_THAN_A_MINUTE)
    return WaitPhrase(WaitKind.ABOUT, max(minutes, 1))


def too_wide(estimate: Estimate) -> bool:
    """Whether the band is too wide for a figure to mean anything."""
    return estimate.high_s - estimate.low_s > max(WIDE_S, WIDE_SHARE * estimate.median_s)


@dataclass(frozen=True, slots=True)
class Promise:
    """What one caller was told last, and by which estimate."""

    phrase: WaitPhrase | None = None
    basis: Estimate | None = None

    def tell(self, estimate: Estimate) -> tuple[Promise, WaitPhrase | None]:
        """How this estimate is told, and what has then been promised; None when it is better not told.

        A figure that has become too low stays as it was while the band still holds it: figures that go up and
        down by chance are worth nothing. One that isn't lower than before says why.
        """
        if too_wide(estimate):
            return self, None
        phrase = rounded(estimate.median_s)
        if self.phrase is not None and self.basis is not None and phrase.rank >= self.phrase.rank:
            if 60.0 * max(self.phrase.minutes, 1) >= estimate.low_s:
                phrase = self.phrase
            phrase = replace(phrase, reason=_reason(self.basis, estimate))
        return Promise(phrase, estimate), phrase


def _reason(before: Estimate, now: Estimate) -> LongerReason:
    if now.agents < before.agents:
        return LongerReason.FEWER_AGENTS
    if now.ahead > before.ahead + 0.5:
        return LongerReason.MORE_AHEAD
    return LongerReason.LONGER_CALLS
