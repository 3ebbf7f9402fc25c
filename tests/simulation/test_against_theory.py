"""The engine against an independent queue, caller by caller, and against Erlang C and A in the long run."""

from __future__ import annotations

import math
import statistics
from typing import Final

import pytest

from gateway.queues.settings import QueueSettings, Staffing
from tests.simulation.callers import Caller, callers, exponential, forever
from tests.simulation.centre import Centre, Outcome
from tests.simulation.erlang import Load, theory
from tests.simulation.reference import reference
from tests.simulation.scenarios import agent

TALK_S: Final = 240.0
SERVICE_LEVEL_S: Final = 20.0
WARM_UP: Final = 0.15
DAYS: Final = 10
"""Independent runs of each load."""

STUDENT: Final = 4.1
"""Quantile of Student's t with nine degrees of freedom for an interval of 99.75 %. There are twenty of them,
so that all hold with a probability of 95 %."""

LOADS: Final = (
    Load(agents=3, arrivals=1.8 / TALK_S, services=1.0 / TALK_S),
    Load(agents=10, arrivals=8.0 / TALK_S, services=1.0 / TALK_S),
    Load(agents=10, arrivals=9.0 / TALK_S, services=1.0 / TALK_S, hangups=1.0 / 300.0),
    Load(agents=10, arrivals=12.0 / TALK_S, services=1.0 / TALK_S, hangups=1.0 / 180.0),
    Load(agents=30, arrivals=30.0 / TALK_S, services=1.0 / TALK_S, hangups=1.0 / 120.0),
)


def drawn(load: Load, seed: int, number: int = 1_600) -> tuple[Caller, ...]:
    patience = exponential(1.0 / load.hangups) if load.hangups else forever
    return callers(seed, number / load.arrivals, load.arrivals, exponential(TALK_S), patience)


def served(load: Load, who: tuple[Caller, ...]) -> list[Outcome]:
    """By the engine; agents who answer at once and need no wrap-up, as in theory."""
    centre = Centre(QueueSettings("q", join=Staffing.ALWAYS, wrap_up_s=0.0))
    for number in range(load.agents):
        centre.shift(agent(f"a{number}", "q"), 0.0)
    centre.calls("q", who)
    centre.run()
    return [centre.outcomes[f"q-{number}"] for number in range(len(who))]


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_every_caller_waits_as_long_as_in_an_independent_queue(load: Load) -> None:
    who = drawn(load, seed=77)

    ours, theirs = served(load, who), reference(who, load.agents)

    assert [one.answered for one in ours] == [one.answered for one in theirs]
    assert [one.wait_s for one in ours] == pytest.approx([one.wait_s for one in theirs], abs=1e-3)


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_waits_abandonment_and_service_level_are_those_of_erlang(load: Load) -> None:
    expected = theory(load)
    runs = []
    for seed in range(DAYS):
        outcomes = served(load, drawn(load, seed))
        runs.append(outcomes[int(WARM_UP * len(outcomes)) :])

    for name, truth, values in (
        ("mean wait", expected.mean_wait_s, [statistics.fmean(one.wait_s for one in run) for run in runs]),
        (
            "abandoned",
            expected.abandoned,
            [statistics.fmean(not one.answered for one in run) for run in runs],
        ),
        ("delayed", expected.delayed, [statistics.fmean(one.wait_s > 1e-6 for one in run) for run in runs]),
        (
            "service level",
            expected.answered_within(SERVICE_LEVEL_S),
            [statistics.fmean(one.answered and one.wait_s <= SERVICE_LEVEL_S for one in run) for run in runs],
        ),
    ):
        half = STUDENT * statistics.stdev(values) / math.sqrt(DAYS)
        assert abs(statistics.fmean(values) - truth) <= half + 1e-9, name
        assert half <= 0.5 * truth + 1e-9, f"{name}: the interval is too wide to say anything"


def test_the_formulas_give_the_textbooks_figures() -> None:
    # Erlang C of 2 agents and 1 erlang is 1/3, and so is the mean wait in calls
    c = theory(Load(agents=2, arrivals=1.0, services=1.0))
    # M/M/1+M with equal rates is a Poisson number in the system: P(0) = 1/e
    a = theory(Load(agents=1, arrivals=1.0, services=1.0, hangups=1.0))

    assert c.delayed == pytest.approx(1.0 / 3.0)
    assert c.mean_wait_s == pytest.approx(1.0 / 3.0)
    assert c.answered_within(1.0) == pytest.approx(1.0 - math.exp(-1.0) / 3.0)
    assert a.probabilities[0] == pytest.approx(math.exp(-1.0))
    assert a.abandoned == pytest.approx(math.exp(-1.0))
    assert a.answered_within(100.0) == pytest.approx(1.0 - a.abandoned)
