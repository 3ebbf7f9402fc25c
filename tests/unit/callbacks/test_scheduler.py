"""Calling hours and slots at some awkward moments; the property tests look for others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.callbacks.scheduler import DAYTIME, CallingHours, Slot, earliest, slot_at, slots


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_within_the_hours_it_is_now() -> None:
    at = utc("2026-06-01 10:00")

    assert earliest(at, ("Europe/Berlin",), DAYTIME) == at
    assert earliest(at, (), DAYTIME) == at


def test_after_hours_it_is_the_next_morning_on_the_customers_clock() -> None:
    assert earliest(utc("2026-06-01 20:00"), ("Europe/Berlin",), DAYTIME) == utc("2026-06-02 06:00")
    assert earliest(utc("2026-12-01 20:30"), ("Europe/Berlin",), DAYTIME) == utc("2026-12-02 07:00")


def test_of_several_zones_all_have_to_be_awake() -> None:
    # 8:00 in Los Angeles is 11:00 in New York.
    zones = ("America/New_York", "America/Los_Angeles")

    assert earliest(utc("2026-06-01 09:00"), zones, DAYTIME) == utc("2026-06-01 15:00")


def test_zones_that_never_share_an_hour_go_by_the_first() -> None:
    zones, hours = ("Pacific/Auckland", "Europe/London"), CallingHours(((9 * 60, 10 * 60),))

    assert earliest(utc("2026-06-01 12:00"), zones, hours) == utc("2026-06-01 21:00")


def test_an_hour_that_the_clock_skips_begins_when_it_has_been_put_forward() -> None:
    # On 29 March 2026 Berlin goes from 2:00 to 3:00, at 1:00 UTC.
    hours = CallingHours(((2 * 60 + 30, 4 * 60),))
    skipped = CallingHours(((2 * 60 + 10, 2 * 60 + 50),))

    assert earliest(utc("2026-03-29 00:00"), ("Europe/Berlin",), hours) == utc("2026-03-29 01:00")
    assert earliest(utc("2026-03-29 00:00"), ("Europe/Berlin",), skipped) == utc("2026-03-30 00:10")


def test_slots_are_whole_ones_within_the_opening_hours_that_arent_full() -> None:
    def is_open(at: datetime) -> bool:
        return 9 <= at.hour < 10 or (at.hour == 10 and at.minute < 45)

    found = list(
        slots(
            utc("2026-06-01 09:10"),
            length=timedelta(minutes=30),
            capacity=2,
            days=1,
            is_open=is_open,
            taken={utc("2026-06-01 09:30"): 2, utc("2026-06-01 10:00"): 1},
        )
    )

    assert found == [
        Slot(utc("2026-06-01 10:00"), utc("2026-06-01 10:30"), 1),
        Slot(utc("2026-06-02 09:00"), utc("2026-06-02 09:30"), 2),
    ]
    assert slot_at(utc("2026-06-01 10:29"), timedelta(minutes=30)) == utc("2026-06-01 10:00")
