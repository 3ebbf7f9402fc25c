"""The journal in the database: it comes back as it was, in order, and the open entries with it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind
from gateway.queues.open_entries import OpenEntry
from gateway.storage.database import Database, StorageError, StorageRefused
from gateway.storage.entries import EntryStore
from gateway.storage.journal_store import JournalStore, Selection
from tests.unit.storage.builders import NOON, event, stored


@pytest.fixture
async def durable(url: SecretStr, database: Database) -> AsyncIterator[Database]:
    durable = Database.open(url, durable=True)
    yield durable
    await durable.close()


@pytest.fixture
def journal(durable: Database) -> JournalStore:
    return JournalStore(durable, "node")


@pytest.fixture
def entries(durable: Database) -> EntryStore:
    return EntryStore(durable, "node")


async def test_an_event_comes_back_as_it_was(journal: JournalStore) -> None:
    written = stored(1, event(1, agent="ann", details={"skills": {"french": 2}, "wait_s": 1.5}))

    await journal.write([written])

    assert await journal.read(Selection()) == (written,)
    assert await journal.last_id() == 1


async def test_a_journal_that_is_empty_begins_at_zero(journal: JournalStore) -> None:
    await journal.write([])

    assert await journal.last_id() == 0
    assert await journal.missing([]) == ()
    assert await journal.read(Selection()) == ()


async def test_every_commit_waits_for_the_disk(durable: Database, database: Database) -> None:
    async def level(of: Database) -> int:
        async with of.transaction("read") as connection:
            found = await connection.exec_driver_sql("PRAGMA synchronous")
            return int(found.scalar_one())

    assert (await level(durable), await level(database)) == (2, 1)  # FULL; the call records' NORMAL


async def test_events_are_chosen_by_time_queue_entry_call_agent_and_kind(journal: JournalStore) -> None:
    await journal.write(
        [
            stored(1, event(1)),
            stored(2, event(2, queue="sales", agent="ann")),
            stored(3, event(3, kind=JournalKind.LEFT)),
        ]
    )

    async def ids(selection: Selection) -> list[int]:
        return [one.id for one in await journal.read(selection)]

    assert await ids(Selection(since=NOON + timedelta(seconds=2))) == [2, 3]
    assert await ids(Selection(until=NOON + timedelta(seconds=2))) == [1]
    assert await ids(Selection(queue="sales")) == [2]
    assert await ids(Selection(entry="entry-3")) == [3]
    assert await ids(Selection(call_id="call-1")) == [1]
    assert await ids(Selection(agent="ann")) == [2]
    assert await ids(Selection(kinds=[JournalKind.LEFT])) == [3]


async def test_pages_follow_one_another_even_among_events_of_the_same_moment(journal: JournalStore) -> None:
    await journal.write([stored(number, event(1)) for number in range(1, 6)])
    await JournalStore(journal._database, "another").write([stored(3, event(1), node="another")])

    pages = [[(one.node, one.id) for one in page] async for page in journal.pages(page=2)]

    assert pages == [
        [("another", 3), ("node", 1)],
        [("node", 2), ("node", 3)],
        [("node", 4), ("node", 5)],
    ]


async def test_the_latest_events_come_oldest_first(journal: JournalStore) -> None:
    await journal.write([stored(number, event(number)) for number in range(1, 6)])

    assert [one.id for one in await journal.latest(2)] == [4, 5]


async def test_how_agents_stand_at_a_moment(journal: JournalStore) -> None:
    presence, state = JournalKind.AGENT_PRESENCE, JournalKind.AGENT_STATE
    await journal.write(
        [
            stored(1, event(1, presence, agent="ann", details={"presence": "available"})),
            stored(2, event(2, state, agent="ann", details={"state": "ringing"})),
            stored(3, event(3, state, agent="ann", details={"state": "on_call"})),
            stored(4, event(4, presence, agent="bob", details={"presence": "available"})),
            stored(5, event(5, presence, agent="ann", details={"presence": "logged_out"})),
        ]
    )

    standing = await journal.standing(NOON + timedelta(seconds=5))

    assert [one.id for one in standing] == [1, 3, 4]


async def test_what_is_not_stored_yet_is_told(journal: JournalStore) -> None:
    await journal.write([stored(1, event(1)), stored(3, event(3))])

    missing = await journal.missing([stored(number, event(number)) for number in (1, 2, 3, 4)])

    assert [one.id for one in missing] == [2, 4]


async def test_an_event_cannot_be_stored_twice(journal: JournalStore) -> None:
    await journal.write([stored(1, event(1))])

    with pytest.raises(StorageRefused):
        await journal.write([stored(2, event(2)), stored(1, event(1))])

    assert [one.id for one in await journal.read(Selection())] == [1]


async def test_open_entries_are_kept_with_the_events_in_the_order_of_their_enqueue_times(
    journal: JournalStore, entries: EntryStore
) -> None:
    late = NOON.timestamp() - 100.000_000_1  # earned before, in another queue; to a fraction of a microsecond
    details = {"priority": 3, "skills": {"french": 2}, "enqueued_at": late, "ani": "+4420", "plan": "demo"}
    await journal.write([stored(1, event(1)), stored(2, event(2, details=details)), stored(3, event(3))])
    await journal.write([stored(4, event(3, JournalKind.ABANDONED))])
    await journal.write([stored(5, event(1, JournalKind.OFFERED, agent="ann"))])

    second, first = await entries.load_open()

    assert second == OpenEntry(
        "entry-2",
        "support",
        EntryState.WAITING,
        enqueued_at=late,
        joined_at=NOON.timestamp() + 2,
        priority=3,
        skills={"french": 2},
        ani="+4420",
        call_id="call-2",
        details={"plan": "demo"},
    )
    assert (first.id, first.state, first.agent) == ("entry-1", EntryState.OFFERED, "ann")


async def test_a_node_that_starts_again_goes_on_with_the_entries_it_had(
    journal: JournalStore, durable: Database, entries: EntryStore
) -> None:
    await journal.write([stored(1, event(1, details={"priority": 7}))])

    again = JournalStore(durable, "node")
    await again.write([stored(2, event(1, JournalKind.CALLBACK_REQUESTED, details={"number": "+44"}))])

    (entry,) = await entries.load_open()
    assert (entry.priority, entry.number, entry.state) == (7, "+44", EntryState.CALLBACK_WAITING)


async def test_entries_of_one_node_can_be_asked_for(journal: JournalStore, entries: EntryStore) -> None:
    await journal.write([stored(1, event(1))])

    assert await entries.load_open("another") == ()
    assert len(await entries.load_open("node")) == 1


async def test_a_transaction_that_fails_changes_neither_the_journal_nor_the_entries(
    journal: JournalStore, entries: EntryStore, tmp_path: Path
) -> None:
    await journal.write([stored(1, event(1))])
    with sqlite3.connect(tmp_path / "var" / "ringback.db") as connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE UPDATE ON queue_entries BEGIN SELECT raise(ABORT, 'broken'); END"
        )
    connection.close()

    with pytest.raises(StorageError):
        await journal.write([stored(2, event(1, JournalKind.OFFERED, agent="ann"))])

    (entry,) = await entries.load_open()
    assert (entry.state, await journal.last_id()) == (EntryState.WAITING, 1)


async def test_what_the_network_sent_is_made_fit_for_the_columns(
    journal: JournalStore, entries: EntryStore
) -> None:
    await journal.write(
        [stored(1, event(1, queue="q" * 300, details={"ani": "1\x00\udc80", "name": "\udc80"}))]
    )

    (entry,) = await entries.load_open()
    (read,) = await journal.read(Selection())

    assert (entry.queue, entry.ani) == ("q" * 255, "1\ufffd?")
    assert read.event.details == {"ani": "1\ufffd?", "name": "?"}
