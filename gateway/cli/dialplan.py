"""`ringback dialplan …`: for the person who writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway import config
from gateway.cli.dialplan_reload import reload, versions
from gateway.cli.dialplan_simulate import simulate
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.dialplan import loader
from gateway.dialplan.faults import has_errors

app = typer.Typer(help="Check, try, test and reload dialplans.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Check, try, test and reload dialplans."""


@app.command("check")
def check(
    path: Annotated[
        Path | None, typer.Argument(help="The directory; the configured one if none is given.")
    ] = None,
    file: ConfigFile = None,
) -> None:
    """Print every fault as file:line:column: severity: message; exit 1 if one is an error."""
    with faults_reported():
        print_faults(path or config.load(file).dialplan.path)


app.command()(simulate)
app.command()(reload)
app.command()(versions)


def print_faults(path: Path) -> None:
    """Print the faults of a dialplan, or that there are none; leaves with 1 on an error."""
    faults = loader.check(path)
    for fault in faults:
        typer.echo(str(fault))
    if has_errors(faults):
        raise typer.Exit(1)
    typer.echo(f"{path}: {f'{len(faults)} to look at, no errors' if faults else 'no faults'}")
