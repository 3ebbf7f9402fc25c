"""Call records in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from gateway.call.cdr import CallRecord, CallResult, MediaQuality
from gateway.storage.database import Database
from gateway.storage.plain import text
from gateway.storage.tables import calls

TEXT_LIMIT = 255


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; what is None doesn't matter. `since` is included, `until` isn't."""

    number: str | None = None  # of the caller or dialled, whole
    direction: str | None = None
    result: CallResult | None = None
    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None  # whose leg it is: what they were rung for, not who called


@dataclass(frozen=True, slots=True)
class CallMark:
    """A place in the list of calls: the last one of a page."""

    started_at: datetime
    leg_id: str


class CallStore:
    """Reads and writes call records. Every method raises StorageError when the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, *records: CallRecord) -> None:
        """Store the records, all or none. One that is stored already is left as it is."""
        if not records:
            return
        rows = [_to_row(record) for record in records]
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        async with self._database.transaction("write") as connection:
            await connection.execute(insert(calls).on_conflict_do_nothing(index_elements=["leg_id"]), rows)

    async def list(self, limit: int = 50, *, before: CallRecord | None = None) -> Sequence[CallRecord]:
        """The newest calls first; `before`, the last of one page, asks for the next."""
        query = select(calls).order_by(calls.c.started_at.desc(), calls.c.leg_id.desc()).limit(limit)
        if before is not None:
            query = query.where(
                tuple_(calls.c.started_at, calls.c.leg_id) < tuple_(before.started_at, before.leg_id)
            )
        return await self._read(query)

    async def find(
        self, wanted: CallFilter, limit: int, *, after: CallMark | None = None
    ) -> Sequence[CallRecord]:
        """The newest of the wanted calls first; `after`, the last of one page, asks for the next."""
        query = select(calls).order_by(calls.c.started_at.desc(), calls.c.leg_id.desc()).limit(limit)
        if wanted.number is not None:
            query = query.where((calls.c.ani == wanted.number) | (calls.c.dnis == wanted.number))
        if wanted.direction is not None:
            query = query.where(calls.c.direction == wanted.direction)
        if wanted.result is not None:
            query = query.where(calls.c.result == wanted.result.value)
        if wanted.since is not None:
            query = query.where(calls.c.started_at >= wanted.since)
        if wanted.until is not None:
            query = query.where(calls.c.started_at < wanted.until)
        if wanted.agent is not None:
            query = query.where(calls.c.attributes["agent"].as_string() == wanted.agent)
        if after is not None:
            query = query.where(
                tuple_(calls.c.started_at, calls.c.leg_id) < tuple_(after.started_at, after.leg_id)
            )
        return await self._read(query)

    async def get(self, call_id: str) -> Sequence[CallRecord]:
        """The legs of a call, oldest first; none for a call that isn't known."""
        query = select(calls).where(calls.c.call_id == call_id)
        return await self._read(query.order_by(calls.c.started_at, calls.c.leg_id))

    async def _read(self, query: Select[Any]) -> tuple[CallRecord, ...]:
        async with self._database.transaction("read") as connection:
            rows = (await connection.execute(query)).mappings().all()
        return tuple(_from_row(row) for row in rows)


def _to_row(record: CallRecord) -> Mapping[str, object]:
    quality = record.quality
    return {
        "leg_id": record.leg_id,
        "call_id": record.call_id,
        "technology": record.technology,
        "direction": record.direction,
        "ani": _text(record.ani),
        "dnis": _text(record.dnis),
        "started_at": record.started_at,
        "answered_at": record.answered_at,
        "ended_at": record.ended_at,
        "result": record.result.value,
        "cause": record.cause,
        "cause_text": _text(record.cause_text),
        "sip_status": record.sip_status,
        "ended_by": record.ended_by,
        "sip_call_id": _text(record.sip_call_id),
        "dialplan": _text(record.dialplan),
        "path": list(record.path),
        "attributes": {_text(name): _text(value) for name, value in record.attributes.items()},
        "codec": quality.codec if quality else None,
        "packets_received": quality.packets_received if quality else None,
        "packets_lost": quality.packets_lost if quality else None,
        "packets_sent": quality.packets_sent if quality else None,
        "jitter_ms": quality.jitter_ms if quality else None,
        "round_trip_ms": quality.round_trip_ms if quality else None,
    }


def _text(value: str) -> str:
    return text(value, TEXT_LIMIT)


def _from_row(row: RowMapping) -> CallRecord:
    quality = None
    if row["codec"] is not None:
        quality = MediaQuality(
            codec=row["codec"],
            packets_received=row["packets_received"],
            packets_lost=row["packets_lost"],
            packets_sent=row["packets_sent"],
            jitter_ms=row["jitter_ms"],
            round_trip_ms=row["round_trip_ms"],
        )
    return CallRecord(
        call_id=row["call_id"],
        leg_id=row["leg_id"],
        technology=row["technology"],
        direction=row["direction"],
        ani=row["ani"],
        dnis=row["dnis"],
        started_at=row["started_at"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        result=CallResult(row["result"]),
        cause=row["cause"],
        cause_text=row["cause_text"],
        sip_status=row["sip_status"],
        ended_by=row["ended_by"],
        sip_call_id=row["sip_call_id"],
        dialplan=row["dialplan"],
        path=tuple(row["path"]),
        quality=quality,
        attributes=row["attributes"],
    )
