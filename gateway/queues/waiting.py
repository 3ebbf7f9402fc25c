"""What waiting callers are told, and when: rules, and the machine that goes by them. Pure.

An announcement is a few sayings in a row. Three reasons begin one: the position and the wait are due, a
message is due, or a callback is to be offered. Whatever the reasons, `spacing_s` of music lies between two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PositionRule(Enum):
    """Which positions are told. The values are how plans spell them."""

    ALWAYS = "always"
    LIMITED = "limited"  # up to the limit; nobody beyond it is told anything
    MORE = "more"  # up to the limit, and beyond it "n or more"
    NEVER = "never"


class EstimateRule(Enum):
    """When the expected wait is told. The values are how plans spell them."""

    ALWAYS = "always"  # with every position
    ONCE = "once"  # at first, and afterwards only if it got longer
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class AnnouncementRules:
    """When what is told. Durations in seconds. Asterisk's names: announce-frequency is `every_s`,
    min-announce-frequency `spacing_s`, announce-position-only-up `only_when_better`.
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
