"""A process that promises: callers join, change and leave, and each is told (on stdout) once it is on disk.

    python tests/integration/storage/promising.py DATABASE_URL UNSAVED_FILE CALLERS

Runs until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from gateway.queues.journal import JournalEvent, JournalKind
from gateway.storage.database import Database
from gateway.storage.journal import JournalWriter
from gateway.storage.journal_store import JournalStore
from gateway.storage.unsaved import UnsavedEvents
from monitoring.metrics import Metrics

LIFE = (
    JournalKind.JOINED,
    JournalKind.OFFERED,
    JournalKind.RETURNED,
    JournalKind.CALLBACK_REQUESTED,
    JournalKind.CALLBACK_DIALLED,
    JournalKind.LEFT,
)


async def call(writer: JournalWriter, numbers: Iterator[int]) -> None:
    """One caller after the other."""
    while True:
        entry = f"entry-{next(numbers)}"
        for kind in LIFE:
            writer.append([JournalEvent(datetime.now(UTC), kind, queue="support", entry=entry)])
            if await writer.settled():
                sys.stdout.write(f"{entry} {kind.value}\n")
                sys.stdout.flush()


async def main(url: str, unsaved: str, callers: str) -> None:
    database = Database.open(SecretStr(url), durable=True)
    await database.upgrade()
    store = JournalStore(database, "node")
    writer = await JournalWriter.open(store, UnsavedEvents(Path(unsaved)), Metrics(), "node")
    numbers = itertools.count(await store.last_id())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        for _ in range(int(callers)):
            tasks.create_task(call(writer, numbers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
