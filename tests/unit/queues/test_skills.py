"""The arithmetic of waiting: steps are at their times to the last bit, or an alarm would ring for ever."""

from __future__ import annotations

import pytest

from gateway.queues.engine.skills import effective_priority, next_rise
from gateway.queues.settings import PriorityRise


@pytest.mark.parametrize("every_s", [0.1, 0.3, 7.0, 1 / 3])
@pytest.mark.parametrize("enqueued_at", [0.0, 1_000.1, 1.8e9 + 0.123])
def test_at_each_step_the_priority_rises_by_one_and_the_next_step_is_later(
    every_s: float, enqueued_at: float
) -> None:
    rise, now = PriorityRise(every_s), enqueued_at
    for step in range(500):
        assert effective_priority(rise, 0, enqueued_at, now) == step
        following = next_rise(rise, 0, enqueued_at, now)
        assert following is not None
        assert following > now
        now = following


def test_an_instant_before_a_step_the_priority_has_not_risen_yet() -> None:
    every_s, before = 9.532993969345519, 695.9085597622228  # rounding makes their quotient a whole number
    assert before / every_s == 73
    assert before < 73 * every_s
    assert effective_priority(PriorityRise(every_s), 0, 0.0, before) == 72


def test_a_priority_does_not_rise_before_it_was_enqueued() -> None:
    assert effective_priority(PriorityRise(10), 3, enqueued_at=100, now=50) == 3
