"""The writer of call records: calls never wait for the database, and no record is lost when it fails.

A record goes into a queue. One task stores what is there, a batch at a time. While the database fails it
tries again with growing pauses; then, or when the queue grows too long, the records go into a file
(`UnsavedCalls`) and are stored from there when the database works again, at the latest at the next start.
Only when that file can't be written either is a record lost, and then the log has it at level error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway.call.cdr import CallRecord
from gateway.storage.database import StorageError, StorageRefused
from gateway.storage.unsaved import UnsavedCalls, to_json
from monitoring.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the writer waits for the database, and how much may wait meanwhile."""

    queue: int = 2000  # records; beyond that the oldest go into the file untried
    batch: int = 100
    pauses_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)  # between tries of one batch
    try_s: float = 10.0


DEFAULT_PATIENCE = Patience()


class Store(Protocol):
    """Where records end up; `CallStore` is one."""

    async def write(self, *records: CallRecord) -> None:
        """Store all or none, again without harm. Raises StorageError, or StorageRefused for bad content."""
        ...


class CallWriter:
    """The node's CallLog. `run` is its task; after it was cancelled, `close` stores what is left."""

    def __init__(
        self,
        store: Store,
        unsaved: UnsavedCalls,
        metrics: Metrics,
        *,
        patience: Patience = DEFAULT_PATIENCE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._unsaved = unsaved  # only `run` and `close` touch the file, one after the other
        self._metrics = metrics
        self._patience = patience
        self._sleep = sleep
        self._queue: deque[CallRecord] = deque()
        self._arrived = asyncio.Event()
        self._problem: str | None = None
        self._spilled = True  # until the file was looked at

    async def write(self, record: CallRecord) -> None:
        """Take over a record. Returns at once and never fails, whatever state the database is in."""
        self._queue.append(record)
        self._metrics.calls_unsaved.set(len(self._queue))
        self._arrived.set()

    def problem(self) -> str | None:
        """The health probe: why the last write failed, or None when the database works."""
        return self._problem

    async def run(self) -> None:
        """Store records as they come. Runs until cancelled; belongs to the node's task group."""
        await self._restore()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._store_next()
            if self._spilled and self._problem is None:
                await self._restore()

    async def close(self) -> None:
        """Store what is queued, with one try: a stopping node doesn't wait for a dead database."""
        while self._queue:
            batch = self._take()
            await self._spill(batch if self._problem else await self._write_once(batch))
        self._metrics.calls_unsaved.set(0)

    def _take(self) -> list[CallRecord]:
        return [self._queue.popleft() for _ in range(min(self._patience.batch, len(self._queue)))]

    async def _store_next(self) -> None:
        overlong = len(self._queue) > self._patience.queue
        batch = self._take()
        try:
            await self._spill(batch if overlong else await self._write_patiently(batch))
        except asyncio.CancelledError:
            self._queue.extendleft(reversed(batch))  # `close` has the last word; twice does no harm
            raise
        finally:
            self._metrics.calls_unsaved.set(len(self._queue))

    async def _write_patiently(self, batch: list[CallRecord]) -> list[CallRecord]:
        """Try until the database works or patience ends; returns what it didn't take."""
        for pause_s in self._patience.pauses_s:
            try:
                return await self._write(batch)
            except StorageError:
                await self._sleep(pause_s)
        return await self._write_once(batch)

    async def _write_once(self, batch: list[CallRecord]) -> list[CallRecord]:
        try:
            return await self._write(batch)
        except StorageError:
            return batch

    async def _write(self, batch: list[CallRecord]) -> list[CallRecord]:
        """Store the batch; returns what the database refuses. Raises StorageError when it doesn't work."""
        try:
            async with asyncio.timeout(self._patience.try_s):
                await self._store.write(*batch)
        except StorageRefused as error:
            self._problem = None
            if len(batch) == 1:
                self._count_failure(batch, error.reason)
                return batch
            # One of them is what the database refuses; the others needn't suffer for it.
            return [refused for record in batch for refused in await self._write([record])]
        except TimeoutError as error:
            self._problem = f"the database didn't answer within {self._patience.try_s:.0f} s"
            self._count_failure(batch, self._problem)
            raise StorageError("write", self._problem) from error
        except StorageError as error:
            self._problem = str(error)
            self._count_failure(batch, self._problem)
            raise
        self._problem = None
        return []

    def _count_failure(self, batch: Sequence[CallRecord], reason: str) -> None:
        self._metrics.storage_failed("write")
        log.warning("call_records_not_stored", records=len(batch), reason=reason)

    async def _spill(self, records: Sequence[CallRecord]) -> None:
        """Keep in the file what the database didn't take."""
        if not records:
            return
        try:
            await asyncio.to_thread(self._unsaved.append, records)
        except OSError as error:
            self._metrics.storage_failed("spill")
            for record in records:  # in full, numbers too: nothing else has it any more
                log.error("call_record_lost", reason=str(error), record=to_json(record))  # noqa: TRY400
            return
        self._spilled = True
        log.warning("call_records_spilled", records=len(records), file=str(self._unsaved.path))

    async def _restore(self) -> None:
        """Store what an earlier failure left in the file; what is refused again stays there."""
        try:
            contents = await asyncio.to_thread(self._unsaved.read)
            refused: list[CallRecord] = []
            size = self._patience.batch
            for first in range(0, len(contents.records), size):
                refused += await self._write(list(contents.records[first : first + size]))
            keep = (*contents.unreadable, *map(to_json, refused))
            await asyncio.to_thread(self._unsaved.clear, keep)
        except StorageError:
            return  # counted and logged; the file is as it was
        except OSError as error:
            self._metrics.storage_failed("restore")
            log.warning("unsaved_calls_not_restored", file=str(self._unsaved.path), reason=str(error))
            return
        self._spilled = False
        if keep:
            log.error("unsaved_calls_left", file=str(self._unsaved.path), lines=len(keep))
        if stored := len(contents.records) - len(refused):
            log.info("unsaved_calls_restored", records=stored)
