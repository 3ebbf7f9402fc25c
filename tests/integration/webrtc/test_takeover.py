"""The takeover's self-check, and what happens where it says no."""

from __future__ import annotations

import tomllib
from pathlib import Path

from gateway.webrtc.takeover import VERSIONS, problem

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


async def test_the_installed_libraries_are_those_that_it_was_written_for() -> None:
    assert problem() is None


async def test_other_versions_are_not_taken_over() -> None:
    assert problem({"aiortc": "9.9.9"}) == f"aiortc is {VERSIONS['aiortc']}, not 9.9.9"


def test_the_versions_are_pinned_exactly() -> None:
    dependencies = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]

    assert {f"{name}=={version}" for name, version in VERSIONS.items()} <= set(dependencies)
