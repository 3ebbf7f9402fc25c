"""How often callbacks were asked for lately: by whom, and for which number. Survives a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from gateway.callbacks.policy import DAY_S, CallbackPolicy, RateLimits
from gateway.callbacks.request import Callback, CallbackFault, CallbackRefused
from gateway.errors import RingbackError
from gateway.queues.journal import JournalKind, StoredEvent

log = structlog.get_logger(__name__)

GRANTED: Final = "granted"
"""The detail of `callback.updated` with which a new callback begins."""


class History(Protocol):
    """The journal of before: `storage.journal_store.JournalStore`."""

    def since(self, at: datetime, kind: JournalKind) -> AsyncIterator[Sequence[StoredEvent]]:
        """Events of one kind, a page at a time. Raises StorageError."""
        ...


class CallbackLimits:
    """The requests of the last day. What was granted before a restart counts too, once `recall` has read it:
    nobody asks more often because the node was restarted.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._limits = RateLimits()
        self._now = now

    def check(self, policy: CallbackPolicy, identity: str, number: str) -> None:
        """Raises CallbackRefused when there can't be one more."""
        of_caller, of_number = _keys(identity, number)
        if not self._limits.allows(of_caller, policy.per_identity, self._now()):
            raise CallbackRefused(CallbackFault.TOO_MANY_OF_CALLER)
        if not self._limits.allows(of_number, policy.per_number, self._now()):
            raise CallbackRefused(CallbackFault.TOO_MANY_OF_NUMBER)

    def count(self, callback: Callback) -> None:
        """One was granted."""
        for key in _keys(callback.identity, callback.number.dialled):
            self._limits.count(key, callback.requested_at)

    def take_back(self, callback: Callback) -> None:
        """It came to nothing, by our fault."""
        for key in _keys(callback.identity, callback.number.dialled):
            self._limits.take_back(key, callback.requested_at)

    async def recall(self, history: History) -> None:
        """Count what was granted before this start. A database that fails costs that; the log has it."""
        began_at = self._now()
        try:
            async for page in history.since(
                datetime.fromtimestamp(began_at - DAY_S, UTC), JournalKind.CALLBACK_UPDATED
            ):
                for stored in page:
                    self._recall(stored, began_at)
        except RingbackError as error:
            log.warning("callback_limits_incomplete", reason=str(error))

    def _recall(self, stored: StoredEvent, began_at: float) -> None:
        details, at = stored.event.details, stored.event.at.timestamp()
        if details.get(GRANTED) is True and at < began_at:
            for key in _keys(str(details.get("identity", "")), str(details.get("number", ""))):
                self._limits.count(key, at)


def _keys(identity: str, number: str) -> tuple[str, str]:
    return (f"identity:{identity}" if identity else "", f"number:{number}" if number else "")
