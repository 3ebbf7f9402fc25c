"""The writer of the journal: what is promised is on disk before it is said, and nobody else waits for it.

Events go into memory, numbered. One task stores what is there, all of it in one transaction with one fsync
(group commit): the busier the node, the more events share one. `settled` waits for that. While the database
fails, events stay in memory, and beyond a limit the oldest go into a file (`UnsavedEvents`); they are tried
again with growing pauses, the file first, so that they are stored in the order in which they happened.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

import structlog

from gateway.faults import point
from gateway.queues.journal import JournalEvent, StoredEvent
from gateway.storage.database import StorageError, StorageRefused
from gateway.storage.plain import plain
from gateway.storage.unsaved import UnsavedEvents, event_to_json
from monitoring.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JournalPatience:
    """How long the journal waits for the database, and how much may wait meanwhile."""

    batch: int = 500  # events in one transaction
    memory: int = 10_000  # events; beyond it, while the database fails, they go into the file
    limit: int = 100_000  # events; beyond it, when the file can't be written either, the oldest are lost
    pauses_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0)  # between tries; the last one again and again
    try_s: float = 10.0
    settle_s: float = 3.0  # how long a caller may be kept waiting before a promise


DEFAULT_PATIENCE = JournalPatience()


OPEN_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0)
"""Between tries of a starting node to store what its last run left."""


class EventStore(Protocol):
    """Where events end up; `JournalStore` is one. Raises StorageError, or StorageRefused for bad content."""

    async def last_id(self) -> int: ...
    async def write(self, events: Sequence[StoredEvent]) -> None: ...
    async def missing(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]: ...


class JournalWriter:
    """The node's Journal. `run` is its task; after it was cancelled, `close` stores what is left."""

    def __init__(
        self,
        store: EventStore,
        unsaved: UnsavedEvents,
        metrics: Metrics,
        node: str,
        last_id: int = 0,
        *,
        patience: JournalPatience = DEFAULT_PATIENCE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._unsaved = unsaved  # only `open`, `run` and `close` touch the file, one after the other
        self._metrics = metrics
        self._node = node
        self._last_id = last_id
        self._durable_id = last_id
        self._patience = patience
        self._sleep = sleep
        self._now = now
        self._queue: deque[StoredEvent] = deque()
        self._arrived = asyncio.Event()
        self._arrived.set()  # the file is looked at first
        self._oldest_at: float | None = None
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []
        self._problem: str | None = None
        self._failures = 0  # in a row
        self._spilled = True  # until the file was looked at
        self._unsure = False  # the last try may have succeeded without our hearing it

    @classmethod
    async def open(
        cls,
        store: EventStore,
        unsaved: UnsavedEvents,
        metrics: Metrics,
        node: str,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Self:
        """The writer of a node that goes on where it stopped: stores what its last run left in the file.

        Afterwards the database has everything, and open entries can be read. Raises StorageError.
        """
        last_id = await store.last_id()
        writer = cls(store, unsaved, metrics, node, last_id, sleep=sleep)
        for pause_s in OPEN_PAUSES_S:
            await writer._restore()
            if writer._problem is None:
                break
            # Another program (a backup, the end of a killed node) may hold the database for a moment.
            await writer._sleep(pause_s)
        else:
            raise StorageError("restore", str(writer._problem))
        writer._last_id = writer._durable_id = max(last_id, await store.last_id())
        return writer

    def append(self, events: Sequence[JournalEvent]) -> None:
        """Take events over, in order. Returns at once; never fails."""
        if not events:
            return
        for event in events:
            self._last_id += 1
            # What happens to a mapping afterwards mustn't change what happened.
            kept = replace(event, details=plain(event.details))
            self._queue.append(StoredEvent(self._node, self._last_id, kept))
        if self._oldest_at is None:
            self._oldest_at = self._now()
        self._metrics.journal_unsaved.set(len(self._queue))
        self._arrived.set()

    async def settled(self) -> bool:
        """Wait until everything appended before this call is on disk. False when the database can't take it
        now (it is kept and tried again): then nothing may be promised.
        """
        if self._durable_id >= self._last_id:
            return True
        if self._problem is not None:
            return False
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters.append((self._last_id, waiter))
        try:
            async with asyncio.timeout(self._patience.settle_s):
                return await waiter
        except TimeoutError:
            return False

    def problem(self) -> str | None:
        """The health probe: why the last write failed, or None when the database works."""
        return self._problem

    async def run(self) -> None:
        """Store events as they come. Runs until cancelled; belongs to the node's task group."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue or self._spilled:
                if not await self._store_next():
                    await self._spill_excess()
                    pauses = self._patience.pauses_s
                    await self._sleep(pauses[min(self._failures, len(pauses)) - 1])

    async def close(self) -> None:
        """Store what is left, with one try: a stopping node doesn't wait for a dead database."""
        while self._queue and self._problem is None and await self._store_next():
            pass
        if self._queue and not await self._spill(len(self._queue)):
            self._lose(len(self._queue), "the node stops")
        self._settle(False)
        self._metrics.journal_unsaved.set(len(self._queue))

    # ---- inside

    async def _store_next(self) -> bool:
        """One batch; False when the database fails. What is being stored leaves memory only afterwards."""
        if self._spilled:
            await self._restore()
            if self._problem is not None:
                return False
        batch = list(itertools.islice(self._queue, self._patience.batch))
        began_at, self._oldest_at = self._oldest_at, None
        point("journal.writing")
        try:
            refused = await self._write(batch)
        except StorageError:
            self._oldest_at = began_at
            self._settle(False)
            return False
        for _ in batch:
            self._queue.popleft()
        if refused:
            await self._keep_refused(refused)
            self._settle(False)
        if batch:
            self._durable_id = batch[-1].id
        if self._queue and self._oldest_at is None:
            self._oldest_at = began_at
        point("journal.settling")
        self._settle(True)
        self._metrics.journal_unsaved.set(len(self._queue))
        if began_at is not None:
            self._metrics.journal_write.observe(self._now() - began_at)
        return True

    async def _write(self, batch: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        """Store the batch; returns what the database refuses. Raises StorageError when it doesn't work."""
        try:
            async with asyncio.timeout(self._patience.try_s):
                todo = await self._store.missing(batch) if self._unsure else batch
                self._unsure = True
                await self._store.write(todo)
        except StorageRefused as error:
            return await self._write_singly(batch, error.reason)
        except TimeoutError as error:
            self._failed(len(batch), f"the database didn't answer within {self._patience.try_s:.0f} s")
            raise StorageError("write", str(self._problem)) from error
        except StorageError as error:
            self._failed(len(batch), str(error))
            raise
        except Exception as error:
            log.exception("journal_fault")
            return await self._write_singly(batch, str(error))
        self._succeeded()
        return ()

    async def _write_singly(self, batch: Sequence[StoredEvent], reason: str) -> Sequence[StoredEvent]:
        """One of them is what the database refuses; the others needn't suffer for it."""
        if len(batch) > 1:
            return [refused for event in batch for refused in await self._write([event])]
        self._count_failure(1, reason)
        self._succeeded()
        return batch

    def _succeeded(self) -> None:
        self._unsure = False
        self._failures = 0
        if self._problem is not None:
            self._problem = None
            log.info("journal_stored_again")

    def _failed(self, events: int, reason: str) -> None:
        self._problem = reason
        self._failures += 1
        self._count_failure(events, reason)

    def _count_failure(self, events: int, reason: str) -> None:
        self._metrics.storage_failed("write")
        log.warning("journal_not_stored", events=events, reason=reason)

    def _settle(self, durable: bool) -> None:
        """Tell those whose events are stored; or, of a failure, everybody who waits."""
        waiting: list[tuple[int, asyncio.Future[bool]]] = []
        for target, waiter in self._waiters:
            if waiter.done():
                continue
            if durable and target > self._durable_id:
                waiting.append((target, waiter))
            else:
                waiter.set_result(durable)
        self._waiters = waiting

    # ---- the file

    async def _spill_excess(self) -> None:
        """When memory is full, the older half goes into the file."""
        if len(self._queue) > self._patience.memory:
            await self._spill(len(self._queue) - self._patience.memory // 2)
        self._lose(len(self._queue) - self._patience.limit, "neither the database nor the file takes it")

    async def _spill(self, count: int) -> bool:
        """The oldest events go into the file. False when it doesn't take them; they stay."""
        events = list(itertools.islice(self._queue, count))
        try:
            await asyncio.to_thread(self._unsaved.append, events)
        except OSError as error:
            self._metrics.storage_failed("spill")
            log.warning("journal_not_spilled", events=count, reason=str(error))
            return False
        for _ in events:
            self._queue.popleft()
        self._spilled = True
        log.warning("journal_spilled", events=count, file=str(self._unsaved.path))
        return True

    def _lose(self, count: int, reason: str) -> None:
        for _ in range(count):  # in full, numbers too: nothing else has it any more
            log.error("journal_event_lost", reason=reason, record=event_to_json(self._queue.popleft()))

    async def _keep_refused(self, events: Sequence[StoredEvent]) -> None:
        """What the database refuses is kept for a person; trying again would change nothing."""
        for event in events:
            log.error("journal_event_refused", kind=event.event.kind.value, id=event.id)
        try:
            await asyncio.to_thread(self._unsaved.append, events)
        except OSError as error:
            self._metrics.storage_failed("spill")
            for event in events:
                log.error("journal_event_lost", reason=str(error), record=event_to_json(event))  # noqa: TRY400

    async def _restore(self) -> None:
        """Store what an earlier failure left in the file; what is refused again stays there."""
        try:
            contents = await asyncio.to_thread(self._unsaved.read)
            events = tuple({(event.node, event.id): event for event in contents.records}.values())
            refused: list[StoredEvent] = []
            size = self._patience.batch
            for first in range(0, len(events), size):
                self._unsure = True  # the node may have died between the commit and the clearing
                refused += await self._write(events[first : first + size])
            keep = (*contents.unreadable, *map(event_to_json, refused))
            await asyncio.to_thread(self._unsaved.clear, keep)
        except StorageError:
            return  # counted and logged; the file is as it was
        except OSError as error:
            # Better out of order, and in the database, than waiting behind a file that can't be read.
            self._metrics.storage_failed("restore")
            log.warning("unsaved_events_not_restored", file=str(self._unsaved.path), reason=str(error))
            self._spilled = False
            return
        self._spilled = False
        own = [event.id for event in events if event.node == self._node]
        self._durable_id = max((self._durable_id, *own))
        if keep:
            log.error("unsaved_events_left", file=str(self._unsaved.path), lines=len(keep))
        if stored := len(events) - len(refused):
            log.info("unsaved_events_restored", events=stored)
