"""The open entries in the database: what a node finds again after a crash.

They follow from the journal (`gateway.queues.open_entries`) and are written with it, event by event in the
same transaction. There are never more rows than callers and callbacks that wait or talk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalEvent
from gateway.queues.open_entries import OpenEntry, follow
from gateway.storage.database import Database
from gateway.storage.plain import plain, text
from gateway.storage.tables import queue_entries


class EntryStore:
    """The open entries. `node`: whose events change them from now on.

    Raises StorageError when the database fails.
    """

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node

    async def load_open(self, node: str | None = None, *, but: Collection[str] = ()) -> Sequence[OpenEntry]:
        """Those that were open when the last event was stored, in the order of their enqueue times.

        `node`: only those that this node had; None for all, since a node may come back under another name.
        `but`: without those of these nodes.
        """
        query = select(queue_entries).where(queue_entries.c.node.not_in(but))
        if node is not None:
            query = query.where(queue_entries.c.node == node)
        async with self._database.transaction("read") as connection:
            rows = (await connection.execute(query.order_by(*_ORDER))).mappings().all()
        return tuple(_from_row(row) for row in rows)

    async def save(self, connection: AsyncConnection, changes: Mapping[str, OpenEntry | None]) -> None:
        """Within somebody's transaction: entries as they are now, None for those that are closed."""
        closed = [entry for entry, now in changes.items() if now is None]
        if closed:
            await connection.execute(delete(queue_entries).where(queue_entries.c.id.in_(closed)))
        rows = [self._to_row(entry) for entry in changes.values() if entry is not None]
        if not rows:
            return
        insert = (postgresql if self._database.dialect == "postgresql" else sqlite).insert(queue_entries)
        newer = {name: insert.excluded[name] for name in rows[0] if name != "id"}
        await connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=newer), rows)

    def _to_row(self, entry: OpenEntry) -> Mapping[str, object]:
        return {
            "id": entry.id,
            "node": self._node,
            "queue": text(entry.queue, 255),
            "state": entry.state.value,
            "enqueued_at": entry.enqueued_at,
            "joined_at": entry.joined_at,
            "priority": entry.priority,
            "skills": plain(entry.skills),
            "language": text(entry.language, 32),
            "identity": text(entry.identity, 255),
            "ani": text(entry.ani, 255),
            "dnis": text(entry.dnis, 255),
            "number": text(entry.number, 255),
            "not_before": entry.not_before,
            "attempts": entry.attempts,
            "call_id": text(entry.call_id, 64),
            "agent": text(entry.agent, 255),
            "envelope": text(entry.envelope, 64),
            "details": plain(entry.details),
        }


_ORDER = (queue_entries.c.enqueued_at, queue_entries.c.joined_at, queue_entries.c.id)


class OpenBook:
    """The open entries in memory, one step behind the journal: what the next events are folded onto."""

    def __init__(self, entries: Iterable[OpenEntry] = ()) -> None:
        self._entries = {entry.id: entry for entry in entries}

    def changes(self, events: Iterable[JournalEvent]) -> Mapping[str, OpenEntry | None]:
        """What becomes of the entries by these events; the book itself doesn't change."""
        found: dict[str, OpenEntry | None] = {}
        for event in events:
            if event.entry:
                before = found[event.entry] if event.entry in found else self._entries.get(event.entry)
                found[event.entry] = follow(before, event)
        return found

    def take(self, changes: Mapping[str, OpenEntry | None]) -> None:
        """The changes are in the database."""
        for entry, now in changes.items():
            if now is None:
                self._entries.pop(entry, None)
            else:
                self._entries[entry] = now


def _from_row(row: RowMapping) -> OpenEntry:
    columns = {name: value for name, value in row.items() if name not in ("node", "state")}
    return OpenEntry(state=EntryState(row["state"]), **columns)
