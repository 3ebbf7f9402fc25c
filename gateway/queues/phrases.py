"""The few phrases in which a wait is told: "less than a minute", "about five minutes". Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class WaitKind(Enum):
    LESS_THAN_A_MINUTE = "less_than_a_minute"
    ABOUT = "about"
    MORE_THAN = "more_than"


@dataclass(frozen=True, slots=True)
class WaitPhrase:
    """A wait as it is said. `minutes`: those that are named; of LESS_THAN_A_MINUTE, 1."""

    kind: WaitKind
    minutes: int = 1

    @property
    def rank(self) -> float:
        """Orders phrases by what they promise: a greater one is a longer wait."""
        match self.kind:
            case WaitKind.LESS_THAN_A_MINUTE:
                return 0.5
            case WaitKind.ABOUT:
                return float(self.minutes)
            case WaitKind.MORE_THAN:
                return self.minutes + 0.5

    @property
    def promised_s(self) -> float:
        """The longest wait that a listener takes the phrase for; seconds from when it is said.

        "About five minutes" is kept by six, and "about twenty" by twenty-four.
        """
        match self.kind:
            case WaitKind.LESS_THAN_A_MINUTE:
                return 60.0
            case WaitKind.ABOUT:
                return 60.0 * self.minutes * 1.2
            case WaitKind.MORE_THAN:
                return float("inf")


LESS_THAN_A_MINUTE = WaitPhrase(WaitKind.LESS_THAN_A_MINUTE)
