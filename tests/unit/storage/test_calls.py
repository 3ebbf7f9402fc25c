"""Call records go into the database and come back as they were."""

from __future__ import annotations

from datetime import timedelta, timezone

from gateway.call.cdr import CallResult
from gateway.storage.calls import CallStore
from tests.unit.storage.builders import ANSWERED, NOON, record


async def test_a_record_comes_back_as_it_was(store: CallStore) -> None:
    await store.write(ANSWERED)

    assert await store.get("call-1") == (ANSWERED,)


async def test_a_call_that_was_never_answered_has_no_quality_and_no_duration(store: CallStore) -> None:
    missed = record(answered_at=None, quality=None, sip_status=None, result=CallResult.CANCELLED, path=())
    await store.write(missed)

    (read,) = await store.get("call-1")

    assert read == missed
    assert read.duration_s == 0.0


async def test_writing_a_record_again_changes_nothing(store: CallStore) -> None:
    await store.write(ANSWERED)
    await store.write(ANSWERED, record(2))

    assert [read.leg_id for read in await store.list()] == ["leg-2", "leg-1"]


async def test_a_call_that_is_not_known_has_no_legs(store: CallStore) -> None:
    assert await store.get("nobody") == ()


async def test_the_legs_of_a_call_come_oldest_first(store: CallStore) -> None:
    await store.write(record(2, call_id="call"), record(1, call_id="call"))

    assert [leg.leg_id for leg in await store.get("call")] == ["leg-1", "leg-2"]


async def test_pages_follow_one_another_even_among_calls_of_the_same_moment(store: CallStore) -> None:
    await store.write(*(record(number, started_at=NOON) for number in range(1, 6)))

    first = await store.list(2)
    second = await store.list(2, before=first[-1])
    third = await store.list(2, before=second[-1])

    assert [read.leg_id for read in (*first, *second, *third)] == [
        "leg-5",
        "leg-4",
        "leg-3",
        "leg-2",
        "leg-1",
    ]


async def test_times_of_any_zone_are_kept_as_utc(store: CallStore) -> None:
    tokyo = timezone(timedelta(hours=9))
    await store.write(record(started_at=NOON.astimezone(tokyo)))

    (read,) = await store.list()

    assert read.started_at == NOON
    assert read.started_at.utcoffset() == timedelta(0)


async def test_what_the_network_sent_is_made_fit_for_the_column(store: CallStore) -> None:
    await store.write(record(ani="x" * 300, dnis="1\x0000\udc80"))

    (read,) = await store.list()

    assert read.ani == "x" * 255
    assert read.dnis == "1\ufffd00?"


async def test_writing_nothing_is_allowed(store: CallStore) -> None:
    await store.write()

    assert await store.list() == ()
