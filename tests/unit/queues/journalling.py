"""Events of the journal for tests of what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.queues.journal import JournalEvent, JournalKind

NINE = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Seconds after nine o'clock."""
    return NINE + timedelta(seconds=seconds)


def line(
    seconds: float,
    kind: JournalKind,
    entry: str = "e1",
    *,
    queue: str = "support",
    agent: str = "",
    call_id: str = "",
    **details: Any,
) -> JournalEvent:
    """What happened so many seconds after nine."""
    return JournalEvent(at(seconds), kind, queue, entry, call_id, agent, details)
