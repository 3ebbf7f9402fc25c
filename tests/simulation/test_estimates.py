"""What callers are told, in days that the estimator hasn't seen."""

from __future__ import annotations

from functools import cache

import pytest

from tests.simulation.estimates import Accuracy, Watched, accuracy
from tests.simulation.scenarios import SCENARIOS

SEED = 1


@cache
def day(scenario: str) -> Watched:
    return SCENARIOS[scenario](SEED)


@cache
def measured(scenario: str) -> Accuracy:
    return accuracy(day(scenario).checked)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_actual_wait_is_within_the_band_four_times_of_five(scenario: str) -> None:
    assert measured(scenario).inside >= 0.80


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_median_error_is_at_most_thirty_percent_of_the_actual_wait(scenario: str) -> None:
    assert measured(scenario).error <= 0.30


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_asterisks_formula_is_further_from_the_truth_on_the_same_waits(scenario: str) -> None:
    found = measured(scenario)

    assert found.error < found.asterisk_error


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_accuracy_isnt_bought_by_silence_or_by_bands_that_say_nothing(scenario: str) -> None:
    watched, found = day(scenario), measured(scenario)
    told = len(watched.checked)

    assert told > 1_000
    assert watched.untold < 0.25 * (told + watched.untold)
    assert found.width < 1.5
