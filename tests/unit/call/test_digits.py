"""One press counts once, whoever reports it."""

from __future__ import annotations

import pytest

from gateway.call.digits import SIGNALLED_S, WINDOW_S, DigitEvent, DigitMerger
from gateway.call.leg import DigitPressed, DigitReleased, DigitSource

RTP, INFO, TONE = DigitSource.RTP_EVENT, DigitSource.SIP_INFO, DigitSource.IN_BAND
NOTHING: tuple[DigitEvent, ...] = ()


@pytest.fixture
def merger() -> DigitMerger:
    return DigitMerger()


def test_a_press_and_its_release_are_delivered_as_they_came(merger: DigitMerger) -> None:
    pressed = merger.press("5", RTP, 10.0)
    released = merger.release("5", RTP, 0.12)

    assert pressed == (DigitPressed("5", RTP),)
    assert released == (DigitReleased("5", RTP, 0.12),)


@pytest.mark.parametrize("digit", ["", "12", "a", "X", "٣"])
def test_a_key_that_no_phone_has_is_refused(merger: DigitMerger, digit: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        merger.press(digit, RTP, 10.0)


def test_the_same_key_pressed_twice_counts_twice(merger: DigitMerger) -> None:
    events = [
        *merger.press("5", RTP, 10.0),
        *merger.release("5", RTP, 0.1),
        *merger.press("5", RTP, 10.2),
        *merger.release("5", RTP, 0.1),
    ]

    assert events == [DigitPressed("5", RTP), DigitReleased("5", RTP, 0.1)] * 2


@pytest.mark.parametrize("late", [INFO, TONE])
def test_the_residue_of_a_press_is_ignored_with_its_release(merger: DigitMerger, late: DigitSource) -> None:
    merger.press("5", RTP, 10.0)

    assert merger.press("5", late, 10.04) == NOTHING
    assert merger.release("5", late, 0.04) == NOTHING


def test_tones_are_not_believed_for_a_while_after_a_signalled_press(merger: DigitMerger) -> None:
    merger.press("5", RTP, 10.0)

    assert merger.press("9", TONE, 11.0) == NOTHING
    assert merger.press("9", TONE, 10.0 + SIGNALLED_S) == NOTHING
    assert merger.press("9", TONE, 10.1 + SIGNALLED_S) == (DigitPressed("9", TONE),)


def test_a_report_within_the_window_is_the_same_press_and_a_later_one_is_new(merger: DigitMerger) -> None:
    merger.press("5", RTP, 10.0)
    merger.press("5", RTP, 11.0)

    assert merger.press("5", INFO, 10.0 + WINDOW_S) == NOTHING
    assert merger.press("5", INFO, 11.1 + WINDOW_S) == (DigitPressed("5", INFO),)


def test_presses_under_way_while_another_source_overtakes_are_not_lost(merger: DigitMerger) -> None:
    events = [
        *merger.press("1", RTP, 10.0),
        *merger.press("2", INFO, 14.0),
        *merger.press("1", INFO, 14.1),
        *merger.press("2", RTP, 16.0),
        *merger.press("1", RTP, 16.9),
    ]

    pressed = [event.digit for event in events if isinstance(event, DigitPressed)]
    assert pressed == ["1", "2", "1"]


@pytest.mark.parametrize("signalled", [RTP, INFO])
def test_signalling_takes_over_from_the_tones_without_doubling_them(
    merger: DigitMerger, signalled: DigitSource
) -> None:
    merger.press("1", TONE, 10.0)
    merger.release("1", TONE, 0.06)
    merger.press("1", TONE, 10.2)

    assert merger.press("1", signalled, 10.3) == NOTHING
    assert merger.press("2", TONE, 10.4) == NOTHING
    assert merger.press("1", signalled, 10.5) == NOTHING
    assert merger.press("2", signalled, 10.6) == (DigitPressed("2", signalled),)


def test_a_press_that_the_tones_missed_is_delivered_when_signalled(merger: DigitMerger) -> None:
    merger.press("1", TONE, 10.0)
    merger.press("3", TONE, 10.4)

    assert merger.press("1", RTP, 10.5) == NOTHING
    assert merger.press("2", RTP, 10.6) == (DigitPressed("2", RTP),)
    assert merger.press("3", RTP, 10.7) == NOTHING


def test_a_tone_heard_long_ago_does_not_swallow_a_new_press(merger: DigitMerger) -> None:
    merger.press("1", TONE, 10.0)

    assert merger.press("1", RTP, 10.1 + WINDOW_S) == (DigitPressed("1", RTP),)


def test_the_release_of_a_tone_follows_though_signalling_took_over(merger: DigitMerger) -> None:
    merger.press("1", TONE, 10.0)
    merger.press("1", RTP, 10.02)

    assert merger.release("1", RTP, 0.1) == NOTHING
    assert merger.release("1", TONE, 0.1) == (DigitReleased("1", TONE, 0.1),)


def test_a_forgotten_release_is_made_up_when_the_next_key_goes_down(merger: DigitMerger) -> None:
    merger.press("1", RTP, 10.0)

    events = merger.press("2", RTP, 10.25)

    assert events == (DigitReleased("1", RTP, 0.25), DigitPressed("2", RTP))


def test_a_release_of_a_key_that_is_not_down_is_ignored(merger: DigitMerger) -> None:
    merger.press("1", RTP, 10.0)

    assert merger.release("2", RTP, 0.1) == NOTHING
    assert merger.release("1", RTP, 0.1) == (DigitReleased("1", RTP, 0.1),)
    assert merger.release("1", RTP, 0.1) == NOTHING


def test_keys_that_are_down_at_the_end_go_up_in_order(merger: DigitMerger) -> None:
    merger.press("1", TONE, 10.0)
    merger.press("2", RTP, 10.5)

    assert merger.finish(11.0) == (DigitReleased("1", TONE, 1.0), DigitReleased("2", RTP, 0.5))
    assert merger.finish(11.0) == NOTHING
