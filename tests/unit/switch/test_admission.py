"""Who is let in."""

from __future__ import annotations

import pytest

from gateway.call.cause import Cause
from gateway.switch.admission import DRAIN_RETRY_AFTER_S, FULL_RETRY_AFTER_S, Admission, Refusal


def test_calls_are_let_in_up_to_the_limit() -> None:
    admission = Admission(2)

    assert [admission.admit(), admission.admit()] == [None, None]
    assert admission.active == 2
    assert admission.admit() is not None


def test_a_full_node_says_503_and_when_to_try_again() -> None:
    admission = Admission(1)
    admission.admit()

    refusal = Refusal("full", Cause.SWITCHING_EQUIPMENT_CONGESTION, FULL_RETRY_AFTER_S)
    assert admission.admit() == refusal


def test_a_full_node_says_486_when_it_is_told_to() -> None:
    admission = Admission(1, full_response=486)
    admission.admit()

    assert admission.admit() == Refusal("full", Cause.USER_BUSY, None)


def test_a_call_that_leaves_makes_room() -> None:
    admission = Admission(1)
    admission.admit()
    admission.leave()

    assert admission.admit() is None


def test_a_draining_node_lets_nobody_in_whatever_it_says_when_full() -> None:
    admission = Admission(1, full_response=486)
    admission.drain()

    refusal = Refusal("draining", Cause.SWITCHING_EQUIPMENT_CONGESTION, DRAIN_RETRY_AFTER_S)
    assert admission.admit() == refusal
    assert admission.draining


def test_nobody_can_leave_who_was_not_let_in() -> None:
    with pytest.raises(RuntimeError, match="more calls left"):
        Admission(1).leave()


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Admission(0)
