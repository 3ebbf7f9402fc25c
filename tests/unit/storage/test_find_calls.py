"""Finished calls, found by what they were."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.call.cdr import CallResult
from gateway.storage.calls import CallFilter, CallMark, CallStore
from gateway.storage.database import Database
from tests.unit.storage.builders import NOON, record

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def store(database: Database) -> CallStore:
    store = CallStore(database)
    await store.write(
        record(1),
        record(2, ani="+4930", result=CallResult.REJECTED),
        record(3, dnis="+4930", direction="outbound"),
        record(4, attributes={"agent": "ann"}),
    )
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), [4, 3, 2, 1]),
        (CallFilter(number="+4930"), [3, 2]),
        (CallFilter(number="+493"), []),
        (CallFilter(direction="outbound"), [3]),
        (CallFilter(result=CallResult.REJECTED), [2]),
        (CallFilter(since=NOON + 2 * MINUTE), [4, 3, 2]),
        (CallFilter(until=NOON + 2 * MINUTE), [1]),
        (CallFilter(number="+4930", direction="inbound"), [2]),
        (CallFilter(agent="ann"), [4]),
        (CallFilter(agent="an"), []),
    ],
    ids=str,
)
async def test_calls_are_found_by_what_they_were(
    store: CallStore, wanted: CallFilter, found: list[int]
) -> None:
    records = await store.find(wanted, 10)

    assert [record.call_id for record in records] == [f"call-{number}" for number in found]


async def test_the_next_page_begins_after_the_last_one(store: CallStore) -> None:
    first = await store.find(CallFilter(), 3)
    last = first[-1]

    second = await store.find(CallFilter(), 3, after=CallMark(last.started_at, last.leg_id))

    assert [record.call_id for record in (*first, *second)] == ["call-4", "call-3", "call-2", "call-1"]
