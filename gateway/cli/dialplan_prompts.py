"""`ringback dialplan prompts`: speak every prompt of a plan before a caller needs it."""

from __future__ import annotations

import asyncio

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway import config
from gateway.cli.dialplan_plan import PlanDirectory, plan_in
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.config import Settings
from gateway.dialplan.files import AudioFiles
from gateway.dialplan.prompts import spoken_texts
from gateway.speech import prompt_cache


def prompts(path: PlanDirectory = None, file: ConfigFile = None) -> None:
    """Speak and keep every prompt that is known before a call, and open every recording; exit 1 if one fails.

    A node does the same when it starts and reloads; this is for an image, or to hear of a missing voice
    early.
    """
    with faults_reported():
        settings = config.load(file)
        directory, plan = plan_in(path, file)
        texts = tuple(spoken_texts(plan))
        failed = asyncio.run(_render(settings, texts))
        files = asyncio.run(AudioFiles(directory, settings.media.rate).preload(plan))
    for text, language, error in failed:
        typer.echo(f"not spoken ({language}): {text}: {error}", err=True)
    for recorded, problem in files:
        typer.echo(f"{recorded.at}: {problem}", err=True)
    if failed or files:
        raise typer.Exit(1)
    typer.echo(f"{len(texts)} prompts are ready in {settings.data_dir / 'prompts'}")


async def _render(
    settings: Settings, texts: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str, Exception], ...]:
    columns = (TextColumn("speaking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    cache = await prompt_cache(settings, settings.media.rate)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(texts))
        try:
            return await cache.warm(texts, lambda ready, _all: progress.update(task, completed=ready))
        finally:
            await cache.close()
