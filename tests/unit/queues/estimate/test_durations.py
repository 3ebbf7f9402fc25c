from __future__ import annotations

import json

import pytest

from gateway.queues.estimate.durations import BINS, EDGES, Durations, bin_of


def learned(*durations_s: float, memory: float = 500.0) -> Durations:
    durations = Durations(memory)
    for duration_s in durations_s:
        durations.observe(duration_s)
    return durations


def test_a_duration_lies_in_the_bin_of_its_edges() -> None:
    assert bin_of(0.0) == bin_of(0.99) == 0
    assert all(bin_of(edge) == number for number, edge in enumerate(EDGES) if number)
    assert bin_of(1e9) == BINS


def test_nothing_is_known_before_anything_was_observed() -> None:
    durations = Durations()

    assert (durations.count, durations.mean_s, durations.variation) == (0.0, 0.0, 0.0)
    assert durations.share_below(100.0) == 0.0


def test_mean_and_variation_are_those_of_what_was_observed() -> None:
    durations = learned(100.0, 300.0, memory=1e9)

    assert durations.mean_s == pytest.approx(200.0)
    assert durations.variation == pytest.approx(0.25)


def test_negative_durations_count_as_nothing() -> None:
    assert learned(-5.0).mean_s == 0.0


def test_old_durations_fade() -> None:
    durations = learned(*[100.0] * 50, *[10.0] * 50, memory=10.0)

    assert durations.count == pytest.approx(10.0, rel=0.01)
    assert durations.mean_s == pytest.approx(10.5, abs=0.5)


def test_shares_grow_from_nothing_to_everything() -> None:
    durations = learned(0.5, 60.0, 240.0, 900.0, memory=1e9)

    shares = [durations.share_below(seconds) for seconds in (0.0, 1.0, 50.0, 100.0, 300.0, 1_000.0, 1e9)]

    assert shares == sorted(shares)
    assert shares[1] == pytest.approx(0.25)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0


def test_what_has_lasted_ends_as_those_did_that_lasted_so_long() -> None:
    durations = learned(*[60.0] * 50, *[600.0] * 50, memory=1e9)

    fresh, elapsed = (durations.ends_within(seconds, [90.0, 500.0])[0] for seconds in (0.0, 200.0))

    assert fresh == pytest.approx(0.5)
    assert elapsed == pytest.approx(0.0)


def test_beyond_everything_observed_the_rest_is_exponential_around_the_mean() -> None:
    durations = learned(*[60.0] * 10)

    within = durations.ends_within(5_000.0, [60.0, 600.0])

    assert within == [pytest.approx(0.632, abs=0.01), pytest.approx(1.0, abs=0.01)]


def test_what_was_learned_survives_as_json() -> None:
    durations = learned(10.0, 100.0)

    again = Durations.from_json(json.loads(json.dumps(durations.to_json())))

    assert again.count == pytest.approx(durations.count)
    assert again.mean_s == pytest.approx(durations.mean_s)
    assert again.share_below(50.0) == durations.share_below(50.0)


def test_json_of_other_bins_is_refused() -> None:
    with pytest.raises(ValueError, match="2 bins"):
        Durations.from_json({"weights": [1, 2], "sum_s": 1, "sum_squares": 1})
