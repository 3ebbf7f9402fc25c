"""When a try that failed is repeated, and how often somebody may ask."""

from __future__ import annotations

import pytest

from gateway.callbacks.policy import DAY_S, CallbackPolicy, DialFirst, DialOutcome, RateLimits
from gateway.callbacks.scheduler import CallingHours

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
ALWAYS = CallbackPolicy(hours=CallingHours())


@pytest.mark.parametrize(
    ("outcome", "gap_s"),
    [(DialOutcome.BUSY, 120.0), (DialOutcome.NO_ANSWER, 600.0), (DialOutcome.MACHINE, 1800.0)],
)
def test_the_pause_before_the_next_try_goes_by_how_the_last_one_came_out(
    outcome: DialOutcome, gap_s: float
) -> None:
    assert ALWAYS.next_try(outcome, 1, (), NOON) == NOON + gap_s


def test_after_the_last_try_there_is_none() -> None:
    assert ALWAYS.next_try(DialOutcome.BUSY, 2, (), NOON) is not None
    assert ALWAYS.next_try(DialOutcome.BUSY, 3, (), NOON) is None
    assert ALWAYS.next_try(DialOutcome.ANSWERED, 1, (), NOON) is None


def test_a_pause_that_the_plan_leaves_out_is_ours() -> None:
    policy = CallbackPolicy(hours=CallingHours(), gaps_s={DialOutcome.BUSY: 7.0})

    assert policy.next_try(DialOutcome.BUSY, 1, (), NOON) == NOON + 7.0
    assert policy.next_try(DialOutcome.UNREACHABLE, 1, (), NOON) == NOON + 60.0


def test_the_next_try_waits_for_the_morning_where_the_customer_is() -> None:
    # 12:10 in London is 21:10 in Tokyo: tomorrow at 8 there, 23:00 UTC.
    at = CallbackPolicy().next_try(DialOutcome.NO_ANSWER, 1, ("Asia/Tokyo",), NOON)

    assert at == NOON + 11 * 3600.0


def test_only_who_dials_the_customer_first_reserves_agents_for_longer() -> None:
    assert CallbackPolicy().reach_s == 0.0
    assert CallbackPolicy(first=DialFirst.CUSTOMER, ring_s=20.0, answer_s=10.0).reach_s >= 30.0


def test_more_than_the_limit_within_a_day_is_refused() -> None:
    limits = RateLimits()
    for at in (0.0, 1.0):
        assert limits.allows("ann", 2, at)
        limits.count("ann", at)

    assert not limits.allows("ann", 2, 2.0)
    assert limits.allows("ben", 2, 2.0)
    assert limits.allows("ann", 0, 2.0)
    assert limits.allows("ann", 2, DAY_S + 0.5)


def test_who_cant_be_told_apart_isnt_limited() -> None:
    limits = RateLimits()
    limits.count("", 0.0)

    assert limits.allows("", 1, 0.0)


def test_keys_without_a_recent_request_are_forgotten() -> None:
    limits = RateLimits()
    for number in range(1023):
        limits.count(f"old-{number}", 0.0)
    limits.count("new", 2 * DAY_S)

    assert len(limits._asked) == 1
