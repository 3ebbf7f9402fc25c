"""What an agent's keys mean during a call: feature codes such as `*7`, the numbers behind them, or just keys.

Pure: keys and times in, readings out. Keys that turn out to be no code are passed on, in order, as soon as
that is certain; keys of a code never are.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.call.digits import DIGITS

NUMBER_END: Final = "#"
NUMBER_ABANDON: Final = "*"
MAX_NUMBER: Final = 32


class Feature(Enum):
    """What a code can ask for. The values are how `calls.feature_codes` spells them."""

    RECORD = "record"  # on and off
    BLIND_TRANSFER = "blind_transfer"  # then the number
    ATTENDED_TRANSFER = "attended_transfer"  # then the number; again to complete it
    CONFERENCE = "conference"
    CANCEL = "cancel"  # the consultation
    MUTE = "mute"  # on and off
    HOLD = "hold"  # on and off
    REQUEUE = "requeue"
    ALTERNATE = "alternate"  # between the caller and the consulted party


DEFAULT_CODES: Final[Mapping[Feature, str]] = MappingProxyType(
    {
        Feature.RECORD: "*1",
        Feature.BLIND_TRANSFER: "*2",
        Feature.ATTENDED_TRANSFER: "*3",
        Feature.CONFERENCE: "*4",
        Feature.CANCEL: "*5",
        Feature.MUTE: "*6",
        Feature.HOLD: "*7",
        Feature.REQUEUE: "*8",
        Feature.ALTERNATE: "*9",
    }
)

NUMBERED: Final = frozenset({Feature.BLIND_TRANSFER, Feature.ATTENDED_TRANSFER})
"""Features that a number follows, when a transfer can begin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole code, with the number behind it where one belongs to it."""

    feature: Feature
    number: str = ""


@dataclass(frozen=True, slots=True)
class NumberBegun:
    """The code of a feature that needs a number, which follows."""

    feature: Feature


@dataclass(frozen=True, slots=True)
class NumberAbandoned:
    """No number came."""

    feature: Feature


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Keys that are no code: for the far end."""

    keys: str


Reading = Asked | NumberBegun | NumberAbandoned | PassedOn


def check_codes(codes: Mapping[Feature, str]) -> str | None:
    """What is wrong with a set of codes, in words; None when they can be told apart."""
    for feature, code in codes.items():
        if not code or not set(code) <= DIGITS:
            return f"{feature.value}: {code!r} isn't made of keys (0-9, *, #, A-D)"
        for other, longer in codes.items():
            if other is not feature and longer.startswith(code):
                return f"{feature.value} ({code}) and {other.value} ({longer}) can't be told apart"
    return None


class CodeReader:
    """Reads one agent's keys. Whoever drives it calls `expire` when `due_at` has come.

    `code_gap_s` and `number_gap_s`: the longest pauses between the keys of a code and of a number. A number
    is over with `#` or after the pause, and abandoned with `*`.
    """

    def __init__(
        self, codes: Mapping[Feature, str], *, code_gap_s: float = 2.0, number_gap_s: float = 5.0
    ) -> None:
        if problem := check_codes(codes):
            raise ValueError(problem)
        self._codes = {code: feature for feature, code in codes.items()}
        self._code_gap_s = code_gap_s
        self._number_gap_s = number_gap_s
        self._keys = ""  # of a code that isn't complete
        self._feature: Feature | None = None  # whose number is being entered
        self._number = ""
        self.due_at: float | None = None

    def press(self, key: str, now: float, numbered: Set[Feature] = NUMBERED) -> tuple[Reading, ...]:
        """One key. `numbered`: the features that a number follows now."""
        if self._feature is not None:
            return self._press_number(self._feature, key, now)
        return self._press_code(key, now, numbered)

    def expire(self, now: float) -> tuple[Reading, ...]:
        """Nothing was pressed for too long."""
        if self.due_at is None or now < self.due_at:
            return ()
        if self._feature is not None:
            return self._end_number(self._feature)
        return self._give_up()

    def reset(self) -> None:
        """Forget what was begun: the state of the call has changed under it."""
        self._keys, self._feature, self._number, self.due_at = "", None, "", None

    def _press_code(self, key: str, now: float, numbered: Set[Feature]) -> tuple[Reading, ...]:
        self._keys += key
        passed = ""
        while self._keys and not any(code.startswith(self._keys) for code in self._codes):
            # What can't begin a code any more is the far end's; what follows it may begin one yet.
            passed, self._keys = passed + self._keys[0], self._keys[1:]
        readings: tuple[Reading, ...] = (PassedOn(passed),) if passed else ()
        feature = self._codes.get(self._keys)
        self.due_at = now + self._code_gap_s if self._keys else None
        if feature is None:
            return readings
        self._keys, self.due_at = "", None
        if feature not in numbered:
            return (*readings, Asked(feature))
        self._feature, self.due_at = feature, now + self._number_gap_s
        return (*readings, NumberBegun(feature))

    def _press_number(self, feature: Feature, key: str, now: float) -> tuple[Reading, ...]:
        if key == NUMBER_END:
            return self._end_number(feature)
        if key == NUMBER_ABANDON:
            self.reset()
            return (NumberAbandoned(feature),)
        self._number += key
        self.due_at = now + self._number_gap_s
        if len(self._number) == MAX_NUMBER:
            return self._end_number(feature)
        return ()

    def _end_number(self, feature: Feature) -> tuple[Reading, ...]:
        number = self._number
        self.reset()
        return (Asked(feature, number),) if number else (NumberAbandoned(feature),)

    def _give_up(self) -> tuple[Reading, ...]:
        keys = self._keys
        self.reset()
        return (PassedOn(keys),)
