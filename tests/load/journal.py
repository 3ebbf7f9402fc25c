"""What the journal costs: from an event to the disk, events a second, and what a restart reads.

`run` is for `bench`. Beside the figures stands the floor of this disk at this moment: SQLite alone, one row a
commit, synced as the journal is.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from gateway.clock import SteadyEpoch, SystemClock
from gateway.queues.engine import QueueEngine
from gateway.queues.intervals import Interval
from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent
from gateway.queues.open_entries import OpenEntry
from gateway.queues.reports import Figures
from gateway.queues.restart import Resume
from gateway.queues.runner import QueueRunner
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import Leaving
from gateway.storage.database import Database
from gateway.storage.entries import EntryStore
from gateway.storage.journal import JournalWriter
from gateway.storage.journal_store import JournalStore
from gateway.storage.reports import fold
from gateway.storage.unsaved import UnsavedEvents
from gateway.switch.restoring import Remains, restore
from monitoring.metrics import Metrics

CALLERS: Final = (1, 20, 200)
EVENTS_A_CALLER: Final = 50
FLOOR_COMMITS: Final = 300
OPEN_ENTRIES: Final = 10_000
DAY_CALLS: Final = 5_000
DETAILS: Final = {"priority": 0, "skills": {"french": 2}, "language": "en", "ani": "+442071234567"}


@dataclass(frozen=True, slots=True)
class Durability:
    """`callers` at a time, each going on when its event is on disk. `ratio`: p50 to the floor's."""

    callers: int
    events: int
    events_a_second: float
    p50_ms: float
    p99_ms: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Reading:
    what: str
    rows: int
    seconds: float


async def run(directory: Path, console: Console) -> list[dict[str, Any]]:
    floor = await asyncio.to_thread(_floor, directory / "floor.db")
    found = [floor, *[await _durability(directory, callers, floor) for callers in CALLERS]]
    table = Table(title="An event until it is on disk", title_justify="left")
    for heading in ("callers at a time", "events", "events a second", "p50 ms", "p99 ms", "x floor"):
        table.add_column(heading, justify="right")
    for line in found:
        name = "floor: SQLite, a row a commit" if line is floor else str(line.callers)
        rates = (f"{line.events_a_second:.0f}", f"{line.p50_ms:.2f}", f"{line.p99_ms:.2f}")
        table.add_row(name, str(line.events), *rates, f"{line.ratio:.1f}")
    console.print(table)
    reads = [await _restart(directory), await _report(directory)]
    table = Table(
        "reading", "rows", "seconds", title="What a restart and a report read", title_justify="left"
    )
    for read in reads:
        table.add_row(read.what, str(read.rows), f"{read.seconds:.2f}")
    console.print(table)
    return [*map(asdict, found), *map(asdict, reads)]


def _floor(path: Path) -> Durability:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE journal (id INTEGER PRIMARY KEY, kind TEXT, details TEXT)")
    took, began = [], time.perf_counter()
    for number in range(FLOOR_COMMITS):
        start = time.perf_counter()
        connection.execute("INSERT INTO journal VALUES (?, ?, ?)", (number, "entry.joined", str(DETAILS)))
        took.append(time.perf_counter() - start)
    whole_s = time.perf_counter() - began
    connection.close()
    return _durability_of(0, took, whole_s, None)


async def _durability(directory: Path, callers: int, floor: Durability) -> Durability:
    database = Database.open(SecretStr(f"sqlite:///{directory / f'journal-{callers}.db'}"), durable=True)
    await database.upgrade()
    store = JournalStore(database, "node")
    writer = await JournalWriter.open(store, UnsavedEvents(directory / "unsaved.jsonl"), Metrics(), "node")
    task = asyncio.create_task(writer.run())
    took: list[float] = []

    async def call(number: int) -> None:
        for turn in range(EVENTS_A_CALLER):
            kind = JournalKind.JOINED if turn % 2 == 0 else JournalKind.ABANDONED
            start = time.perf_counter()
            writer.append([_event(datetime.now(UTC), kind, f"entry-{number}-{turn // 2}")])
            if not await writer.settled():
                raise RuntimeError(f"the journal isn't durable: {writer.problem()}")
            took.append(time.perf_counter() - start)

    began = time.perf_counter()
    await asyncio.gather(*(call(number) for number in range(callers)))
    whole_s = time.perf_counter() - began
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.close()
    return _durability_of(callers, took, whole_s, floor)


def _durability_of(callers: int, took: list[float], whole_s: float, floor: Durability | None) -> Durability:
    took.sort()
    p50_ms, p99_ms = took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000
    ratio = 1.0 if floor is None else p50_ms / floor.p50_ms
    return Durability(callers, len(took), len(took) / whole_s, p50_ms, p99_ms, ratio)


async def _restart(directory: Path) -> Reading:
    """A node with many pending callbacks: until all of them are in their places, and that is on disk."""
    url = SecretStr(f"sqlite:///{directory / 'restart.db'}")
    database = Database.open(url, durable=True)
    await database.upgrade()
    start = datetime.now(UTC)
    events = [
        _event(start + timedelta(seconds=number), JournalKind.JOINED, f"entry-{number}", callback=True)
        for number in range(OPEN_ENTRIES)
    ]
    await JournalStore(database, "node").write(
        [StoredEvent("node", at, one) for at, one in enumerate(events, 1)]
    )
    await database.close()

    began = time.perf_counter()
    database = Database.open(url, durable=True)
    await database.upgrade()
    store = JournalStore(database, "node")
    writer = await JournalWriter.open(store, UnsavedEvents(directory / "unsaved.jsonl"), Metrics(), "node")
    remains = Remains(await EntryStore(database, "node").load_open())
    clock = SteadyEpoch(SystemClock(), not_before=remains.latest)
    runner = QueueRunner(QueueEngine(), writer, clock, asyncio.get_running_loop())
    runner.configure([QueueSettings("support")])
    became = restore(remains, runner, _Callbacks(runner))
    writing = asyncio.create_task(writer.run())
    while not await writer.settled():  # gives up after some seconds
        pass
    took_s = time.perf_counter() - began
    runner.close()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await database.close()
    return Reading("callbacks in their places after a restart", became["callbacks"], took_s)


class _Callbacks:
    """Takes callbacks up as the node's desk does, without dialling."""

    def __init__(self, runner: QueueRunner) -> None:
        self._runner = runner

    def number_of(self, entry: OpenEntry) -> str | None:
        return entry.ani  # of a callback it was checked when it was promised

    def resume(self, resume: Resume) -> bool:
        known = {**resume.known, **resume.entry.details}
        return self._runner.enter(resume.enqueue, _Nobody(), resume.entry.id, known) is None


class _Nobody:
    def dismissed(self, reason: Leaving) -> None: ...
    def moved(self, queue: str) -> None: ...


async def _report(directory: Path) -> Reading:
    """A day of calls, by half hours."""
    database = Database.open(SecretStr(f"sqlite:///{directory / 'report.db'}"), durable=True)
    await database.upgrade()
    store = JournalStore(database, "node")
    start = datetime(2026, 1, 5, tzinfo=UTC)
    events = sorted(
        (
            event
            for number in range(DAY_CALLS)
            for event in _life(start + timedelta(seconds=number * 86_000 / DAY_CALLS), f"entry-{number}")
        ),
        key=lambda event: event.at,
    )
    await store.write([StoredEvent("node", at, one) for at, one in enumerate(events, 1)])
    figures = Figures(Interval.HALF_HOUR, since=start)
    began = time.perf_counter()
    end = start + timedelta(days=1)
    await fold(store, figures, start, end, end)
    took_s = time.perf_counter() - began
    await database.close()
    return Reading(f"a report of {DAY_CALLS} calls", len(events), took_s)


def _life(at: datetime, entry: str) -> list[JournalEvent]:
    kinds = (
        JournalKind.JOINED, JournalKind.ANNOUNCED, JournalKind.ANNOUNCED, JournalKind.OFFERED,
        JournalKind.RINGING, JournalKind.ACCEPTED, JournalKind.CONNECTED, JournalKind.FINISHED,
    )  # fmt: skip
    callers = [_event(at + timedelta(seconds=10 * turn), kind, entry) for turn, kind in enumerate(kinds)]
    agents = [
        JournalEvent(
            at + timedelta(seconds=31 + turn), JournalKind.AGENT_STATE, agent="ann", details={"state": one}
        )
        for turn, one in enumerate(("reserved", "ringing", "on_call", "wrap_up", "idle"))
    ]
    return callers + agents


def _event(at: datetime, kind: JournalKind, entry: str, **details: object) -> JournalEvent:
    return JournalEvent(at, kind, "support", entry, entry, "ann", {**DETAILS, **details})
