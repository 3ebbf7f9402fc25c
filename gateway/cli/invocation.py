"""What every command shares: --config, --json, and how faults reach the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import RingbackError

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; ./ringback.toml if that exists."),
]
Url = Annotated[
    str | None, typer.Option(metavar="URL", help="The node's HTTP address; the configured one without it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs instead of people.")]


@contextmanager
def faults_reported() -> Iterator[None]:
    """Print an error of ours without a traceback and exit with 1; anything else is a bug and shows itself."""
    try:
        yield
    except RingbackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except ExceptionGroup as group:  # what a task group makes of an error that passes through it
        ours, others = group.split(RingbackError)
        if ours is None or others is not None:
            raise
        for fault in _leaves(ours):
            typer.echo(str(fault), err=True)
        raise typer.Exit(1) from group


def _leaves(group: ExceptionGroup[RingbackError]) -> Iterator[RingbackError]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
