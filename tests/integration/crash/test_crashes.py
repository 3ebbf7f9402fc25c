"""SIGKILL at more than two hundred points of every transition, and what the next start makes of it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LEAST = 200


async def killed(directory: Path, every: int, first: int) -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.crash.lives", str(directory), str(every), str(first)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    summary: dict[str, object] = json.loads(said.splitlines()[-1])
    return summary


@pytest.mark.timeout(600)
async def test_nobody_is_lost_doubled_rung_twice_or_moved_whenever_the_node_is_killed(tmp_path: Path) -> None:
    # Of the 350 or so every third is left out; `make soak` takes all of them.
    thirds = [await killed(tmp_path / str(first), 3, first) for first in (1, 2)]

    assert sum(int(str(third["tried"])) for third in thirds) >= LEAST
    assert [third["failed"] for third in thirds] == [[], []]
