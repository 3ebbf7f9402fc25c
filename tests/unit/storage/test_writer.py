"""The writer: calls never wait for the database, and no record is lost when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.call.cdr import CallRecord
from gateway.storage.database import StorageError, StorageRefused
from gateway.storage.unsaved import UnsavedCalls
from gateway.storage.writer import CallWriter, Patience
from monitoring.metrics import Metrics
from tests.fakes.clock import ManualClock
from tests.unit.storage.builders import record


class FakeStore:
    """A store that can be broken, and that refuses the records it is told to."""

    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}
        self.failures_left = 0
        self.refused: set[str] = set()
        self.hangs = False
        self.tries = 0

    async def write(self, *records: CallRecord) -> None:
        self.tries += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures_left > 0:
            self.failures_left -= 1
            raise StorageError("write", "disk I/O error")
        if self.refused & {one.leg_id for one in records}:
            raise StorageRefused("write", "value out of range")
        self.records.update((one.leg_id, one) for one in records)


class Rig:
    """A writer over a fake store, with a clock of its own."""

    def __init__(self, directory: Path) -> None:
        self.store = FakeStore()
        self.unsaved = UnsavedCalls(directory / "unsaved-calls.jsonl")
        self.metrics = Metrics()
        self.clock = ManualClock()
        self.writer = CallWriter(self.store, self.unsaved, self.metrics, sleep=self.clock.sleep)

    def counted(self, operation: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "ringback_storage_failures_total", {"operation": operation}
        )
        return value or 0.0

    def spilled(self) -> list[str]:
        return [one.leg_id for one in self.unsaved.read().records]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.writer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 -- lets the writer run; the condition is a file or a dict
                await asyncio.sleep(0)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_record_is_stored(rig: Rig) -> None:
    async with rig.running():
        await rig.writer.write(record())
        await rig.until(lambda: "leg-1" in rig.store.records)

    assert rig.writer.problem() is None
    assert rig.metrics.registry.get_sample_value("ringback_calls_unsaved") == 0


async def test_records_that_come_together_are_stored_together(rig: Rig) -> None:
    for number in range(250):
        await rig.writer.write(record(number))
    async with rig.running():
        await rig.until(lambda: len(rig.store.records) == 250)

    assert rig.store.tries == 3


async def test_a_failure_that_passes_is_waited_out(rig: Rig) -> None:
    rig.store.failures_left = 3
    async with rig.running():
        await rig.writer.write(record())
        await rig.until(lambda: "leg-1" in rig.store.records)

    assert rig.clock.now() == sum(Patience().pauses_s[:3])
    assert rig.counted("write") == 3
    assert rig.spilled() == []


async def test_a_failure_that_stays_sends_the_record_to_the_file_and_the_probe_red(rig: Rig) -> None:
    rig.store.failures_left = 1000
    async with rig.running():
        await rig.writer.write(record())
        await rig.until(lambda: rig.spilled() == ["leg-1"])

        assert rig.writer.problem() == "storage: write failed: disk I/O error"


async def test_the_file_is_stored_when_the_database_works_again(rig: Rig) -> None:
    rig.store.failures_left = len(Patience().pauses_s) + 1
    async with rig.running():
        await rig.writer.write(record(1))
        await rig.until(lambda: rig.spilled() == ["leg-1"])
        await rig.writer.write(record(2))
        await rig.until(lambda: rig.store.records.keys() == {"leg-1", "leg-2"})
        await rig.until(lambda: not rig.unsaved.path.exists())


async def test_the_file_of_an_earlier_run_is_stored_at_the_start(rig: Rig) -> None:
    rig.unsaved.append([record(number) for number in range(150)])
    async with rig.running():
        await rig.until(lambda: len(rig.store.records) == 150)
        await rig.until(lambda: not rig.unsaved.path.exists())


async def test_a_file_that_cannot_be_stored_stays_as_it_is(rig: Rig) -> None:
    rig.unsaved.append([record()])
    rig.store.failures_left = 1000
    async with rig.running():
        await rig.until(lambda: rig.store.tries > 0)

    assert rig.spilled() == ["leg-1"]


async def test_a_record_that_the_database_refuses_does_not_hold_up_the_others(rig: Rig) -> None:
    rig.store.refused = {"leg-2"}
    for number in (1, 2, 3):
        await rig.writer.write(record(number))
    async with rig.running():
        await rig.until(lambda: rig.store.records.keys() == {"leg-1", "leg-3"})
        await rig.until(lambda: rig.spilled() == ["leg-2"])

    assert rig.writer.problem() is None
    assert rig.clock.now() == 0.0


async def test_a_refused_record_stays_in_the_file_at_the_next_start(rig: Rig) -> None:
    rig.store.refused = {"leg-1"}
    rig.unsaved.append([record(1), record(2)])
    async with rig.running():
        await rig.until(lambda: "leg-2" in rig.store.records)
        await rig.until(lambda: rig.spilled() == ["leg-1"])


async def test_a_queue_that_grows_too_long_goes_to_the_file_untried(rig: Rig) -> None:
    patience = Patience(queue=5, batch=4)
    rig.writer = CallWriter(rig.store, rig.unsaved, rig.metrics, patience=patience, sleep=rig.clock.sleep)
    rig.store.failures_left = 1000
    for number in range(8):
        await rig.writer.write(record(number))
    async with rig.running():
        await rig.until(lambda: len(rig.spilled()) == 4)

    assert rig.spilled() == ["leg-0", "leg-1", "leg-2", "leg-3"]


async def test_closing_stores_what_is_left(rig: Rig) -> None:
    await rig.writer.write(record())

    await rig.writer.close()

    assert rig.store.records.keys() == {"leg-1"}


async def test_closing_over_a_dead_database_tries_once_and_keeps_the_rest(rig: Rig) -> None:
    rig.store.failures_left = 1000
    for number in range(150):
        await rig.writer.write(record(number))

    await rig.writer.close()

    assert len(rig.spilled()) == 150
    assert rig.store.tries == 1


async def test_a_writer_that_is_cancelled_while_it_waits_gives_its_records_to_close(rig: Rig) -> None:
    rig.store.failures_left = 1000
    waiting = asyncio.Event()

    async def wait_for_ever(_seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    rig.writer = CallWriter(rig.store, rig.unsaved, rig.metrics, sleep=wait_for_ever)
    await rig.writer.write(record())
    async with rig.running():
        await waiting.wait()
    await rig.writer.close()

    assert rig.spilled() == ["leg-1"]


async def test_a_database_that_hangs_counts_as_one_that_fails(rig: Rig) -> None:
    rig.store.hangs = True
    rig.writer = CallWriter(rig.store, rig.unsaved, rig.metrics, patience=Patience(try_s=0.0))
    await rig.writer.write(record())

    await rig.writer.close()

    assert rig.spilled() == ["leg-1"]
    assert rig.writer.problem() == "the database didn't answer within 0 s"


async def test_a_file_that_cannot_be_read_does_not_stop_the_writer(rig: Rig) -> None:
    rig.unsaved.path.mkdir()  # a directory is what the file can't be
    async with rig.running():
        await rig.writer.write(record())
        await rig.until(lambda: "leg-1" in rig.store.records)

    assert rig.counted("restore") >= 1


async def test_a_record_that_no_disk_takes_is_in_the_log(rig: Rig) -> None:
    rig.unsaved.path.mkdir()  # a directory is what the file can't be
    rig.store.failures_left = 1000
    await rig.writer.write(record())

    with capture_logs() as lines:
        await rig.writer.close()

    (lost,) = [line for line in lines if line["event"] == "call_record_lost"]
    assert "leg-1" in lost["record"]
    assert rig.counted("spill") == 1
