"""How a call was found to belong to an envelope, and how far that is to be believed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.handoff.envelope import Authentication, Envelope, Level


class Match(Enum):
    """What a caller showed."""

    TOKEN = "token"  # noqa: S105  # a token that the app's server signed, in an in-app call
    PIN = "pin"  # a one-time PIN, typed
    TRUSTED_HEADER = "trusted_header"  # the envelope's id, from a PBX that we trust
    DNIS = "dnis"  # they called the number that was given to them alone
    LOOKUP = "lookup"  # another system of ours said so, when a plan asked it
    CALLBACK = "callback"  # we called the number that belongs to it
    ANI = "ani"  # they call from its number, as the network says: anybody can have it say so
    MENU = "menu"  # the menu wrote it, of what the caller said


CEILINGS: Final[Mapping[Match, Level]] = MappingProxyType(
    {
        Match.TOKEN: Level.STRONG,
        Match.TRUSTED_HEADER: Level.STRONG,
        # Whoever has the PIN was in the app, or looks over a shoulder: one factor, whatever the app had.
        Match.PIN: Level.SINGLE,
        # It can check what a caller typed or said, and that is one factor.
        Match.LOOKUP: Level.SINGLE,
        Match.DNIS: Level.CLAIMED,
        Match.CALLBACK: Level.CLAIMED,
        Match.ANI: Level.CLAIMED,
        Match.MENU: Level.CLAIMED,
    }
)
"""The most that an envelope's authentication counts for, by how the call came to it."""


def best(one: Match, other: Match) -> Match:
    """The one that is to be believed more; of equals the first."""
    return one if CEILINGS[one] >= CEILINGS[other] else other


@dataclass(frozen=True, slots=True)
class Matched:
    """An envelope on a call, as it is stored: what its authentication counts for is asked here."""

    envelope: Envelope
    by: Match

    @property
    def authentication(self) -> Authentication | None:
        """Never above what the way here proves."""
        stored = self.envelope.authentication
        return None if stored is None else stored.at_most(CEILINGS[self.by])

    def authenticated(self, now: datetime) -> bool:
        authentication = self.authentication
        return authentication is not None and authentication.holds(now)

    def with_envelope(self, envelope: Envelope) -> Matched:
        return replace(self, envelope=envelope)
