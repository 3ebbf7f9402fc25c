"""Who is let in: the limit of calls at a time, and nobody while the node drains. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gateway.call.cause import Cause

FullResponse = Literal[486, 503]

FULL_RETRY_AFTER_S: Final = 10  # about the time in which a busy node loses a call
DRAIN_RETRY_AFTER_S: Final = 120  # about the time an upgrade takes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call isn't let in, and what to tell its network. `retry_after_s` goes with a 503 only."""

    reason: Literal["full", "draining"]
    cause: Cause
    retry_after_s: int | None


class Admission:
    """Counts the calls that were let in.

    `full_response` is what a full node says: 503 with Retry-After, which makes a carrier try elsewhere
    (RFC 3261 §21.5.4), or 486, for networks that take a 503 for a dead trunk and stop sending any calls.
    """

    def __init__(self, max_calls: int, full_response: FullResponse = 503) -> None:
        if max_calls < 1:
            raise ValueError(f"max_calls is at least 1, not {max_calls}")
        self._max_calls = max_calls
        self._full_response = full_response
        self._active = 0
        self._draining = False

    @property
    def active(self) -> int:
        return self._active

    @property
    def draining(self) -> bool:
        return self._draining

    def drain(self) -> None:
        """Let nobody in any more."""
        self._draining = True

    def admit(self) -> Refusal | None:
        """Let one call in, which has to `leave`; or say why not."""
        if self._draining:
            return Refusal("draining", Cause.SWITCHING_EQUIPMENT_CONGESTION, DRAIN_RETRY_AFTER_S)
        if self._active >= self._max_calls:
            return self._full()
        self._active += 1
        return None

    def leave(self) -> None:
        """A call that was let in is over. RuntimeError when none is in."""
        if self._active == 0:
            raise RuntimeError("more calls left than were let in")
        self._active -= 1

    def _full(self) -> Refusal:
        if self._full_response == 486:
            return Refusal("full", Cause.USER_BUSY, None)
        return Refusal("full", Cause.SWITCHING_EQUIPMENT_CONGESTION, FULL_RETRY_AFTER_S)
