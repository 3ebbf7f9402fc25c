from __future__ import annotations

import math

import pytest

from gateway.queues.estimate.completions import (
    POINTS,
    Completions,
    Service,
    Staffing,
    Turn,
    grid,
    renewals,
    spread_of,
)


def exponential(times: tuple[float, ...], mean_s: float) -> list[float]:
    return [1.0 - math.exp(-time_s / mean_s) for time_s in times]


def completions(
    agents: int = 10, free: int = 0, staffing: Staffing | None = None, error: float = 0.0
) -> Completions:
    """Agents whose calls take 100 s on average, without memory."""
    times = grid(400.0)
    ends = exponential(times, 100.0)
    busy = agents - free
    first, spread = [busy * share for share in ends], [busy * spread_of(share, 1.0) for share in ends]
    service = Service(100.0, 1.0)
    return Completions(
        times, free, first, spread, renewals(ends), service, staffing or Staffing(agents), error
    )


def test_the_grid_ends_where_it_should() -> None:
    times = grid(64.0)

    assert (len(times), times[0], times[-1]) == (POINTS, 1.0, 64.0)


def test_without_memory_services_end_at_a_steady_rate() -> None:
    times = grid(400.0)

    assert renewals(exponential(times, 100.0)) == pytest.approx([time / 100.0 for time in times], rel=0.01)


def test_agents_become_free_at_their_rate_within_the_grid_and_beyond() -> None:
    found = completions()

    assert found.by(10.0)[0] == pytest.approx(100.0, rel=0.01)
    assert found.by(80.0)[0] == pytest.approx(800.0, rel=0.01)
    assert found.by(10.0)[1] == pytest.approx(10.0, rel=0.05)  # Poisson


def test_who_is_free_now_needs_no_time() -> None:
    assert completions(free=3).by(3.0)[0] == 0.0
    assert completions(free=3).by(3.5)[0] > 0.0


def test_entries_to_come_that_go_first_take_their_share() -> None:
    found = completions()

    assert found.by(5.0, lost=0.05)[0] == pytest.approx(2.0 * found.by(5.0)[0], rel=0.02)
    assert found.by(100.0, lost=0.2)[0] == math.inf


def test_fewer_agents_to_come_mean_later_completions_and_none_mean_never() -> None:
    leaving = Staffing(10.0, drift=-1.0 / 60.0)
    gone = Staffing(10.0, drift=-1.0)

    assert completions(staffing=leaving).by(15.0)[0] > 1.1 * completions().by(15.0)[0]
    assert completions(staffing=gone).by(50.0)[0] == math.inf


def test_what_isnt_certain_widens_the_variance() -> None:
    plain = completions().by(20.0)[1]

    assert completions(error=0.2).by(20.0)[1] > plain
    assert completions(staffing=Staffing(10.0, churn=0.02)).by(20.0)[1] > plain


@pytest.mark.parametrize("place", [1, 5, 20])
def test_the_turn_of_the_nth_is_nearly_a_gamma(place: int) -> None:
    turn = Turn(completions(), float(place))
    # Quantiles of Gamma(n) by Wilson and Hilferty: exact to 2 % here
    expected = {
        z: 10.0 * place * (1 - 1 / (9 * place) + z / math.sqrt(9 * place)) ** 3 for z in (-1.28, 0, 1.28)
    }

    for score, wait_s in expected.items():
        assert turn.at(score) == pytest.approx(wait_s, rel=0.1, abs=1.5)


def test_a_turn_is_earlier_at_a_lower_score_and_later_with_an_unsure_place() -> None:
    sure, unsure = Turn(completions(), 10.0), Turn(completions(), 10.0, unsure=20.0)

    assert [sure.at(score) for score in (-9.0, -1.0, 0.0, 1.0)] == sorted(
        sure.at(score) for score in (-9.0, -1.0, 0.0, 1.0)
    )
    assert sure.at(-9.0) == pytest.approx(0.0, abs=0.1)
    assert unsure.at(1.0) > sure.at(1.0)
