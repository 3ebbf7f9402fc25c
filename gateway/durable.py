"""The parts of a node that keep what was promised: its name, the journal, and what the last run left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.config import Settings
from gateway.errors import StartupError
from gateway.parts import background
from gateway.storage.database import Database, StorageError
from gateway.storage.journal import JournalWriter
from gateway.storage.journal_store import JournalStore
from gateway.storage.lease import NodeLease
from gateway.storage.unsaved import UnsavedEvents
from gateway.switch.restoring import Remains
from monitoring.health import Health
from monitoring.metrics import Metrics


@dataclass(frozen=True, slots=True)
class OpenJournal:
    """The journal of a node: where it is written, where it is read, and what it left open.

    `lost`: set when another process has taken the node's name.
    """

    writer: JournalWriter
    store: JournalStore
    remains: Remains
    lost: asyncio.Event


@asynccontextmanager
async def journal(settings: Settings, metrics: Metrics, health: Health) -> AsyncIterator[OpenJournal]:
    """The journal, on connections of its own that wait for the disk; after `call_log` made the tables."""
    database = Database.open(settings.database_url, durable=True)
    try:
        node = settings.node.name
        lease = NodeLease(database, node)
        died_at = await _take(lease)
        health.register("node_name", lease.problem)
        async with background(lease.run()):
            unsaved = UnsavedEvents(settings.data_dir / "unsaved-journal.jsonl")
            store = JournalStore(database, node)
            writer = await JournalWriter.open(store, unsaved, metrics, node)
            health.register("journal", writer.problem)
            remains = Remains(
                await store.open_entries(await lease.neighbours()), await store.presences(), died_at
            )
            try:
                async with background(writer.run()):
                    yield OpenJournal(writer, store, remains, lease.lost)
            finally:
                await writer.close()
        await lease.release()
    finally:
        await database.close()


async def _take(lease: NodeLease) -> float | None:
    try:
        seen_at = await lease.take()
    except StorageError as error:
        raise StartupError(str(error)) from error
    return None if seen_at is None else seen_at.timestamp()
