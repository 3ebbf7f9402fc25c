"""The journal in the database: written once, read by time, by entry, by call, by agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, Select, func, insert, or_, select, tuple_

from gateway.faults import point
from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent
from gateway.queues.open_entries import OpenEntry
from gateway.storage.database import Database
from gateway.storage.entries import EntryStore, OpenBook
from gateway.storage.outbox import insert_deliveries
from gateway.storage.plain import plain, text
from gateway.storage.presences import KnownPresence, PresenceStore
from gateway.storage.tables import journal

PAGE: Final = 500
STANDING: Final = timedelta(days=31)
"""Nobody works longer without an event; and what is read for a report doesn't grow with the journal."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events to read; what is left out doesn't restrict. `since` is included, `until` isn't."""

    since: datetime | None = None
    until: datetime | None = None
    queue: str | None = None
    entry: str | None = None
    call_id: str | None = None
    agent: str | None = None
    kinds: Collection[JournalKind] | None = None


EVERYTHING = Selection()


class JournalStore:
    """The events of all nodes, and the writing of one node's. Raises StorageError when the database fails."""

    def __init__(self, database: Database, node: str, delivering: Callable[[], None] = lambda: None) -> None:
        """`delivering`: called when there is something new for webhooks."""
        self._database = database
        self._node = node
        self._delivering = delivering
        self._entries = EntryStore(database, node)
        self._presences = PresenceStore(database, node)
        self._book: OpenBook | None = None

    # ---- writing, by the one writer of this node

    async def last_id(self) -> int:
        """The number of this node's latest event; 0 when there is none."""
        query = select(func.max(journal.c.id)).where(journal.c.node == self._node)
        async with self._database.transaction("read") as connection:
            return (await connection.execute(query)).scalar_one() or 0

    async def write(self, events: Sequence[StoredEvent]) -> None:
        """Store events and what follows from them for the open entries: all or nothing, and on the disk."""
        if not events:
            return
        if self._book is None:
            self._book = OpenBook(await self._entries.load_open())
        changes = self._book.changes(stored.event for stored in events)
        deliveries = [one for stored in events for one in stored.event.deliveries]
        async with self._database.transaction("write") as connection:
            await connection.execute(insert(journal), [_to_row(stored) for stored in events])
            point("journal.inserted")
            await self._entries.save(connection, changes)
            await self._presences.save(connection, [stored.event for stored in events])
            await insert_deliveries(connection, deliveries)
            point("journal.folded")
        point("journal.committed")
        self._book.take(changes)
        if deliveries:
            self._delivering()

    async def missing(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        """Those events that aren't stored: a commit may have succeeded without our hearing it."""
        if not events:
            return ()
        nodes, numbers = {stored.node for stored in events}, [stored.id for stored in events]
        query = select(journal.c.node, journal.c.id).where(
            journal.c.node.in_(nodes), journal.c.id.between(min(numbers), max(numbers))
        )
        async with self._database.transaction("read") as connection:
            known = {(node, number) for node, number in await connection.execute(query)}
        return tuple(stored for stored in events if (stored.node, stored.id) not in known)

    # ---- what the last run left

    async def open_entries(self, neighbours: Collection[str] = ()) -> Sequence[OpenEntry]:
        """This node's entries that are open.

        In SQLite those of every other name too but of `neighbours`: the file is one site's, and a node may
        come back under another name, as a container does.
        """
        if self._database.dialect == "postgresql":
            return await self._entries.load_open(self._node)
        return await self._entries.load_open(but=neighbours)

    async def presences(self) -> Sequence[KnownPresence]:
        """What this node's agents chose last, without those who are logged out."""
        return await self._presences.load()

    # ---- reading

    async def pages(
        self, selection: Selection = EVERYTHING, *, page: int = PAGE
    ) -> AsyncIterator[Sequence[StoredEvent]]:
        """Events in the order of their times, at most `page` at a time, each page in its own transaction."""
        query = _query(selection).order_by(journal.c.at, journal.c.node, journal.c.id).limit(page)
        after: StoredEvent | None = None
        while True:
            found = await self._read(query if after is None else query.where(_behind(after)))
            if found:
                yield found
            if len(found) < page:
                return
            after = found[-1]

    async def since(self, at: datetime, kind: JournalKind) -> AsyncIterator[Sequence[StoredEvent]]:
        """This node's and all others' events of one kind, a page at a time."""
        async for page in self.pages(Selection(since=at, kinds=[kind])):
            yield page

    async def read(self, selection: Selection) -> Sequence[StoredEvent]:
        """Every event of the selection: for one entry, one call."""
        return tuple([stored async for page in self.pages(selection) for stored in page])

    async def latest(self, limit: int, selection: Selection = EVERYTHING) -> Sequence[StoredEvent]:
        """The last `limit` events of the selection, oldest first."""
        backwards = (journal.c.at.desc(), journal.c.node.desc(), journal.c.id.desc())
        return (await self._read(_query(selection).order_by(*backwards).limit(limit)))[::-1]

    async def standing(self, at: datetime) -> Sequence[StoredEvent]:
        """Of each agent the last presence and the last state before `at`: what a report begins with.

        What was before their node last started or stopped is over, and so is what they did a month ago.
        """
        lately = (journal.c.at < at, journal.c.at >= at - STANDING)
        lives = (JournalKind.STARTED.value, JournalKind.STOPPED.value)
        kinds = (JournalKind.AGENT_PRESENCE.value, JournalKind.AGENT_STATE.value)
        life = (
            select(journal.c.node, func.max(journal.c.at).label("at"))
            .where(journal.c.kind.in_(lives), *lately)
            .group_by(journal.c.node)
            .subquery()
        )
        last = (
            select(journal.c.agent, journal.c.kind, func.max(journal.c.at).label("at"))
            .where(journal.c.kind.in_(kinds), *lately)
            .group_by(journal.c.agent, journal.c.kind)
            .subquery()
        )
        query = (
            select(journal)
            .join(
                last,
                (journal.c.agent == last.c.agent)
                & (journal.c.kind == last.c.kind)
                & (journal.c.at == last.c.at),
            )
            .outerjoin(life, journal.c.node == life.c.node)
            .where(or_(life.c.at.is_(None), journal.c.at >= life.c.at))
        )
        return await self._read(query.order_by(journal.c.at, journal.c.node, journal.c.id))

    async def _read(self, query: Select[Any]) -> Sequence[StoredEvent]:
        async with self._database.transaction("read") as connection:
            rows = (await connection.execute(query)).mappings().all()
        return tuple(_from_row(row) for row in rows)


def _query(selection: Selection) -> Select[Any]:
    query = select(journal)
    if selection.since is not None:
        query = query.where(journal.c.at >= selection.since)
    if selection.until is not None:
        query = query.where(journal.c.at < selection.until)
    for name in ("queue", "entry", "call_id", "agent"):
        wanted = getattr(selection, name)
        if wanted is not None:
            query = query.where(journal.c[name] == wanted)
    if selection.kinds is not None:
        query = query.where(journal.c.kind.in_([kind.value for kind in selection.kinds]))
    return query


def _behind(stored: StoredEvent) -> Any:
    place = tuple_(journal.c.at, journal.c.node, journal.c.id)
    return place > tuple_(stored.event.at, stored.node, stored.id)


def _to_row(stored: StoredEvent) -> dict[str, object]:
    event = stored.event
    return {
        "node": stored.node,
        "id": stored.id,
        "at": event.at,
        "kind": event.kind.value,
        "queue": text(event.queue, 255),
        "entry": text(event.entry, 64),
        "call_id": text(event.call_id, 64),
        "agent": text(event.agent, 255),
        "details": plain(event.details),
    }


def _from_row(row: RowMapping) -> StoredEvent:
    event = JournalEvent(
        at=row["at"],
        kind=JournalKind(row["kind"]),
        queue=row["queue"],
        entry=row["entry"],
        call_id=row["call_id"],
        agent=row["agent"],
        details=row["details"],
    )
    return StoredEvent(row["node"], row["id"], event)
