from __future__ import annotations

import math
import random

import pytest

from gateway.queues.estimate.calibration import LIMIT, SCORES, START, Calibration, score_of

FORECAST = tuple(100.0 + 20.0 * score for score in SCORES)


@pytest.mark.parametrize(
    ("wait_s", "score"),
    [(100.0, 0.0), (110.0, 0.5), (30.0, -3.5), (200.0, 5.0), (1e9, LIMIT), (math.inf, LIMIT)],
)
def test_a_wait_has_the_score_at_which_it_was_forecast(wait_s: float, score: float) -> None:
    assert score_of(wait_s, FORECAST) == pytest.approx(score)


def test_a_forecast_that_never_ends_still_gives_scores() -> None:
    endless = (10.0, 20.0, 30.0, math.inf, math.inf, math.inf, math.inf)

    assert score_of(30.0, endless) == -1.0
    assert score_of(1_000.0, endless) == 0.0


def test_a_forecast_without_doubt_gives_the_scores_at_its_edges() -> None:
    certain = (5.0,) * 7

    assert score_of(4.0, certain) == -3.0
    assert score_of(5.0, certain) == 0.0
    assert score_of(6.0, certain) == 3.0


def test_the_band_begins_a_little_wider_than_the_model_says() -> None:
    assert Calibration().band() == (-START, 0.0, START)


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (1.0, 1.0), (-1.0, 2.0), (0.5, 0.4)])
def test_the_band_comes_to_hold_more_than_four_of_five_whatever_is_wrong_with_the_model(
    shift: float, spread: float
) -> None:
    calibration, draws = Calibration(), random.Random(3)
    inside = 0
    for number in range(6_000):
        wait_s = 100.0 + 20.0 * draws.gauss(shift, spread)
        low, _, high = (100.0 + 20.0 * score for score in calibration.band())
        inside += number >= 3_000 and low - 3.0 <= wait_s <= high + 3.0
        calibration.learn(wait_s, FORECAST, together=1)

    assert 0.80 <= inside / 3_000 <= 0.93
    assert calibration.band()[1] == pytest.approx(shift, abs=0.3)


def test_what_happens_to_many_at_once_teaches_less() -> None:
    alone, crowd = Calibration(), Calibration()

    alone.learn(math.inf, FORECAST, together=1)
    crowd.learn(math.inf, FORECAST, together=200)

    assert START < crowd.high < alone.high


def test_the_bounds_keep_their_order() -> None:
    low, middle, high = Calibration(low=1.0, middle=0.0, high=-1.0).band()

    assert low < middle < high


def test_what_was_learned_survives_as_json() -> None:
    calibration = Calibration(-1.0, 0.2, 2.0)

    assert Calibration.from_json(calibration.to_json()).band() == calibration.band()
