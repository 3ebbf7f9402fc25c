"""What dialplans cost: the check of a large plan, and the memory of a thousand loaded flows.

    python -m tests.load.dialplans

`run` is for `bench`. The plans are generated, and the same ones every time; the memory is measured in a
process of its own, so that nothing else is counted.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from gateway.dialplan.loader import check, examine
from tests.fakes.generated import write_generated

FLOWS: Final = 200
NODES_A_FLOW: Final = 25
LIMIT_S: Final = 2.0
LOADED_FLOWS: Final = 1_000
REPEATS: Final = 5
SEED: Final = 1


@dataclass(frozen=True, slots=True)
class CheckTime:
    """How long the check takes: the first time in a process, and the median; `cpu_s`: of the CPU."""

    flows: int
    nodes: int
    first_s: float
    median_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class LoadedMemory:
    """What a loaded plan takes of the process's memory (resident set)."""

    flows: int
    nodes: int
    megabytes: float

    @property
    def kilobytes_a_flow(self) -> float:
        return self.megabytes * 1024 / self.flows


def check_time(directory: Path) -> CheckTime:
    path = write_generated(directory, SEED, flows=FLOWS, nodes=NODES_A_FLOW)
    times, worked = [], []
    for _ in range(REPEATS):
        began, cpu = time.perf_counter(), time.process_time()
        check(path)
        times.append(time.perf_counter() - began)
        worked.append(time.process_time() - cpu)
    medians = (sorted(found)[REPEATS // 2] for found in (times, worked))
    return CheckTime(FLOWS, FLOWS * NODES_A_FLOW, times[0], *medians)


def loaded_memory(directory: Path) -> LoadedMemory:
    """Measured in another process."""
    write_generated(directory, SEED, flows=LOADED_FLOWS, nodes=NODES_A_FLOW)
    command = [sys.executable, "-m", "tests.load.dialplans", "--memory-of", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return LoadedMemory(LOADED_FLOWS, LOADED_FLOWS * NODES_A_FLOW, float(done.stdout))


def _print_memory(directory: Path, warm_up: Path) -> None:
    """The growth of the resident set by one plan, in MB. Another plan has loaded code and caches before."""
    examine(write_generated(warm_up, SEED + 1, flows=4, nodes=NODES_A_FLOW))
    gc.collect()
    before = _resident_bytes()
    plan, _ = examine(directory)
    gc.collect()
    grown = _resident_bytes() - before
    assert len(plan.flows) == LOADED_FLOWS
    print(grown / 1_048_576)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def run(console: Console | None = None) -> dict[str, Any]:
    """Measure both, print a table, and return the figures as plain values."""
    with tempfile.TemporaryDirectory(prefix="ringback-dialplans-") as directory:
        checked = check_time(Path(directory) / "check")
        memory = loaded_memory(Path(directory) / "memory")
    table = Table(title="Dialplans", title_justify="left")
    for heading in ("", "flows", "nodes", "figure", "limit"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    size = (str(checked.flows), f"{checked.nodes:,}")
    table.add_row("check, first in a process", *size, f"{checked.first_s:.2f} s", f"{LIMIT_S:.0f} s")
    table.add_row("check, median", *size, f"{checked.median_s:.2f} s", f"{LIMIT_S:.0f} s")
    table.add_row("check, CPU time", *size, f"{checked.cpu_s:.2f} s", "")
    loaded = f"{memory.megabytes:.0f} MB, {memory.kilobytes_a_flow:.0f} kB a flow"
    table.add_row("memory when loaded", f"{memory.flows:,}", f"{memory.nodes:,}", loaded, "")
    (console or Console()).print(table)
    return {"check": asdict(checked), "memory": asdict(memory)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory-of"]:
        with tempfile.TemporaryDirectory(prefix="ringback-dialplans-") as spare:
            _print_memory(Path(sys.argv[2]), Path(spare))
    else:
        print(json.dumps(run(), indent=2))
