"""What waiting callers are told, and when: rules, and the machine that goes by them. Pure.

An announcement is a few sayings in a row. Three reasons begin one: position and wait are due, a message is
due, or a callback is to be offered. Whatever the reasons, `spacing_s` of music lies between two.

Nobody ever hears a worse position, a longer wait, or the same promise after it was broken, without `Longer`
before it (DESIGN §4, invariant 4). What counts is what this caller has heard, not what was estimated
meanwhile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar, Final

from gateway.queues.phrases import LongerReason, WaitPhrase


class PositionRule(Enum):
    """Which positions are told. The values are how plans spell them."""

    ALWAYS = "always"
    LIMITED = "limited"  # up to the limit; nobody beyond it is told anything
    MORE = "more"  # up to the limit, and beyond it that so many or more are ahead
    NEVER = "never"


class EstimateRule(Enum):
    """When the expected wait is told. The values are how plans spell them."""

    ALWAYS = "always"  # with every position
    ONCE = "once"  # and then no more
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class AnnouncementRules:
    """When what is told. Durations in seconds.

    In Asterisk's queues.conf `every_s` is announce-frequency, `spacing_s` min-announce-frequency,
    `only_when_better` announce-position-only-up, `messages_every_s` periodic-announce-frequency.
    """

    welcome: bool = True  # greeted when the wait begins
    on_entry: bool = True  # position and wait are told at once
    every_s: float = 60.0  # and again after this; 0 never
    spacing_s: float = 15.0  # of music, at least, between two announcements
    only_when_better: bool = False  # once told, position and wait are told again only when they are better
    position: PositionRule = PositionRule.ALWAYS
    position_limit: int = 10
    estimate: EstimateRule = EstimateRule.ALWAYS
    messages: int = 0  # how many there are, said in turn
    messages_every_s: float = 45.0
    offer_after_s: float | None = None  # a callback is offered to who has waited so long,
    offer_above_s: float | None = None  # or is expected to wait longer than this
    offer_every_s: float = 0.0  # and again after this; 0 never
    offer_key: str = ""  # what to press for it


# What may be said. `name`: for the journal.


@dataclass(frozen=True, slots=True)
class Welcome:
    name: ClassVar[str] = "welcome"


@dataclass(frozen=True, slots=True)
class Longer:
    """It takes longer than the caller was told; worse figures follow."""

    reason: LongerReason
    name: ClassVar[str] = "longer"


@dataclass(frozen=True, slots=True)
class AtPosition:
    """From 1: the next."""

    position: int
    name: ClassVar[str] = "position"


@dataclass(frozen=True, slots=True)
class BeyondPosition:
    """`limit` callers or more are ahead."""

    limit: int
    name: ClassVar[str] = "beyond_position"


@dataclass(frozen=True, slots=True)
class ExpectedWait:
    phrase: WaitPhrase
    name: ClassVar[str] = "expected_wait"


@dataclass(frozen=True, slots=True)
class WaitUnknown:
    """Said only to who asks."""

    name: ClassVar[str] = "wait_unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """The queue's message of this number, from 0."""

    number: int
    name: ClassVar[str] = "message"


@dataclass(frozen=True, slots=True)
class CallbackOffer:
    key: str
    name: ClassVar[str] = "callback_offer"


Saying = Welcome | Longer | AtPosition | BeyondPosition | ExpectedWait | WaitUnknown | Message | CallbackOffer

_RECHECK_S: Final = 5.0
"""How soon, at least, what wasn't worth saying is looked at again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one caller has heard, for as long as they wait, through all queues. Times as of `now`.

    `position`: the one told last; of "so many or more ahead", one more than so many. `kept_until`: when the
    promise of `wait` is broken. `asked_at`: when position and wait were last due, whatever came of it.
    """

    since: float
    welcomed: bool = False
    position: int | None = None
    wait: WaitPhrase | None = None
    kept_until: float = math.inf
    asked_at: float | None = None
    told_at: float | None = None
    ended_at: float | None = None  # of the last announcement
    messaged_at: float | None = None
    messages: int = 0
    offered_at: float | None = None


class Announcer:
    """Decides for one caller. Ask `announce` at `due_at`, play what it returns, then call `finished`."""

    def __init__(self, rules: AnnouncementRules, now: float, heard: Heard | None = None) -> None:
        """`heard`: of a caller who has waited before, and was told something."""
        self._rules = rules
        self._entered_at = now
        self._looked_at: float | None = None
        self._speaking = False
        self.heard = heard or Heard(now)

    @property
    def due_at(self) -> float | None:
        """When to ask next; None while something is said, and when nothing will ever be due."""
        due = min(self._welcome_due(), self._tell_due(), self._message_due(), self._offer_due())
        return None if self._speaking or due == math.inf else max(due, self._silent_until())

    def announce(
        self, now: float, position: int | None, wait: WaitPhrase | None, expected_s: float | None = None
    ) -> tuple[Saying, ...]:
        """What to say now; nothing when it isn't time, or when there is nothing worth saying.

        `position`: None for somebody who has none just now. `wait`: None when nobody knows. `expected_s`:
        the estimate itself, by which callbacks are offered.
        """
        if self._speaking or now < self._silent_until():
            return ()
        said: list[Saying] = []
        if self._welcome_due() <= now:
            said.append(Welcome())
            self.heard = replace(self.heard, welcomed=True)
        if self._tell_due() <= now:
            said += self._tell(now, position, wait)
        if self._offers(now, expected_s):
            said.append(CallbackOffer(self._rules.offer_key))
            self.heard = replace(self.heard, offered_at=now)
        if not said and self._message_due() <= now:
            said.append(Message(self.heard.messages % self._rules.messages))
            self.heard = replace(self.heard, messaged_at=now, messages=self.heard.messages + 1)
        self._looked_at = now
        self._speaking = bool(said)
        return tuple(said)

    def answer(self, now: float, position: int | None, wait: WaitPhrase | None) -> tuple[Saying, ...]:
        """What to say, at once and in place of what is being said, to who asks by key: better or not."""
        said: list[Saying] = [*self._position(position, asked=True), *self._wait(wait, asked=True)]
        if wait is None and self._rules.estimate is not EstimateRule.NEVER:
            said.append(WaitUnknown())
        said = self._told(now, said)
        self._speaking = self._speaking or bool(said)
        return tuple(said)

    def finished(self, now: float) -> None:
        """What was to be said has been, or was cut short."""
        self._speaking = False
        self.heard = replace(self.heard, ended_at=now)

    def moved(self, rules: AnnouncementRules, now: float) -> None:
        """The caller waits in another queue, or by other rules, from now on."""
        self._rules = rules
        self._entered_at = now
        self._looked_at = None
        self.heard = replace(self.heard, asked_at=None, messaged_at=None)

    # When

    def _silent_until(self) -> float:
        ended_at = self.heard.ended_at
        return -math.inf if ended_at is None else ended_at + self._rules.spacing_s

    def _welcome_due(self) -> float:
        return self._entered_at if self._rules.welcome and not self.heard.welcomed else math.inf

    def _tell_due(self) -> float:
        """When position and wait are to be looked at."""
        rules, heard = self._rules, self.heard
        if heard.asked_at is None:
            first_s = 0.0 if rules.on_entry else rules.every_s or math.inf
            return self._entered_at + first_s
        if not rules.every_s:
            return math.inf
        again = heard.asked_at + max(rules.spacing_s, _RECHECK_S)
        return again if heard.told_at is None else max(again, heard.told_at + rules.every_s)

    def _message_due(self) -> float:
        if not self._rules.messages:
            return math.inf
        before = self.heard.messaged_at
        return (self._entered_at if before is None else before) + self._rules.messages_every_s

    def _offer_due(self) -> float:
        """When to look whether a callback is to be offered."""
        rules, offered_at = self._rules, self.heard.offered_at
        if not rules.offer_key or (offered_at is not None and not rules.offer_every_s):
            return math.inf
        earliest = -math.inf if offered_at is None else offered_at + rules.offer_every_s
        after = math.inf if rules.offer_after_s is None else self.heard.since + rules.offer_after_s
        if rules.offer_above_s is not None:
            after = min(after, self._entered_at if self._looked_at is None else self._looked_at + _RECHECK_S)
        return max(earliest, after)

    def _offers(self, now: float, expected_s: float | None) -> bool:
        rules, offered_at = self._rules, self.heard.offered_at
        if not rules.offer_key:
            return False
        if offered_at is not None and (not rules.offer_every_s or now < offered_at + rules.offer_every_s):
            return False
        if rules.offer_after_s is not None and now >= self.heard.since + rules.offer_after_s:
            return True
        return rules.offer_above_s is not None and expected_s is not None and expected_s > rules.offer_above_s

    # What

    def _tell(self, now: float, position: int | None, wait: WaitPhrase | None) -> list[Saying]:
        self.heard = replace(self.heard, asked_at=now)
        return self._told(now, [*self._position(position), *self._wait(wait)])

    def _position(self, position: int | None, *, asked: bool = False) -> tuple[Saying, ...]:
        rules, told = self._rules, self.heard.position
        if position is None or rules.position is PositionRule.NEVER:
            return ()
        beyond = rules.position is not PositionRule.ALWAYS and position > rules.position_limit
        if beyond and rules.position is PositionRule.LIMITED and not asked:
            return ()
        saying = BeyondPosition(rules.position_limit) if beyond else AtPosition(position)
        if rules.only_when_better and told is not None and _rank(saying) >= told and not asked:
            return ()
        return (saying,)

    def _wait(self, wait: WaitPhrase | None, *, asked: bool = False) -> tuple[Saying, ...]:
        rules, told = self._rules, self.heard.wait
        if wait is None or rules.estimate is EstimateRule.NEVER:
            return ()
        if told is not None and not asked:
            if rules.estimate is EstimateRule.ONCE:
                return ()
            if rules.only_when_better and wait.rank >= told.rank:
                return ()
        return (ExpectedWait(wait),)

    def _told(self, now: float, said: list[Saying]) -> list[Saying]:
        """`said`, with `Longer` before it if it is worse than what was told; and remembered."""
        before, reason = self.heard, self._reason(now, said)
        for saying in said:
            self.heard = replace(self.heard, told_at=now)
            if isinstance(saying, AtPosition | BeyondPosition):
                self.heard = replace(self.heard, position=_rank(saying))
            elif isinstance(saying, ExpectedWait):
                kept_until = now + saying.phrase.kept_s
                # Saying "about five minutes" again every minute doesn't make the first promise better.
                kept_until = kept_until if reason else min(kept_until, before.kept_until)
                self.heard = replace(self.heard, wait=saying.phrase, kept_until=kept_until)
        return said if reason is None else [Longer(reason), *said]

    def _reason(self, now: float, said: list[Saying]) -> LongerReason | None:
        """Why what is about to be said is worse than what was told; None when it isn't."""
        told = self.heard
        places = [_rank(saying) for saying in said if isinstance(saying, AtPosition | BeyondPosition)]
        phrases = [saying.phrase for saying in said if isinstance(saying, ExpectedWait)]
        overtaken = told.position is not None and any(place > told.position for place in places)
        if told.wait is not None:
            for phrase in phrases:
                if phrase.rank > told.wait.rank or now > told.kept_until:
                    return phrase.reason or (LongerReason.MORE_AHEAD if overtaken else LongerReason.UNKNOWN)
        return LongerReason.MORE_AHEAD if overtaken else None


def _rank(saying: AtPosition | BeyondPosition) -> int:
    """Orders positions: a greater one is worse."""
    return saying.position if isinstance(saying, AtPosition) else saying.limit + 1
