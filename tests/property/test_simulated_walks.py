"""Random callers in the simulator, on generated plans with every kind of node and a world full of trouble.

Promises, for every plan that passes the checks and every caller: no undefined node is reached, nothing spins
without waiting, every branch taken is one that the plan has, and the call always ends.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from gateway.dialplan.coverage import coverage_of
from gateway.dialplan.entrances import route_to
from gateway.dialplan.exits import EXITS
from gateway.dialplan.faults import has_errors
from gateway.dialplan.loader import examine
from gateway.dialplan.model import Plan, branches
from gateway.dialplan.moments import Entered, Over
from gateway.dialplan.requests import Request
from gateway.dialplan.run import MAX_VISITS, Effect, Event, Phase
from gateway.dialplan.simulator import Simulation
from gateway.dialplan.world import Reply, World
from tests.fakes.generated import WORDS, write_generated

PLANS: Final = 260
WALKS_A_PLAN: Final = 40
"""Together 10,400 walks: hypothesis counts only plans that pass the checks."""
ACTS: Final = 25
NO_INPUT_LIMIT: Final = 4 * MAX_VISITS
"""Things that can happen to a caller who has stopped doing anything: each visit has few of them."""


class TroubledWorld(World):
    """Every request comes out as any exit of its node, after any time. `flow`: the one that asks."""

    def __init__(self, plan: Plan, rng: random.Random) -> None:
        super().__init__()
        self._plan = plan
        self._rng = rng
        self.flow = ""

    def reply(self, node: str, request: Request, context: Mapping[str, Any]) -> Reply:
        kind = type(self._plan.flows[self.flow].nodes[node])
        labels = [exit_.label for exit_ in EXITS[kind] if exit_.label != "hangup"]
        value = self._rng.choice([None, {"name": "Ann"}, [1, 2], "text", {"a": {"b": [None]}}])
        return Reply(self._rng.choice(labels), value, self._rng.choice([0.0, 0.5, 30.0]))


class WatchedSimulation(Simulation):
    """Tells the world which flow is asking: names of nodes aren't unique across flows."""

    def __init__(self, plan: Plan, target: str, world: TroubledWorld) -> None:
        self._troubled = world
        super().__init__(plan, route_to(plan, target), world=world)

    def _perform(self, effect: Effect) -> tuple[Event, ...]:
        self._troubled.flow = self.state.flow
        return super()._perform(effect)


def act(call: Simulation, rng: random.Random) -> None:
    """One thing that a caller may do."""
    match rng.randrange(6):
        case 0:
            call.press(rng.choice("0123456789*#"))
        case 1:
            call.press("".join(rng.choices("0123456789*#,", k=rng.randint(1, 6))), at_once=True)
        case 2:
            call.say(rng.choice(WORDS))
        case 3:
            call.wait(rng.choice([0.1, 1.0, 10.0, 400.0]))
        case 4:
            call.wait()
        case _:
            if rng.random() < 0.1:
                call.hang_up()


def walk(plan: Plan, target: str, rng: random.Random) -> Simulation:
    call = WatchedSimulation(plan, target, TroubledWorld(plan, rng))
    for _ in range(rng.randint(0, ACTS)):
        act(call, rng)
        check_promises(call)
    for _ in range(NO_INPUT_LIMIT):
        if call.over:
            break
        call.wait()
    return call


def check_promises(call: Simulation) -> None:
    state = call.state
    assert state.node in call.plan.flows[state.flow].nodes
    if state.phase is Phase.LISTENING:
        assert state.timer is not None
    if state.phase is Phase.SPEAKING:
        assert state.audio is not None


def check_story(call: Simulation) -> None:
    """What was noted of the call fits the plan."""
    assert isinstance(call.moments[-1], Over), f"the call never ends: {call.moments[-5:]}"
    for moment in call.moments:
        if isinstance(moment, Entered):
            assert moment.node in call.plan.flows[moment.flow].nodes
    for took in call.transitions:
        node = call.plan.flows[took.flow].nodes[took.node]
        assert took.branch in {branch.label for branch in branches(node)}


@pytest.mark.timeout(600)
# Not shrunk: a smaller seed isn't a smaller plan.
@settings(
    max_examples=PLANS,
    deadline=None,
    phases=(Stage.explicit, Stage.reuse, Stage.generate),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_plan_that_passes_the_checks_is_walked_to_its_end_by_any_caller(seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        path = write_generated(Path(directory), seed, flows=3, nodes=rng.randint(4, 14), wild=0.03)
        plan, faults = examine(path)
    assume(not has_errors(faults))

    calls = [walk(plan, rng.choice(list(plan.flows)), rng) for _ in range(WALKS_A_PLAN)]

    for call in calls:
        check_story(call)
    assert coverage_of(plan, [call.moments for call in calls])
