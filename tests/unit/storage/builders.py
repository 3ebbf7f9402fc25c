"""Call records and events of the journal for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.call.cdr import CallRecord, CallResult, MediaQuality
from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

ANSWERED = CallRecord(
    call_id="call-1",
    leg_id="leg-1",
    technology="sip",
    direction="inbound",
    ani="+442071234567",
    dnis="100",
    started_at=NOON,
    answered_at=NOON + timedelta(seconds=2),
    ended_at=NOON + timedelta(seconds=62.5),
    result=CallResult.ANSWERED,
    cause=16,
    cause_text="Normal call clearing",
    sip_status=200,
    ended_by="remote",
    sip_call_id="a84b4c76e66710",
    dialplan="demo",
    path=("welcome", "menu"),
    quality=MediaQuality("PCMA", 3000, 3, 3001, 1.5, 20.25),
    attributes={"x-account": "17"},
)


def record(number: int = 1, **changes: Any) -> CallRecord:
    """The `number`th call of an afternoon with a call a minute."""
    return replace(
        ANSWERED,
        **{
            "call_id": f"call-{number}",
            "leg_id": f"leg-{number}",
            "started_at": NOON + timedelta(minutes=number),
            **changes,
        },
    )


def event(number: int = 1, kind: JournalKind = JournalKind.JOINED, **changes: Any) -> JournalEvent:
    """The `number`th caller of an afternoon joins, one a second."""
    joined = JournalEvent(
        at=NOON + timedelta(seconds=number),
        kind=kind,
        queue="support",
        entry=f"entry-{number}",
        call_id=f"call-{number}",
        details={},
    )
    return replace(joined, **changes)


def stored(id: int, event: JournalEvent, node: str = "node") -> StoredEvent:
    return StoredEvent(node, id, event)
