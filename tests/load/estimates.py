"""Expected waits in simulated days, beside Asterisk's formula, and what reckoning them costs."""

from __future__ import annotations

import random
import time
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from gateway.agents.presence import AgentState, Presence
from gateway.queues.entry import EntryState
from gateway.queues.estimate import Estimator, Situation
from gateway.queues.views import AgentView, EntryView
from tests.simulation.estimates import accuracy
from tests.simulation.scenarios import SCENARIOS, agent

SEEDS: Final = (1, 2)
SIZES: Final = ((200, 50), (2_000, 400), (10_000, 2_000))
"""Entries and agents."""


def run(console: Console) -> list[dict[str, Any]]:
    """Print both tables; what was found, for JSON."""
    return [*_accuracy(console), *_cost(console)]


def _accuracy(console: Console) -> list[dict[str, Any]]:
    table = Table(title="Expected wait: what was told and what came of it", title_justify="left")
    for column in ("staffing", "day", "told", "untold", "wait p50 s", "in the band", "error p50", "bias s"):
        table.add_column(column, justify="right")
    table.add_column("Asterisk error p50", justify="right")
    table.add_column("bias s", justify="right")
    found = []
    for name, scenario in SCENARIOS.items():
        for seed in SEEDS:
            watched = scenario(seed)
            line = accuracy(watched.checked)
            found.append({"staffing": name, "day": seed, "inside": line.inside, "error": line.error})
            table.add_row(
                name, str(seed), str(line.announcements), str(watched.untold), f"{line.wait_s:.0f}",
                f"{line.inside:.1%}", f"{line.error:.1%}", f"{line.bias_s:+.0f}",
                f"{line.asterisk_error:.1%}", f"{line.asterisk_bias_s:+.0f}",
            )  # fmt: skip
    console.print(table)
    return found


def _cost(console: Console) -> list[dict[str, Any]]:
    table = Table(title="Estimating everybody who waits, in three queues", title_justify="left")
    for column in ("entries", "agents", "CPU ms", "us an entry"):
        table.add_column(column, justify="right")
    found = []
    for entries, agents in SIZES:
        spent_s = _estimate(entries, agents)
        found.append({"entries": entries, "agents": agents, "cpu_ms": 1_000.0 * spent_s})
        table.add_row(str(entries), str(agents), f"{1_000.0 * spent_s:.1f}", f"{1e6 * spent_s / entries:.0f}")
    console.print(table)
    return found


def _estimate(entries: int, agents: int) -> float:
    draws = random.Random(1)
    queues = ("a", "b", "c")
    estimator = Estimator()
    for queue in queues:
        for _ in range(300):
            estimator.observe(queue, talk_s=draws.expovariate(1.0 / 240.0), wrap_up_s=15.0, ring_s=4.0)
    waiting = tuple(
        EntryView(
            f"e{number}", queues[number % 3], EntryState.WAITING, number, 0, {}, "", "", float(number),
            float(number), False, None, (),
        )
        for number in range(entries)
    )  # fmt: skip
    on_duty = tuple(
        AgentView(
            agent(f"a{number}", *draws.sample(queues, 2)), Presence.AVAILABLE, "", AgentState.ON_CALL,
            entries - draws.expovariate(1.0 / 240.0), True, None, None, 0, 0.0, 0,
        )
        for number in range(agents)
    )  # fmt: skip
    estimator.estimates(Situation(float(entries), waiting, on_duty))
    began = time.process_time()
    estimator.estimates(Situation(entries + 1.0, waiting, on_duty))
    return time.process_time() - began
