"""The few phrases in which a wait is told: "less than a minute", "about five minutes". Pure.

Which phrase is right for an estimate is `gateway.queues.estimate.promise`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class WaitKind(Enum):
    LESS_THAN_A_MINUTE = "less_than_a_minute"
    ABOUT = "about"
    MORE_THAN = "more_than"


class LongerReason(Enum):
    """Why a wait has become longer, or a position worse."""

    UNKNOWN = "unknown"
    FEWER_AGENTS = "fewer_agents"
    MORE_AHEAD = "more_ahead"
    LONGER_CALLS = "longer_calls"


_SLACK: Final = 1.2
_SLACK_S: Final = 30.0
"""A listener grants this much beyond the figure: "about five minutes" is kept by six and a half."""


@dataclass(frozen=True, slots=True)
class WaitPhrase:
    """A wait as it is said. `minutes`: those that are named; 0 for LESS_THAN_A_MINUTE.

    `reason`: why it is longer than before, where the estimate knows.
    """

    kind: WaitKind
    minutes: int = 0
    reason: LongerReason | None = None

    @property
    def rank(self) -> float:
        """Orders phrases by what they promise: a greater one is a longer wait."""
        return {
            WaitKind.LESS_THAN_A_MINUTE: 0.5,
            WaitKind.ABOUT: float(self.minutes),
            WaitKind.MORE_THAN: self.minutes + 0.5,
        }[self.kind]

    @property
    def kept_s(self) -> float:
        """Seconds from when it is said until its listener feels that it wasn't kept."""
        if self.kind is WaitKind.MORE_THAN:
            return float("inf")
        return 60.0 * max(self.minutes, 1) * _SLACK + _SLACK_S
