"""`ringback call` to SIPp in every mood: what it prints and how it exits is what an operator goes by."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.peers.process import PeerProcess
from tests.integration.peers.sipp import Sipp, serving

ROOT = Path(__file__).parents[3]
DEADLINE_S = 30.0


async def place(sipp: Sipp, directory: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Run `ringback call --json`; its exit code and the call record that it prints."""
    command = [sys.executable, "-m", "gateway", "call", sipp.uri, "--json", *options]
    process = PeerProcess("ringback-call", command, directory)
    environment = {"PYTHONPATH": str(ROOT), "RINGBACK_SIP__BIND_ADDRESS": "127.0.0.1"}
    await process.start(environment)
    exit_code = await process.exited(DEADLINE_S)
    lines = [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]
    (record,) = [line for line in lines if "sip_status" in line]  # the others are the log's
    return exit_code, record


@pytest.mark.parametrize("scenario", ["uas_answers", "uas_lost_200", "uas_early_media"])
async def test_a_call_that_is_answered_is_hung_up_after_the_timeout(tmp_path: Path, scenario: str) -> None:
    async with serving(scenario, tmp_path / "sipp") as sipp:
        exit_code, record = await place(sipp, tmp_path, "--timeout", "3")
        result = await sipp.finished()

    result.raise_for_failure()
    assert exit_code == 0
    assert (record["result"], record["ended_by"], record["cause"]) == ("answered", "local", 16)


@pytest.mark.parametrize("scenario", ["uas_hangs_up", "uas_holds_and_resumes"])
async def test_a_far_end_that_hangs_up_ends_the_call(tmp_path: Path, scenario: str) -> None:
    async with serving(scenario, tmp_path / "sipp") as sipp:
        exit_code, record = await place(sipp, tmp_path)
        result = await sipp.finished()

    result.raise_for_failure()
    assert exit_code == 0
    assert (record["result"], record["ended_by"]) == ("answered", "remote")


@pytest.mark.parametrize(
    ("scenario", "outcome", "status", "cause"),
    [
        ("uas_busy", "busy", 486, 17),
        ("uas_declines", "rejected", 603, 21),
        ("uas_unavailable", "failed", 503, 41),
    ],
)
async def test_a_call_that_is_refused_says_why(
    tmp_path: Path, scenario: str, outcome: str, status: int, cause: int
) -> None:
    async with serving(scenario, tmp_path / "sipp") as sipp:
        exit_code, record = await place(sipp, tmp_path)
        result = await sipp.finished()

    result.raise_for_failure()
    assert exit_code == 1
    assert (record["result"], record["sip_status"], record["cause"]) == (outcome, status, cause)


async def test_a_call_that_nobody_answers_is_cancelled(tmp_path: Path) -> None:
    async with serving("uas_rings_forever", tmp_path / "sipp") as sipp:
        exit_code, record = await place(sipp, tmp_path, "--timeout", "2")
        result = await sipp.finished()

    result.raise_for_failure()
    assert exit_code == 1
    assert record["result"] == "no_answer"
