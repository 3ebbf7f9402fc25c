from __future__ import annotations

import pytest

from gateway.queues.estimate import Estimate, Promise
from gateway.queues.estimate.promise import rounded, too_wide
from gateway.queues.phrases import LongerReason, WaitKind, WaitPhrase


def estimate(
    minutes: float, low: float | None = None, high: float | None = None, ahead: float = 3.0, agents: int = 5
) -> Estimate:
    low, high = minutes * 0.7 if low is None else low, minutes * 1.4 if high is None else high
    return Estimate(60.0 * minutes, 60.0 * low, 60.0 * high, ahead, agents, 240.0)


def about(minutes: int, reason: LongerReason | None = None) -> WaitPhrase:
    return WaitPhrase(WaitKind.ABOUT, minutes, reason)


@pytest.mark.parametrize(
    ("wait_s", "phrase"),
    [
        (0.0, WaitPhrase(WaitKind.LESS_THAN_A_MINUTE)),
        (49.9, WaitPhrase(WaitKind.LESS_THAN_A_MINUTE)),
        (50.0, about(1)),
        (89.0, about(1)),
        (90.0, about(2)),
        (620.0, about(10)),
        (640.0, about(10)),
        (760.0, about(15)),
        (1_800.0, about(30)),
        (2_100.0, WaitPhrase(WaitKind.MORE_THAN, 30)),
    ],
)
def test_waits_are_told_in_round_figures(wait_s: float, phrase: WaitPhrase) -> None:
    assert rounded(wait_s) == phrase


def test_phrases_never_shrink_as_waits_grow() -> None:
    ranks = [rounded(float(wait_s)).rank for wait_s in range(0, 4_000, 5)]

    assert ranks == sorted(ranks)


def test_a_band_that_is_too_wide_is_told_to_nobody() -> None:
    wide = estimate(4.0, low=1.0, high=12.0)

    assert too_wide(wide)
    assert Promise().tell(wide) == (Promise(), None)


def test_a_short_wait_may_be_relatively_uncertain() -> None:
    assert not too_wide(estimate(1.0, low=0.0, high=3.0))


def test_the_first_figure_needs_no_reason() -> None:
    assert Promise().tell(estimate(5.0))[1] == about(5)


def test_a_shorter_wait_is_told_without_a_reason() -> None:
    promise, _ = Promise().tell(estimate(5.0))

    assert promise.tell(estimate(3.0))[1] == about(3)


def test_a_figure_stays_while_the_band_still_holds_it() -> None:
    promise, _ = Promise().tell(estimate(5.0))

    phrase = promise.tell(estimate(7.0, low=4.0, high=10.0))[1]

    assert phrase is not None
    assert (phrase.kind, phrase.minutes) == (WaitKind.ABOUT, 5)


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (estimate(9.0, low=6.0, high=12.0, agents=3), LongerReason.FEWER_AGENTS),
        (estimate(9.0, low=6.0, high=12.0, ahead=6.0), LongerReason.MORE_AHEAD),
        (estimate(9.0, low=6.0, high=12.0), LongerReason.LONGER_CALLS),
    ],
)
def test_a_longer_wait_comes_with_its_reason(later: Estimate, reason: LongerReason) -> None:
    promise, _ = Promise().tell(estimate(5.0))

    assert promise.tell(later)[1] == about(9, reason)


def test_the_same_figure_again_has_a_reason_ready_should_it_have_been_broken() -> None:
    promise, _ = Promise().tell(estimate(5.0))

    assert promise.tell(estimate(5.0))[1] == about(5, LongerReason.LONGER_CALLS)
