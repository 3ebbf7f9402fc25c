"""A callback as it stands: who is to be called, where, and what has come of it so far. Pure.

The place itself (enqueue time, priority, skills) is the queue entry's; this is what goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from gateway.callbacks.numbers import CallableNumber
from gateway.callbacks.policy import DialOutcome
from gateway.errors import RingbackError


@dataclass(frozen=True, slots=True)
class CallbackWish:
    """What somebody asks for, unchecked: `number` as written. `at`: the moment chosen, None for as soon as
    possible. The rest as in `Callback` and `gateway.queues.signals.Enqueue`.
    """

    queue: str
    number: str
    at: float | None = None
    name: str = ""
    identity: str = ""
    language: str = ""
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    sticky: str = ""
    source: str = "api"
    by: str = ""
    asked_in: str = ""
    caller_id: str = ""
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class CallbackFault(Enum):
    """Why there is no callback, beside what may be wrong with its number."""

    UNKNOWN_QUEUE = "unknown_queue"
    TOO_MANY_OF_CALLER = "too_many_of_caller"
    TOO_MANY_OF_NUMBER = "too_many_of_number"
    NO_SUCH_TIME = "no_such_time"  # in the past, too far ahead, outside the hours, or not a slot that is free
    NOT_STORED = "not_stored"  # the database is away: nothing is promised


class CallbackRefused(RingbackError):
    """A callback that isn't taken on."""

    def __init__(self, fault: CallbackFault) -> None:
        super().__init__(f"no callback: {fault.value}")
        self.fault = fault


RESTART: Final = "restart"
"""The `source` of a callback that nobody asked for: the call was lost when the node died."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback; `id` is its queue entry's. Moments are seconds since the epoch.

    `source`: how it was asked for ("queue", "dialplan", "api"), or RESTART. `by`: who asked, if by the API.
    `asked_in`: the call in which it was asked for. `call_id`: the call under which it is carried out.
    `caller_id`: the number that the customer dialled, and sees. `not_before`: the time that was chosen, on
    the wall's clock.
    `slot`: the beginning of the one that was chosen.
    `promised_s`: (least, most) seconds that the caller was told, from `requested_at`. `context`: what the
    agent is shown.
    """

    id: str
    queue: str
    number: CallableNumber
    requested_at: float
    call_id: str
    caller_id: str = ""
    name: str = ""
    identity: str = ""
    language: str = ""
    source: str = "queue"
    by: str = ""
    asked_in: str = ""
    not_before: float | None = None
    slot: float | None = None
    promised_s: tuple[float, float] | None = None
    attempts: int = 0
    last_outcome: DialOutcome | None = None
    last_tried_at: float | None = None
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def dialled(self, at: float) -> Callback:
        """One more try begins."""
        return replace(self, attempts=self.attempts + 1, last_tried_at=at)

    def came_out(self, outcome: DialOutcome) -> Callback:
        """The try is over, and with it the time that was chosen."""
        return replace(self, last_outcome=outcome, not_before=None)

    def details(self) -> dict[str, Any]:
        """For the journal: everything that a restart needs, as plain JSON."""
        promised = self.promised_s
        return {
            "number": self.number.dialled,
            "language": self.language,
            "source": self.source,
            "asked_in": self.asked_in,
            "name": self.name,
            "caller_id": self.caller_id,
            "by": self.by,
            "slot": self.slot,
            "zones": list(self.number.zones),
            "requested_at": self.requested_at,
            "context": dict(self.context),
            **({} if promised is None else {"promised_low_s": promised[0], "promised_high_s": promised[1]}),
        }

    @classmethod
    def restored(
        cls,
        id: str,
        queue: str,
        *,
        requested_at: float,
        call_id: str,
        identity: str,
        attempts: int,
        not_before: float | None,
        details: Mapping[str, Any],
    ) -> Callback:
        """The callback whose `details` the journal has. What they lack is empty; nothing is checked again."""

        def text(name: str) -> str:
            found = details.get(name)
            return found if isinstance(found, str) else ""

        def number(name: str) -> float | None:
            found = details.get(name)
            return float(found) if isinstance(found, int | float) else None

        low_s, high_s = number("promised_low_s"), number("promised_high_s")
        context = details.get("context")
        return cls(
            id=id,
            queue=queue,
            number=CallableNumber(text("number"), (text("number"),), tuple(details.get("zones") or ())),
            requested_at=requested_at,
            call_id=call_id,
            caller_id=text("caller_id"),
            name=text("name"),
            identity=identity,
            language=text("language"),
            source=text("source"),
            by=text("by"),
            asked_in=text("asked_in"),
            not_before=not_before,
            slot=number("slot"),
            promised_s=None if low_s is None or high_s is None else (low_s, high_s),
            attempts=attempts,
            context=context if isinstance(context, Mapping) else {},
        )
