"""Calling hours over time zones and changes of the clock, beside a clock that looks at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.callbacks.policy import CallbackPolicy, DialOutcome
from gateway.callbacks.scheduler import CallingHours, Span, earliest, may_call

# Half hours, three quarters, a date line, half an hour of summer time, and changes in both directions.
ZONES: Final = (
    "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Pacific/Chatham", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Asia/Tokyo",
)  # fmt: skip
MINUTE: Final = timedelta(minutes=1)

moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001  # made aware here
    lambda naive: naive.replace(tzinfo=UTC, second=0, microsecond=0)
)
# The weekends on which clocks change are where mistakes live.
changes = st.sampled_from(
    [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC),
     datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)]
).flatmap(lambda day: st.integers(-1440, 2880).map(lambda minutes: day + minutes * MINUTE))  # fmt: skip


@st.composite
def hours(draw: st.DrawFn) -> CallingHours:
    spans: list[Span] = []
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, 1438))
        spans.append((start, draw(st.integers(start + 1, 1440))))
    return CallingHours(tuple(spans))


@given(moments | changes, st.sampled_from(ZONES), hours())
def test_the_first_moment_is_within_the_hours_and_none_before_it_is(
    at: datetime, zone: str, calling: CallingHours
) -> None:
    found = earliest(at, (zone,), calling)

    assert found >= at
    assert calling.allow(found.astimezone(ZoneInfo(zone)))
    assert found - at <= timedelta(days=2)
    earlier = at
    while earlier < found:
        assert not calling.allow(earlier.astimezone(ZoneInfo(zone)))
        earlier += MINUTE


@given(moments | changes, st.lists(st.sampled_from(ZONES), min_size=2, max_size=3, unique=True), hours())
def test_of_several_zones_all_or_the_first_are_within_the_hours(
    at: datetime, zones: list[str], calling: CallingHours
) -> None:
    found = earliest(at, zones, calling)

    assert found >= at
    assert may_call(found, zones[:1], calling)
    if not may_call(found, zones, calling):  # then there is no common hour in two days
        later = at
        while later < at + timedelta(days=2):
            assert not may_call(later, zones, calling)
            later += 7 * MINUTE


@given(
    st.floats(1.75e9, 1.83e9),
    st.sampled_from(list(DialOutcome)),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from(ZONES),
    hours(),
)
def test_tries_end_and_each_comes_after_its_pause_at_a_time_to_call(
    now: float, outcome: DialOutcome, attempt: int, attempts: int, zone: str, calling: CallingHours
) -> None:
    policy = CallbackPolicy(attempts=attempts, hours=calling)

    at = policy.next_try(outcome, attempt, (zone,), now)

    if attempt >= attempts or outcome is DialOutcome.ANSWERED:
        assert at is None
    else:
        assert at is not None
        assert at >= now + policy.gaps_s[outcome]
        assert calling.allow(datetime.fromtimestamp(at, ZoneInfo(zone)))
