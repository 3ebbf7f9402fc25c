"""Who has answered, by cadence: frames of 20 ms, each a voice or not."""

from __future__ import annotations

import pytest

from media.answering import FRAME_S, AnswerDetector, AnsweredBy


def hear(detector: AnswerDetector, *spans: tuple[bool, float]) -> AnsweredBy | None:
    for voice, seconds in spans:
        for _ in range(round(seconds / FRAME_S)):
            detector.feed(voice)
    return detector.verdict


@pytest.mark.parametrize(
    ("spans", "verdict"),
    [
        (((False, 0.5), (True, 0.4), (False, 0.9)), AnsweredBy.PERSON),  # "Hello?"
        (((True, 0.5), (False, 0.3), (True, 0.8), (False, 0.9)), AnsweredBy.PERSON),  # "Hello, Lovelace here"
        (((False, 0.3), (True, 2.5)), AnsweredBy.MACHINE),  # a sentence, and another
        (((True, 1.0), (False, 0.4), (True, 1.0)), AnsweredBy.MACHINE),  # with a breath between them
        (((False, 2.6),), AnsweredBy.NOBODY),
        (((False, 1.0), (True, 0.06), (False, 1.5)), AnsweredBy.NOBODY),  # a click
        (((False, 0.5), (True, 0.4), (False, 0.4)), None),
    ],
)
def test_the_cadence_tells(spans: tuple[tuple[bool, float], ...], verdict: AnsweredBy | None) -> None:
    assert hear(AnswerDetector(), *spans) is verdict


def test_a_verdict_stands_whatever_follows() -> None:
    detector = AnswerDetector()
    hear(detector, (True, 0.4), (False, 1.0))

    assert hear(detector, (True, 5.0)) is AnsweredBy.PERSON


def test_a_machine_is_ready_for_a_message_when_it_is_silent() -> None:
    detector = AnswerDetector()
    assert not detector.paused
    hear(detector, (True, 3.0))
    assert not detector.paused
    hear(detector, (False, 0.4), (True, 1.0), (False, 0.4))
    assert not detector.paused

    hear(detector, (False, 0.6))
    assert detector.paused


def test_noise_that_is_neither_speech_nor_silence_is_a_machine_in_the_end() -> None:
    detector = AnswerDetector()
    words = ((True, 0.12), (False, 0.7)) * 10

    assert hear(detector, *words) is AnsweredBy.MACHINE
