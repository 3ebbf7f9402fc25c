"""`ringback dialplan …`: for the person who writes them."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from gateway import config
from gateway.cli.dialplan_graph import diff, graph
from gateway.cli.dialplan_prompts import prompts
from gateway.cli.dialplan_reload import reload, versions
from gateway.cli.dialplan_simulate import simulate
from gateway.cli.dialplan_test import run_flow_tests
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.dialplan import loader
from gateway.dialplan.faults import Fault, has_errors

app = typer.Typer(help="Check, try, test and reload dialplans.", no_args_is_help=True)


class FaultFormat(Enum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@app.callback()
def options() -> None:
    """Check, try, test and reload dialplans."""


@app.command("check")
def check(
    path: Annotated[
        Path | None, typer.Argument(help="The directory; the configured one if none is given.")
    ] = None,
    form: Annotated[FaultFormat, typer.Option("--format", help="For people, programs or GitHub Actions.")] = (
        FaultFormat.TEXT
    ),
    file: ConfigFile = None,
) -> None:
    """Print every fault as file:line:column: severity: message; exit 1 if one is an error."""
    with faults_reported():
        print_faults(path or config.load(file).dialplan.path, form)


app.command()(simulate)
app.command()(prompts)
app.command()(graph)
app.command()(diff)
app.command("test")(run_flow_tests)
app.command()(reload)
app.command()(versions)


def print_faults(path: Path, form: FaultFormat = FaultFormat.TEXT) -> None:
    """Print the faults of a dialplan, or that there are none; leaves with 1 on an error."""
    faults = loader.check(path)
    if form is FaultFormat.JSON:
        typer.echo(json.dumps([_members(fault) for fault in faults], ensure_ascii=False, indent=2))
    else:
        for fault in faults:
            typer.echo(str(fault) if form is FaultFormat.TEXT else _annotation(fault))
    if has_errors(faults):
        raise typer.Exit(1)
    if form is FaultFormat.TEXT:
        typer.echo(f"{path}: {f'{len(faults)} to look at, no errors' if faults else 'no faults'}")


def _members(fault: Fault) -> dict[str, str | int]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "severity": fault.severity.value,
        "message": fault.message,
    }


def _annotation(fault: Fault) -> str:
    """A workflow command of GitHub Actions, which shows it beside the line in a pull request.

    Its escapes: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
    """
    message = fault.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    file = fault.file.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{fault.severity.value} file={file},line={fault.line},col={fault.column}::{message}"
