"""The same callers through a queue that isn't ours: SimPy's resource, first come first served."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import simpy

from tests.simulation.callers import Caller
from tests.simulation.centre import Outcome


def reference(callers: Sequence[Caller], agents: int) -> list[Outcome]:
    """What becomes of each caller, in the order of arrival."""
    environment = simpy.Environment()
    desk = simpy.Resource(environment, agents)
    outcomes: dict[int, Outcome] = {}

    def call(number: int, caller: Caller) -> Generator[simpy.Event, object, None]:
        yield environment.timeout(caller.arrives_at)
        with desk.request() as turn:
            waited: list[simpy.Event] = [turn]
            if caller.patience_s < math.inf:
                waited.append(environment.timeout(caller.patience_s))
            yield simpy.AnyOf(environment, waited)
            wait_s = environment.now - caller.arrives_at
            outcomes[number] = Outcome(caller.arrives_at, wait_s, answered=turn.triggered)
            if turn.triggered:
                yield environment.timeout(caller.talk_s)

    for number, caller in enumerate(callers):
        environment.process(call(number, caller))
    environment.run()
    return [outcomes[number] for number in range(len(callers))]
