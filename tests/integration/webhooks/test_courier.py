"""The courier between a real database and real HTTP servers: whom a bad endpoint hurts, where it leads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio
from pydantic import SecretStr

from gateway.clock import SystemClock
from gateway.storage.database import Database
from gateway.storage.outbox import OutboxStore, StoredDelivery
from gateway.webhooks.addresses import networks
from gateway.webhooks.backoff import Backoff
from gateway.webhooks.courier import Courier, CourierRules
from gateway.webhooks.events import Delivery
from gateway.webhooks.sending import Endpoint, Sender
from gateway.webhooks.signing import key_of
from monitoring.metrics import Metrics
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until, until_async
from tests.integration.webhooks.receiver import SECRET, Receiver

MESSAGES = 20
QUICK = CourierRules(Backoff(attempts=3, first_s=0.05, longest_s=0.1), timeout_s=0.5, keep=timedelta(days=1))


@pytest_asyncio.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[OutboxStore]:
    database = Database.open(SecretStr(f"sqlite:///{tmp_path / 'ringback.db'}"))
    await database.upgrade()
    yield OutboxStore(database, "n1")
    await database.close()


@asynccontextmanager
async def courier(outbox: OutboxStore, *allowed: str, **urls: str) -> AsyncIterator[Courier]:
    """Delivers to these, by name."""
    async with AsyncExitStack() as stack:
        senders = []
        for name, url in urls.items():
            endpoint = Endpoint(name, url, lambda: [key_of(SECRET)])
            sender = Sender(endpoint, networks(allowed), QUICK.timeout_s)
            senders.append((endpoint, await stack.enter_async_context(sender)))
        made = Courier(outbox, senders, QUICK, SystemClock(), Metrics())
        task = asyncio.get_running_loop().create_task(made.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def post(outbox: OutboxStore, endpoint: str, count: int = 1) -> None:
    at = datetime.now(UTC)
    bodies = [json.dumps({"type": "call.ended", "data": {"n": number}}) for number in range(count)]
    await outbox.add([
        Delivery(f"{endpoint}-{number}", endpoint, "call.ended", at, body)
        for number, body in enumerate(bodies)
    ])  # fmt: skip


async def dead(outbox: OutboxStore, endpoint: str) -> StoredDelivery:
    async def found() -> list[StoredDelivery]:
        return list(await outbox.list(state="dead", endpoint=endpoint))

    return (await until_async(found, "it is given up", deadline_s=10.0))[0]


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes a request and says nothing until the other side has had enough."""
    while await reader.read(4096):
        pass
    writer.close()


async def test_an_endpoint_that_hangs_holds_nobody_else_up(outbox: OutboxStore) -> None:
    hanging = await asyncio.start_server(_never, LOOPBACK, 0)
    port = hanging.sockets[0].getsockname()[1]
    await post(outbox, "slow", 2)
    await post(outbox, "fast", MESSAGES)
    async with (
        Receiver() as fast,
        courier(outbox, "127.0.0.0/8", slow=f"http://{LOOPBACK}:{port}/", fast=fast.url),
    ):
        await until(lambda: len(fast.received) == MESSAGES, "everything came", deadline_s=10.0)
        counts = await outbox.counts("slow")
        given_up = await dead(outbox, "slow")
    hanging.close()

    assert counts["delivered"] == 0
    assert len({one.message["data"]["n"] for one in fast.received}) == MESSAGES
    assert given_up.error == "no answer within 0.5 s"
    assert given_up.tries == 3


async def test_a_redirect_leads_nowhere(outbox: OutboxStore) -> None:
    async with (
        Receiver() as inside,
        Receiver(status=307, location=inside.url) as crm,
        courier(outbox, "127.0.0.0/8", crm=crm.url),
    ):
        await post(outbox, "crm")
        found = await dead(outbox, "crm")

    assert found.status == 307
    assert inside.received == []


async def test_no_address_inside_the_network_is_called_by_whatever_name(outbox: OutboxStore) -> None:
    async with Receiver() as inside:
        names = {
            "number": f"http://127.0.0.1:{inside.port}/",
            "name": f"http://localhost:{inside.port}/",
            "mapped": f"http://[::ffff:127.0.0.1]:{inside.port}/",
            "metadata": "http://169.254.169.254/latest/meta-data/",
        }
        async with courier(outbox, "10.0.0.0/8", **names):
            for name in names:
                await post(outbox, name)
            found = [await dead(outbox, name) for name in names]

    assert all("no public address" in one.error for one in found)
    assert inside.received == []


async def test_the_connection_goes_to_the_address_that_was_looked_at_under_its_name(
    outbox: OutboxStore,
) -> None:
    async with Receiver() as crm, courier(outbox, "127.0.0.0/8", crm=f"http://localhost:{crm.port}/x"):
        await post(outbox, "crm")
        await until(lambda: crm.received, "it came")

    [received] = crm.received
    assert received.headers["host"] == f"localhost:{crm.port}"
    assert received.genuine
