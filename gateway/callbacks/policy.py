"""How a queue calls back: who is dialled first, how often, with which pauses, and when not. Pure.

Durations in seconds; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.callbacks.numbers import NumberRules
from gateway.callbacks.scheduler import DAYTIME, CallingHours, earliest


class DialFirst(Enum):
    """Whom a callback rings first. The values are how plans spell them."""

    AGENT = "agent_first"  # an agent accepts, and hears the customer's phone ring
    CUSTOMER = "customer_first"  # the customer says that they are there, then an agent's phone rings


class DialOutcome(Enum):
    """How a try came out. The values are those of the journal and of metrics."""

    ANSWERED = "answered"  # the customer is on the line
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    MACHINE = "machine"  # answered, and it wasn't a person who wanted to talk
    DECLINED = "declined"
    FAILED = "failed"  # the number isn't in use, or the network says so
    UNREACHABLE = "unreachable"  # our trunk


class OnMachine(Enum):
    """What is done when a machine answers. The values are how plans spell them."""

    HANG_UP = "hang_up"
    MESSAGE = "message"  # is left, and the callback tried again


DEFAULT_GAPS_S: Final[Mapping[DialOutcome, float]] = MappingProxyType(
    {
        DialOutcome.BUSY: 120.0,
        DialOutcome.NO_ANSWER: 600.0,
        DialOutcome.MACHINE: 1800.0,
        DialOutcome.DECLINED: 1800.0,
        DialOutcome.FAILED: 300.0,
        DialOutcome.UNREACHABLE: 60.0,
    }
)
"""Who is on the phone will be off it soon; who isn't there comes back later."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Callbacks at a time that the customer chose: within the opening hours of `calendar`, so many of
    `length_s` at a time, at most `days` ahead.
    """

    calendar: str
    length_s: float = 1800.0
    capacity: int = 5
    days: int = 7


ANY_NUMBER: Final = NumberRules()


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """The rules of one queue.

    `ring_s`: how long the customer's phone rings. `answer_s`: customer first, how long they may take to
    press the key. `attempts`: dials in all. `per_identity`, `per_number`: requests a day; 0: no limit.
    """

    first: DialFirst = DialFirst.AGENT
    ring_s: float = 30.0
    answer_s: float = 15.0
    attempts: int = 3
    gaps_s: Mapping[DialOutcome, float] = field(default_factory=lambda: DEFAULT_GAPS_S)
    hours: CallingHours = DAYTIME
    numbers: NumberRules = ANY_NUMBER
    per_identity: int = 5
    per_number: int = 5
    slots: Slots | None = None
    on_machine: OnMachine = OnMachine.HANG_UP

    def next_try(
        self, outcome: DialOutcome, attempt: int, zones: tuple[str, ...], now: float
    ) -> float | None:
        """When to dial again after try number `attempt` (from 1); None: it was the last one."""
        gap_s = self.gap_s(outcome, attempt)
        return None if gap_s is None else self.allowed_from(now + gap_s, zones)

    def gap_s(self, outcome: DialOutcome, attempt: int) -> float | None:
        """The pause after try number `attempt` (from 1); None: it was the last one."""
        if attempt >= self.attempts or outcome is DialOutcome.ANSWERED:
            return None
        return self.gaps_s.get(outcome, DEFAULT_GAPS_S[outcome])

    def allowed_from(self, at: float, zones: tuple[str, ...]) -> float:
        """The first moment from `at` on at which a number of these time zones may be called."""
        moment = datetime.fromtimestamp(at, UTC)
        allowed = earliest(moment, zones, self.hours)
        return at if allowed == moment else allowed.timestamp()

    @property
    def reach_s(self) -> float:
        """Customer first: how long an agent may be reserved before the customer is on the line."""
        return self.ring_s + self.answer_s + 10.0 if self.first is DialFirst.CUSTOMER else 0.0


DEFAULT: Final = CallbackPolicy()

DAY_S: Final = 86_400.0


class RateLimits:
    """How often the same key (an identity, a number) asked within a day. Bounded: keys without a recent
    request are forgotten.
    """

    def __init__(self) -> None:
        self._asked: dict[str, list[float]] = {}

    def allows(self, key: str, limit: int, now: float) -> bool:
        """Whether one more is within `limit`; 0: no limit."""
        return not key or limit <= 0 or len(self._recent(key, now)) < limit

    def count(self, key: str, now: float) -> None:
        """One was granted."""
        if key:
            self._asked[key] = [*self._recent(key, now), now]
            if len(self._asked) % 1024 == 0:
                self._sweep(now)

    def take_back(self, key: str, at: float) -> None:
        """What was granted at `at` wasn't, after all."""
        if at in self._asked.get(key, ()):
            self._asked[key].remove(at)

    def _recent(self, key: str, now: float) -> list[float]:
        return [at for at in self._asked.get(key, ()) if at > now - DAY_S]

    def _sweep(self, now: float) -> None:
        for key in [key for key in self._asked if not self._recent(key, now)]:
            del self._asked[key]
