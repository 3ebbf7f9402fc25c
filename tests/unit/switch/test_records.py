"""What became of a call."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.call.cause import Cause
from gateway.call.cdr import CallResult
from gateway.call.leg import Ended, Side
from gateway.switch.records import CallStory, result_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answered", "ended", "result"),
    [
        (True, Ended(Cause.NORMAL_CLEARING, Side.REMOTE), CallResult.ANSWERED),
        (True, Ended(Cause.NORMAL_CLEARING, Side.LOCAL), CallResult.ANSWERED),
        (False, Ended(Cause.USER_BUSY, Side.LOCAL), CallResult.REJECTED),
        (False, Ended(Cause.NORMAL_CLEARING, Side.REMOTE), CallResult.CANCELLED),
        (False, Ended(Cause.NETWORK_OUT_OF_ORDER, Side.REMOTE), CallResult.FAILED),
        (True, None, CallResult.FAILED),
    ],
)
def test_the_result_follows_from_the_answer_and_the_end(
    answered: bool, ended: Ended | None, result: CallResult
) -> None:
    story = CallStory("c", NOW, NOW if answered else None, ended)

    assert result_of(story) is result


def test_a_fault_of_ours_is_a_failed_call_even_when_it_was_answered() -> None:
    story = CallStory("c", NOW, NOW, Ended(Cause.NORMAL_CLEARING, Side.LOCAL), ZeroDivisionError())

    assert result_of(story) is CallResult.FAILED
