"""The parts of a node that keep what was promised: its name, the journal, what the last run left, and what
others are still to be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.errors import StartupError
from gateway.parts import background
from gateway.storage.database import Database, StorageError
from gateway.storage.journal import JournalWriter
from gateway.storage.journal_store import JournalStore
from gateway.storage.lease import NodeLease
from gateway.storage.outbox import OutboxStore
from gateway.storage.unsaved import UnsavedEvents
from gateway.switch.restoring import Remains
from gateway.webhooks.addresses import networks
from gateway.webhooks.backoff import Backoff
from gateway.webhooks.courier import Courier, CourierRules
from gateway.webhooks.events import Subscription, Subscriptions
from gateway.webhooks.sending import Endpoint, Sender
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
async def journal(
    settings: Settings, metrics: Metrics, health: Health, delivering: Callable[[], None]
) -> AsyncIterator[OpenJournal]:
    """The journal, on connections of its own that wait for the disk; after `call_log` made the tables.

    `delivering`: called when something new for webhooks is stored.
    """
    database = Database.open(settings.database_url, durable=True)
    try:
        node = settings.node.name
        lease = NodeLease(database, node)
        died_at = await _take(lease)
        health.register("node_name", lease.problem)
        async with background(lease.run()):
            unsaved = UnsavedEvents(settings.data_dir / "unsaved-journal.jsonl")
            store = JournalStore(database, node, delivering)
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


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The webhooks of a node: who is told what, where it is kept, and the way to have it sent now."""

    subscriptions: Subscriptions
    outbox: OutboxStore
    wake: Callable[[], None]


@asynccontextmanager
async def webhooks(settings: Settings, metrics: Metrics) -> AsyncIterator[Webhooks]:
    """Messages are delivered as long as the block lasts; after `call_log` made the tables."""
    rules, node = settings.webhooks, settings.node.name
    allowed = networks(rules.allow_networks)
    database = Database.open(settings.database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        outbox = OutboxStore(database, node)
        senders = []
        for one in rules.endpoints:
            endpoint = Endpoint(one.name, one.url, one.keys, one.concurrency)
            sender = await stack.enter_async_context(Sender(endpoint, allowed, rules.timeout_s))
            senders.append((endpoint, sender))
        how = CourierRules(
            Backoff(rules.attempts, rules.first_pause_s, rules.longest_pause_s),
            rules.timeout_s,
            timedelta(days=rules.keep_days),
        )
        courier = Courier(outbox, senders, how, SystemClock(), metrics)
        subscriptions = Subscriptions(
            [Subscription(one.name, one.events, one.personal) for one in rules.endpoints], node
        )
        await stack.enter_async_context(background(courier.run()))
        yield Webhooks(subscriptions, outbox, courier.wake)


async def _take(lease: NodeLease) -> float | None:
    try:
        seen_at = await lease.take()
    except StorageError as error:
        raise StartupError(str(error)) from error
    return None if seen_at is None else seen_at.timestamp()
