"""The check is fast enough to run on each save."""

from __future__ import annotations

import time
from pathlib import Path

from gateway.dialplan.loader import check
from tests.fakes.plans import ROUTES

LIMIT_S = 2.0


def test_200_flows_with_5000_nodes_are_checked_within_two_seconds(tmp_path: Path) -> None:
    for flow in range(200):
        nodes = "".join(_nodes(flow, node) for node in range(0, 24, 3))
        head = ROUTES.replace("main", "f0") if flow == 0 else ""
        run = f"  run: {{run: f{flow + 1}, next: end}}\n" if flow < 8 else "  run: {goto: end}\n"
        text = (
            f"{head}flow: f{flow}\nstart: n0\nnodes:\n{nodes}  n24: {{goto: run}}\n{run}  end: {{hangup: }}\n"
        )
        (tmp_path / f"f{flow}.yaml").write_text(text)
    started_s = time.perf_counter()
    faults = check(tmp_path)
    taken_s = time.perf_counter() - started_s

    assert {fault.message.partition(" 'f")[0] for fault in faults} == {"no route leads to flow"}
    assert taken_s < LIMIT_S


def _nodes(flow: int, node: int) -> str:
    return (
        f"  n{node}:\n    menu: Menu {node} of flow {flow}, {{{{ vars.x{node} }}}}.\n    keys:\n"
        f"      1: n{node + 1}\n      2: n{node + 2}\n    failed: end\n"
        f"  n{node + 1}:\n    set:\n      x{node}: \"caller.number + '{flow}'\"\n    next: n{node + 2}\n"
        f"  n{node + 2}:\n    branch:\n      - when: size(vars.x{node}) > {node}\n        next: n{node + 3}\n"
        "    else: end\n"
    )
