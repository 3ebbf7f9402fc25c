"""From evidence to readings: engines that agree, that don't, and that nobody has measured."""

from __future__ import annotations

import numpy as np
import pytest

from media.speech.agreement import CALIBRATIONS, RANGES, judge
from media.speech.recogniser import Answers, Evidence, Grammar

W, P, H = "whisper-tiny-en", "pocketsphinx", "hama"
MENU = Grammar("en", ("billing", "support", "sales"))


def scores(*values: float) -> Evidence:
    return Evidence(scores=values)


def test_the_best_phrase_comes_first_and_the_others_after_it() -> None:
    found = judge(MENU, {W: scores(-0.5, -6.0, -8.0)})

    assert [one.text for one in found.hypotheses] == ["billing", "support", "sales"]
    assert found.best.confidence > 0.9
    assert found.engines == (W,)


def test_agreement_raises_the_confidence_and_disagreement_lowers_it() -> None:
    alone = judge(MENU, {W: scores(-2.0, -4.0, -5.0)}).best
    agreed = judge(MENU, {W: scores(-2.0, -4.0, -5.0), H: scores(-0.5, -4.0, -4.0)}).best
    doubted = judge(MENU, {W: scores(-2.0, -4.0, -5.0), H: scores(-3.5, -3.0, -4.0)}).best

    assert doubted.confidence < alone.confidence < agreed.confidence


def test_what_fits_nothing_is_believed_by_nobody() -> None:
    assert judge(MENU, {W: scores(-9.0, -9.2, -9.1), P: scores(0.0, 1.0, 0.0)}).best.confidence < 0.25


def test_phrases_that_mean_the_same_do_not_compete() -> None:
    rivals = Grammar("en", ("technical help", "technical support"))
    allies = Grammar("en", ("technical help", "technical support", "sales"), meanings=(0, 0, 1))
    evidence = scores(-1.5, -2.0)

    assert judge(rivals, {W: evidence}).best.confidence < 0.8
    assert judge(allies, {W: scores(-1.5, -2.0, -7.0)}).best.confidence > 0.9


def test_a_phrase_without_rivals_is_judged_by_its_own_score() -> None:
    only = Grammar("en", ("billing",))

    assert judge(only, {W: scores(-0.5)}).best.confidence > 0.9
    assert judge(only, {W: scores(-10.0)}).best.confidence < 0.25


def test_an_engine_that_nobody_has_measured_with_others_is_left_out() -> None:
    found = judge(MENU, {W: scores(-0.5, -6.0, -8.0), "new": scores(-8.0, -0.1, -8.0)})

    assert found.best.text == "billing"
    assert judge(MENU, {"new": scores(-8.0, -0.1, -8.0)}).hypotheses == ()


def test_a_transcript_is_matched_to_the_phrases_where_an_engine_cannot_be_held_to_them() -> None:
    found = judge(MENU, {"free": Evidence(text="Suport", certainty=-0.2)})

    assert found.best.text == "support"
    assert 0.8 < found.best.confidence < 1.0


def test_open_answers_are_as_sure_as_their_words() -> None:
    digits = Grammar("en", answers=Answers.DIGITS)
    sure = judge(digits, {W: Evidence(text="4711", certainty=-0.05)}).best
    unsure = judge(digits, {W: Evidence(text="4711", certainty=-1.0)}).best

    assert sure.text == "4711"
    assert unsure.confidence < 0.5 < sure.confidence
    assert judge(digits, {W: Evidence()}).best.text == ""


@pytest.mark.parametrize("engines", CALIBRATIONS)
def test_every_calibration_rises_with_every_score(engines: frozenset[str]) -> None:
    def best(position: float) -> float:
        values = {n: RANGES[n][0] + position * (RANGES[n][1] - RANGES[n][0]) for n in engines}
        evidence = {name: scores(value, RANGES[name][0]) for name, value in values.items()}
        return judge(Grammar("en", ("a", "b")), evidence).best.confidence

    rising = [best(float(position)) for position in np.linspace(0.05, 1.0, 6)]
    assert rising == sorted(rising)
    assert rising[-1] > rising[0]
