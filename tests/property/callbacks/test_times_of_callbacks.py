"""When callbacks are made, by two clocks of which one is set at random, over time zones and summer times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.callbacks.numbers import CallableNumber
from gateway.callbacks.policy import CallbackPolicy
from gateway.callbacks.request import Callback
from gateway.callbacks.scheduler import CallingHours, slot_at, slots
from gateway.dialplan.prompts import ActivePlan
from gateway.switch.callback_book import CallbackBook
from gateway.switch.callback_times import CallbackTimes
from tests.property.callbacks.test_calling_hours import MINUTE, ZONES, changes, hours, moments


class TwoClocks:
    """The wall's, which anybody can set, and the engine's, which only goes on."""

    def __init__(self, at: datetime) -> None:
        self.engine_s = at.timestamp()
        self.ahead_s = 0.0

    def now(self) -> float:
        return self.engine_s

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.engine_s + self.ahead_s, UTC)


def no_plan() -> ActivePlan:
    raise AssertionError("no slots are asked for")


@given(
    moments | changes,
    st.sampled_from(ZONES),
    hours(),
    st.none() | st.integers(-120, 3 * 1440),
    st.floats(0.0, 7200.0),
    st.sampled_from((0, 3600, -3600, 86_400)),
)
def test_nobody_is_called_before_the_time_they_chose_or_at_night_whatever_becomes_of_the_clock(
    at: datetime,
    zone: str,
    calling: CallingHours,
    chosen_in: int | None,
    pause_s: float,
    jump_s: int,
) -> None:
    clock = TwoClocks(at)
    policy = CallbackPolicy(hours=calling)
    times = CallbackTimes(CallbackBook(), clock, clock.now, no_plan, dict, lambda _queue: policy)
    chosen = None if chosen_in is None else at.timestamp() + chosen_in * 60
    number = CallableNumber("+4930123456", ("+4930123456",), (zone,))
    callback = Callback("e1", "q", number, clock.now(), "k1", not_before=chosen)
    clock.ahead_s = jump_s

    due = times.due(callback, clock.now() + pause_s)
    wall = datetime.fromtimestamp(due + clock.ahead_s, UTC)

    assert due >= clock.now() + pause_s - 0.001, "the pause is on the clock that goes on"
    assert chosen is None or wall.timestamp() >= chosen - 0.001, "the time chosen is on the wall's"
    assert calling.allow(wall.astimezone(ZoneInfo(zone)))
    clock.engine_s = due
    assert times.may_call_now(callback)


LENGTHS: Final = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1))


@given(moments | changes, st.sampled_from(ZONES), hours(), st.sampled_from(LENGTHS), st.integers(1, 3))
def test_slots_are_whole_open_apart_and_stay_where_they_are(
    at: datetime,
    zone: str,
    opening: CallingHours,
    length: timedelta,
    days: int,
) -> None:
    def is_open(moment: datetime) -> bool:
        return bool(opening.allow(moment.astimezone(ZoneInfo(zone))))

    def found(now: datetime) -> list[datetime]:
        offered = slots(now, length=length, capacity=2, days=days, is_open=is_open, taken={})
        return [slot.start for slot in offered]

    starts = found(at)

    assert starts == sorted(set(starts))
    for start in starts:
        assert at <= start < at + timedelta(days=days)
        assert slot_at(start + length / 3, length) == start
        minute = start
        while minute < start + length:
            assert is_open(minute), "a slot in which nobody is there"
            minute += MINUTE
    later = found(at + length)
    assert [start for start in starts if start >= at + length] == [
        start for start in later if start < at + timedelta(days=days)
    ], "a slot that moves while somebody thinks about it"
