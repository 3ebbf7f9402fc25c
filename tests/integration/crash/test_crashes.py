"""SIGKILL at more than two hundred points of every transition, and what the next start makes of it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LEAST = 200


@pytest.mark.timeout(600)
async def test_nobody_is_lost_doubled_rung_twice_or_moved_whenever_the_node_is_killed(tmp_path: Path) -> None:
    # Four of seven of the 350 or so; `make soak` takes all of them.
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "tests.integration.crash.lives",
            str(tmp_path / "lives"),
            "7",
            "1",
            "3",
            "5",
            "6",
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    said = (await process.communicate())[0].decode()

    assert process.returncode == 0, said
    summary = json.loads(said.splitlines()[-1])
    assert summary["tried"] >= LEAST
    assert summary["failed"] == []
