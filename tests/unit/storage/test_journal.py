"""The journal's writer: order, durability before promises, and nothing lost when the database fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from gateway.queues.journal import StoredEvent
from gateway.storage.database import Database, StorageError, StorageRefused
from gateway.storage.journal import DEFAULT_PATIENCE, OPEN_PAUSES_S, JournalPatience, JournalWriter
from gateway.storage.journal_store import JournalStore, Selection
from gateway.storage.unsaved import UnsavedEvents
from monitoring.metrics import Metrics
from tests.fakes.clock import ManualClock
from tests.unit.storage.builders import event, stored


class FakeStore:
    """A store that can be broken, and that refuses the events it is told to. Order of arrival is kept."""

    def __init__(self) -> None:
        self.stored: list[StoredEvent] = []
        self.failures_left = 0
        self.refused: set[int] = set()
        self.faulty: set[int] = set()
        self.hangs = False
        self.deaf = False  # commits, and then reports a failure
        self.gate: asyncio.Event | None = None
        self.tries = 0

    @property
    def ids(self) -> list[int]:
        return [one.id for one in self.stored]

    async def last_id(self) -> int:
        return max(self.ids, default=0)

    async def missing(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        return tuple(one for one in events if one.id not in self.ids)

    async def write(self, events: Sequence[StoredEvent]) -> None:
        self.tries += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.gate is not None:
            await self.gate.wait()
        if self.failures_left > 0:
            self.failures_left -= 1
            raise StorageError("write", "disk I/O error")
        if self.faulty & {one.id for one in events}:
            raise OverflowError("int too large to convert")
        if self.refused & {one.id for one in events}:
            raise StorageRefused("write", "value out of range")
        if set(self.ids) & {one.id for one in events}:
            raise StorageRefused("write", "UNIQUE constraint failed")
        self.stored.extend(events)
        if self.deaf:
            self.deaf = False
            raise StorageError("write", "the connection was lost")


class Rig:
    """A writer over a fake store, with a clock of its own."""

    def __init__(self, directory: Path, patience: JournalPatience = DEFAULT_PATIENCE) -> None:
        self.store = FakeStore()
        self.unsaved = UnsavedEvents(directory / "unsaved-journal.jsonl")
        self.metrics = Metrics()
        self.clock = ManualClock()
        self.writer = self.new_writer(patience)

    def new_writer(self, patience: JournalPatience = DEFAULT_PATIENCE) -> JournalWriter:
        return JournalWriter(
            self.store,
            self.unsaved,
            self.metrics,
            "node",
            patience=patience,
            sleep=self.sleep,
            now=self.clock.now,
        )

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    def append(self, count: int) -> None:
        for number in range(count):
            self.writer.append([event(number)])

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"ringback_{name}", labels) or 0.0

    def spilled(self) -> list[int]:
        return [one.id for one in self.unsaved.read().records]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.writer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 -- lets the writer run; the condition is a file or a list
                await asyncio.sleep(0)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_what_was_appended_is_settled_when_it_is_stored_and_numbered_in_order(rig: Rig) -> None:
    async with rig.running():
        rig.append(3)

        assert await rig.writer.settled()

    assert rig.store.stored == [stored(1, event(0)), stored(2, event(1)), stored(3, event(2))]
    assert rig.writer.problem() is None
    assert rig.metric("journal_unsaved") == 0


async def test_settled_waits_for_the_store_and_not_for_what_comes_later(rig: Rig) -> None:
    rig.store.gate = asyncio.Event()
    async with rig.running():
        rig.append(1)
        settled = asyncio.ensure_future(rig.writer.settled())
        await rig.until(lambda: rig.store.tries == 1)
        rig.append(1)
        assert not settled.done()
        rig.store.gate.set()

        assert await settled


async def test_nothing_to_wait_for_is_settled_at_once_even_without_a_task(rig: Rig) -> None:
    rig.writer.append([])

    assert await rig.writer.settled()


async def test_events_that_come_together_share_transactions(rig: Rig) -> None:
    rig.append(1200)
    async with rig.running():
        assert await rig.writer.settled()

    assert rig.store.ids == list(range(1, 1201))
    assert rig.store.tries == 3


async def test_nothing_is_promised_while_the_database_fails_and_nothing_is_lost(rig: Rig) -> None:
    rig.store.failures_left = 3
    async with rig.running():
        rig.append(1)
        first = await rig.writer.settled()
        problem = rig.writer.problem()
        rig.append(1)
        second = await rig.writer.settled()
        await rig.until(lambda: rig.store.ids == [1, 2])
        await rig.until(lambda: rig.writer.problem() is None)
        third = await rig.writer.settled()

    assert (first, second, third) == (False, False, True)
    assert problem == "storage: write failed: disk I/O error"
    assert rig.clock.now() == sum(DEFAULT_PATIENCE.pauses_s[:3])
    assert rig.metric("storage_failures_total", operation="write") == 3


async def test_a_promise_is_not_waited_for_without_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path, JournalPatience(settle_s=0.0))
    rig.store.hangs = True
    async with rig.running():
        rig.append(1)

        assert not await rig.writer.settled()


async def test_a_database_that_hangs_counts_as_one_that_fails(tmp_path: Path) -> None:
    rig = Rig(tmp_path, JournalPatience(try_s=0.0))
    rig.store.hangs = True
    async with rig.running():
        rig.append(1)

        assert not await rig.writer.settled()
        assert rig.writer.problem() == "the database didn't answer within 0 s"


async def test_a_commit_that_succeeded_unheard_is_not_repeated(rig: Rig) -> None:
    rig.store.deaf = True
    async with rig.running():
        rig.append(2)
        await rig.until(lambda: rig.writer.problem() is not None)
        await rig.until(lambda: rig.writer.problem() is None)

        assert await rig.writer.settled()

    assert rig.store.ids == [1, 2]
    assert rig.spilled() == []


async def test_what_memory_cannot_hold_goes_into_the_file_and_is_stored_first_and_in_order(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, JournalPatience(batch=4, memory=10))
    rig.store.failures_left = 2
    rig.append(15)
    async with rig.running():
        await rig.until(lambda: len(rig.store.stored) == 15)
        await rig.until(lambda: not rig.unsaved.path.exists())

    assert rig.store.ids == list(range(1, 16))


async def test_a_full_disk_keeps_everything_in_memory_up_to_its_limit_and_then_loses_the_oldest_loudly(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, JournalPatience(memory=2, limit=4))
    rig.unsaved.path.mkdir()  # a directory is what the file can't be
    rig.append(6)
    rig.store.failures_left = 2
    with capture_logs() as lines:
        async with rig.running():
            await rig.until(lambda: rig.store.ids != [])

    lost = [line for line in lines if line["event"] == "journal_event_lost"]
    assert rig.store.ids == [3, 4, 5, 6]
    assert ['"id": 1,' in lost[0]["record"], '"id": 2,' in lost[1]["record"]] == [True, True]
    assert rig.metric("storage_failures_total", operation="spill") == 2


async def test_an_event_that_the_database_refuses_does_not_hold_up_the_others(rig: Rig) -> None:
    rig.store.refused = {2}
    rig.append(3)
    async with rig.running():
        assert not await rig.writer.settled()
        await rig.until(lambda: rig.store.ids == [1, 3])
        await rig.until(lambda: rig.spilled() == [2])

    assert rig.writer.problem() is None


async def test_a_fault_of_ours_in_one_event_costs_that_event_its_row_and_nothing_else(rig: Rig) -> None:
    rig.store.faulty = {2}
    rig.append(3)
    async with rig.running():
        await rig.until(lambda: rig.store.ids == [1, 3])
        await rig.until(lambda: rig.spilled() == [2])


async def test_what_a_stopping_node_can_put_nowhere_is_in_the_log(rig: Rig) -> None:
    rig.unsaved.path.mkdir()  # a directory is what the file can't be
    rig.store.failures_left = 1
    rig.append(2)

    with capture_logs() as lines:
        await rig.writer.close()

    assert [line["event"] for line in lines].count("journal_event_lost") == 2


async def test_closing_stores_what_is_left(rig: Rig) -> None:
    rig.append(700)

    await rig.writer.close()

    assert rig.store.ids == list(range(1, 701))


async def test_closing_over_a_dead_database_keeps_the_rest_in_the_file_for_the_next_start(rig: Rig) -> None:
    rig.store.failures_left = 1
    rig.append(700)
    await rig.writer.close()
    spilled = rig.spilled()

    writer = await JournalWriter.open(rig.store, rig.unsaved, rig.metrics, "node")
    writer.append([event(700)])
    await writer.close()

    assert spilled == list(range(1, 701))
    assert rig.store.ids == list(range(1, 702))
    assert not rig.unsaved.path.exists()


async def test_a_node_that_died_between_the_commit_and_the_clearing_stores_nothing_twice(rig: Rig) -> None:
    rig.store.stored = [stored(1, event(0)), stored(2, event(1))]
    rig.unsaved.append([stored(2, event(1)), stored(3, event(2)), stored(3, event(2))])

    await JournalWriter.open(rig.store, rig.unsaved, rig.metrics, "node")

    assert rig.store.ids == [1, 2, 3]


async def test_a_node_does_not_start_over_a_file_that_it_cannot_store(rig: Rig) -> None:
    rig.unsaved.append([stored(1, event(0))])
    rig.store.failures_left = len(OPEN_PAUSES_S)

    with pytest.raises(StorageError, match="restore failed: storage: write failed: disk I/O error"):
        await JournalWriter.open(rig.store, rig.unsaved, rig.metrics, "node", sleep=at_once)

    assert rig.spilled() == [1]


async def test_a_starting_node_waits_a_moment_for_a_database_that_somebody_holds(rig: Rig) -> None:
    rig.unsaved.append([stored(1, event(0))])
    rig.store.failures_left = len(OPEN_PAUSES_S) - 1

    await JournalWriter.open(rig.store, rig.unsaved, rig.metrics, "node", sleep=at_once)

    assert rig.spilled() == []


async def at_once(_pause_s: float) -> None:
    """Time passes without waiting."""


async def test_details_are_kept_as_they_were_when_they_were_appended(rig: Rig) -> None:
    details: dict[str, object] = {
        "skills": MappingProxyType({"french": 3}),
        "wait_s": float("nan"),
        "to": {1},
    }
    rig.writer.append([event(0, details=details)])
    details["skills"] = "gone"

    await rig.writer.close()

    assert rig.store.stored[0].event.details == {"skills": {"french": 3}, "wait_s": None, "to": [1]}


async def test_how_long_an_event_waited_for_the_disk_is_measured(rig: Rig) -> None:
    rig.append(1)
    rig.clock.advance(0.5)
    rig.append(1)
    await rig.writer.close()

    assert rig.metric("journal_write_seconds_sum") == 0.5


async def test_a_full_disk_costs_promises_and_no_event(
    url: SecretStr, database: Database, tmp_path: Path
) -> None:
    """SQLite itself, with as many pages as a disk may have left: "database or disk is full"."""
    durable = Database.open(url, durable=True)
    store = JournalStore(durable, "node")
    clock = ManualClock()
    freed = asyncio.Event()

    async def wait_for_room(_seconds: float) -> None:
        await freed.wait()

    unsaved = UnsavedEvents(tmp_path / "unsaved-journal.jsonl")
    writer = JournalWriter(store, unsaved, Metrics(), "node", sleep=wait_for_room, now=clock.now)
    task = asyncio.create_task(writer.run())
    writer.append([event(0)])
    assert await writer.settled()

    async with durable.transaction("fill") as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as many as there are already
    writer.append([event(number, details={"text": "x" * 1000}) for number in range(1, 200)])
    promised = await writer.settled()
    problem = writer.problem()
    async with durable.transaction("free") as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    freed.set()
    async with asyncio.timeout(10):
        while writer.problem() is not None:  # noqa: ASYNC110 -- the writer runs meanwhile
            await asyncio.sleep(0)

    assert not promised
    assert problem == "storage: write failed: database or disk is full"
    assert await writer.settled()
    assert [one.id for one in await store.read(Selection())] == list(range(1, 201))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await writer.close()
    await durable.close()
