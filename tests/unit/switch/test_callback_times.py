"""Which times can be asked for."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.callbacks.policy import CallbackPolicy, Slots
from gateway.dialplan.calendars import Calendar
from gateway.dialplan.places import Position
from gateway.switch.callback_times import MOST_AHEAD_S, can_be_called, slots_of, start_of

MONDAY = datetime(2026, 6, 1, 9, 10, tzinfo=UTC)
NOW = MONDAY.timestamp()
OFFICE = Calendar("office", Position("", 1, 1), "UTC", dict.fromkeys(range(5), ((9 * 60, 10 * 60),)))
HALVES = Slots("office", capacity=1, days=1)


def test_a_time_is_ahead_but_not_too_far_and_within_the_customers_hours() -> None:
    berlin, policy = ("Europe/Berlin",), CallbackPolicy()

    assert can_be_called(NOW, NOW, berlin, policy)
    assert can_be_called(NOW - 5.0, NOW, berlin, policy)
    assert not can_be_called(NOW - 3600.0, NOW, berlin, policy)
    assert not can_be_called(NOW + 2 * MOST_AHEAD_S, NOW, berlin, policy)
    assert not can_be_called(NOW + 12 * 3600.0, NOW, berlin, policy)


def test_slots_follow_the_calendar_what_is_taken_and_somebodys_word() -> None:
    start = start_of(HALVES, NOW + 1800.0)
    found = slots_of(HALVES, OFFICE, {}, {}, MONDAY)

    assert [slot.start.timestamp() for slot in found] == [start, start + 23.5 * 3600.0]
    assert [slot.free for slot in slots_of(HALVES, OFFICE, {}, {start: 1}, MONDAY)] == [1]
    assert slots_of(HALVES, OFFICE, {"office": "closed"}, {}, MONDAY) == ()
    assert slots_of(HALVES, None, {}, {}, MONDAY) == ()
