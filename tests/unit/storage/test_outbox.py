"""The outbox: nothing lost between two nodes, nothing sent by both at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent
from gateway.storage.database import Database, StorageError
from gateway.storage.journal_store import JournalStore
from gateway.storage.outbox import OutboxStore
from gateway.storage.unsaved import UnsavedEvents
from gateway.webhooks.events import Delivery

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=30)


def delivery(message: str = "m1", endpoint: str = "crm") -> Delivery:
    return Delivery(message, endpoint, "call.ended", AT, '{"id":"' + message + '"}')


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.open(SecretStr(f"sqlite:///{tmp_path / 'ringback.db'}"))
    await database.upgrade()
    yield database
    await database.close()


@pytest.fixture
def outbox(database: Database) -> OutboxStore:
    return OutboxStore(database, "n1")


async def test_what_one_node_has_claimed_another_takes_when_the_claim_has_run_out(
    database: Database, outbox: OutboxStore
) -> None:
    other = OutboxStore(database, "n2")
    await outbox.add([delivery("m1"), delivery("m2"), delivery("m3", "desk")])

    [mine] = await outbox.claim("crm", AT, LATER, 1)
    theirs = await other.claim("crm", AT, LATER, 9)
    nothing = await other.claim("crm", AT, LATER, 9)
    again = await other.claim("crm", LATER, LATER + timedelta(seconds=30), 9)

    assert mine.tries == 0
    assert [mine.delivery.message, *(one.delivery.message for one in theirs)] in (["m1", "m2"], ["m2", "m1"])
    assert nothing == []
    assert {one.delivery.message for one in again} == {"m1", "m2"}


async def test_a_node_that_starts_again_takes_back_its_own_claims_alone(
    database: Database, outbox: OutboxStore
) -> None:
    await outbox.add([delivery("m1"), delivery("m2")])
    await outbox.claim("crm", AT, LATER, 1)
    await OutboxStore(database, "n2").claim("crm", AT, LATER, 1)

    await outbox.release()

    assert len(await outbox.claim("crm", AT, LATER, 9)) == 1


async def test_a_failure_waits_a_burial_is_listed_and_a_replay_begins_anew(outbox: OutboxStore) -> None:
    await outbox.add([delivery("m1")])
    [claimed] = await outbox.claim("crm", AT, LATER, 1)
    await outbox.put_off(claimed.id, LATER, 503, "the answer was 503")
    early = await outbox.claim("crm", AT, LATER, 1)
    [retried] = await outbox.claim("crm", LATER, LATER + timedelta(seconds=30), 1)
    await outbox.bury(retried.id, LATER, 500, "the answer was 500")
    [dead] = await outbox.list(state="dead")
    replayed = await outbox.replay(LATER, endpoint="crm")
    [anew] = await outbox.claim("crm", LATER, LATER + timedelta(seconds=30), 1)
    await outbox.delivered(anew.id, LATER, 204)

    assert early == []
    assert (retried.tries, anew.tries) == (1, 0)
    assert (dead.tries, dead.status, dead.error) == (2, 500, "the answer was 500")
    assert replayed == 1
    assert anew.delivery == delivery("m1")
    assert await outbox.counts("crm") == {"pending": 0, "delivered": 1, "dead": 0}
    assert await outbox.forget(LATER, LATER + timedelta(days=1)) == 0
    assert await outbox.forget(LATER + timedelta(days=1), LATER) == 1


async def test_the_backlog_says_how_old_and_when_next(outbox: OutboxStore) -> None:
    assert (await outbox.backlog("crm")).pending == 0
    await outbox.add([delivery("m1"), delivery("m2")])
    [claimed] = await outbox.claim("crm", AT, LATER, 1)
    await outbox.put_off(claimed.id, LATER, None, "")

    found = await outbox.backlog("crm")

    assert (found.pending, found.oldest_at, found.next_at) == (2, AT, AT)


async def test_what_waits_for_an_endpoint_that_is_gone_is_given_up(outbox: OutboxStore) -> None:
    await outbox.add([delivery("m1", "crm"), delivery("m2", "old")])

    early = await outbox.bury_strays(["crm"], LATER, AT, "nobody has it")
    late = await outbox.bury_strays(["crm"], LATER, LATER, "nobody has it")

    assert (early, late) == (0, 1)
    assert [one.delivery.message for one in await outbox.list(state="dead")] == ["m2"]


async def test_another_url_is_another_endpoint(outbox: OutboxStore) -> None:
    await outbox.disable("crm", "https://old.example/", AT)

    assert await outbox.disabled("crm", "https://old.example/")
    assert not await outbox.disabled("crm", "https://new.example/")
    await outbox.enable("crm")
    assert not await outbox.disabled("crm", "https://old.example/")


async def test_what_is_told_of_an_event_is_stored_with_it_or_not_at_all(
    database: Database, outbox: OutboxStore, tmp_path: Path
) -> None:
    woken: list[bool] = []
    store = JournalStore(database, "n1", lambda: woken.append(True))
    event = JournalEvent(AT, JournalKind.CONNECTED, "q", "e1", details={}, deliveries=(delivery(),))
    await store.write([StoredEvent("n1", 1, event)])
    with pytest.raises(StorageError):
        await store.write([StoredEvent("n1", 1, event)])  # that number is taken

    unsaved = UnsavedEvents(tmp_path / "unsaved.jsonl")
    unsaved.append([StoredEvent("n1", 2, event)])

    assert woken == [True]
    assert len(await outbox.list()) == 1
    assert unsaved.read().records[0].event.deliveries == (delivery(),)
