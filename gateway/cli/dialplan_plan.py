"""What the dialplan commands share: which directory they are about, and the plan in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import soundfile
import typer

from gateway import config
from gateway.dialplan import loader
from gateway.dialplan.model import Plan, Prompt, Recorded
from gateway.dialplan.simulator import DurationOf, estimated_duration_s

PlanDirectory = Annotated[
    Path | None,
    typer.Option("--path", metavar="DIRECTORY", help="The dialplan; the configured one if none is given."),
]


def plan_in(path: Path | None, file: Path | None) -> tuple[Path, Plan]:
    """The directory asked for, or the configured one, and its plan. Raises PlanRefused."""
    directory = path or config.load(file).dialplan.path
    return directory, loader.load(directory)


def duration_of(directory: Path) -> DurationOf:
    """How long prompts are: recordings by their files, which the check has opened already."""

    def duration_s(prompt: Prompt) -> float:
        if isinstance(prompt, Recorded):
            try:
                return float(soundfile.info(directory / prompt.file).duration)
            except (OSError, RuntimeError):  # it was there when the plan was checked
                return estimated_duration_s(prompt.fallback)
        return estimated_duration_s(prompt)

    return duration_s
