"""Numbers of a pool: never lent twice at a time, the longest rested first, and remembered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from gateway.handoff.content import Content, sealed
from gateway.handoff.desk import Change, Kept, Lending, NoNumberFree, PinTaken
from gateway.storage.database import Database
from gateway.storage.handoffs import HandoffStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POOL = ("5001", "5002", "5003")


async def lend(store: HandoffStore, at: datetime, minutes: int = 15) -> tuple[str, str]:
    """The number, and the envelope it was lent to."""
    until = at + timedelta(hours=1)
    envelope = sealed(Content(), id=uuid4().hex, source="app:bank", now=at, expires_at=until)
    while True:
        try:
            number = await store.add(
                Kept(envelope, "bank", "", until),
                pin=None,
                pin_until=None,
                change=Change(at, "app:bank", "handed_over"),
                lending=Lending(POOL, at + timedelta(minutes=minutes)),
            )
        except PinTaken:  # another was faster with this number
            continue
        return number, envelope.id


async def test_each_is_lent_once_even_when_all_ask_at_once(database: Database) -> None:
    one, other = HandoffStore(database), HandoffStore(database)
    lent = await asyncio.gather(lend(one, NOW), lend(other, NOW), lend(one, NOW))

    assert {number for number, _ in lent} == set(POOL)
    with pytest.raises(NoNumberFree):
        await lend(other, NOW)
    for number, handoff in lent:
        found = await other.borrower_of(number, NOW + timedelta(minutes=14))
        assert found is not None
        assert found.envelope.id == handoff


async def test_a_number_is_nobody_s_after_its_time_and_rests_as_long_as_can_be(database: Database) -> None:
    store = HandoffStore(database)
    first, _ = await lend(store, NOW, minutes=5)
    second, _ = await lend(store, NOW, minutes=1)
    third, _ = await lend(store, NOW, minutes=9)
    later = NOW + timedelta(minutes=10)

    assert await store.borrower_of(first, later) is None
    assert [(await lend(store, later))[0] for _ in POOL] == [second, first, third]


async def test_a_token_is_used_once_by_whichever_node(database: Database) -> None:
    one, other = HandoffStore(database), HandoffStore(database)
    until = NOW + timedelta(minutes=5)

    assert await one.use_token("t-1", until, NOW)
    assert not await other.use_token("t-1", until, NOW)
    assert await other.use_token("t-1", until + timedelta(hours=1), until + timedelta(seconds=1))
