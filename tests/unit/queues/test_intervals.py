"""Intervals in time zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.queues.intervals import ALWAYS, Interval, Span, span_of

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        (Interval.QUARTER_HOUR, "2026-03-04T10:45", "2026-03-04T11:00"),
        (Interval.HALF_HOUR, "2026-03-04T10:30", "2026-03-04T11:00"),
        (Interval.HOUR, "2026-03-04T10:00", "2026-03-04T11:00"),
        (Interval.DAY, "2026-03-03T23:00", "2026-03-04T23:00"),
        (Interval.WEEK, "2026-03-01T23:00", "2026-03-08T23:00"),
        (Interval.MONTH, "2026-02-28T23:00", "2026-03-31T22:00"),  # summer time begins on the 29th
    ],
)
def test_an_interval_begins_where_the_zones_clock_says(interval: Interval, start: str, end: str) -> None:
    assert span_of(utc("2026-03-04T10:59:59"), interval, BERLIN) == Span(utc(start), utc(end))


def test_a_total_has_one_interval() -> None:
    assert span_of(utc("2026-03-04T10:59"), Interval.TOTAL, BERLIN) is ALWAYS


def test_half_hours_of_a_zone_with_an_odd_offset_begin_at_its_half_hours() -> None:
    nepal = ZoneInfo("Asia/Kathmandu")  # UTC+5:45

    assert span_of(utc("2026-03-04T10:10"), Interval.HALF_HOUR, nepal).start == utc("2026-03-04T09:45")


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", "2026-03-29"),  # 23 hours
        ("Europe/Berlin", "2026-10-25"),  # 25 hours
        ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
        ("Africa/Cairo", "2026-04-24"),  # no midnight
        ("America/Havana", "2026-11-01"),  # two midnights
        ("Pacific/Apia", "2011-12-29"),  # followed by no day at all
    ],
)
@pytest.mark.parametrize("interval", [one for one in Interval if one is not Interval.TOTAL])
def test_intervals_follow_one_another_without_gaps_whatever_the_clocks_do(
    zone: str, day: str, interval: Interval
) -> None:
    at = utc(f"{day}T00:00") - timedelta(hours=14)
    span = span_of(at, interval, ZoneInfo(zone))
    for _ in range(200):
        following = span_of(span.end, interval, ZoneInfo(zone))
        assert following.start == span.end
        assert span.start in span
        assert span.end not in span
        span = following


def test_only_moments_are_in_a_span() -> None:
    assert "noon" not in ALWAYS
