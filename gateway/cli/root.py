"""`ringback run` and `ringback check`, and the groups of the other commands."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from gateway import config, faults
from gateway.cli import (
    agent,
    call,
    callback,
    calls,
    db,
    dialplan,
    journal,
    pbx,
    queue,
    report,
    token,
    top,
    webhooks,
)
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.dialplan import loader
from gateway.speech import engine_problems, unheard
from gateway.version import VERSION
from monitoring import logs

app = typer.Typer(
    help="A self-hosted telephony and voice gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, and those hold what callers typed
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ringback {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which and exit.")
    ] = False,
) -> None:
    """A self-hosted telephony and voice gateway."""


@app.command()
def run(file: ConfigFile = None) -> None:
    """Start the node; SIGTERM or Ctrl-C stops it when its calls have ended."""
    from gateway.app import run as serve  # loads the native library, which `check` does without

    with faults_reported():
        settings = config.load(file)
        if (fault := config.fault_point()) is not None:
            faults.arm(fault)
        with logs.configured(settings.log.level, settings.log.format):
            asyncio.run(serve(settings))


@app.command()
def check(file: ConfigFile = None) -> None:
    """Check the configuration and every dialplan without starting anything; exit 1 on a fault."""
    with faults_reported():
        settings = config.load(file)
        problems = engine_problems(settings.speech)
        for problem in problems:
            typer.echo(problem)
        if not problems:
            typer.echo("configuration: no faults")
        dialplan.print_faults(settings.dialplan.path)
        for fault in unheard(loader.load(settings.dialplan.path), settings.speech):
            typer.echo(str(fault))
        if problems:
            raise typer.Exit(1)


app.command()(call.call)
app.command()(journal.journal)
app.command()(token.token)
app.command()(top.top)
app.add_typer(agent.app, name="agent")
app.add_typer(callback.app, name="callback")
app.add_typer(calls.app, name="calls")
app.add_typer(db.app, name="db")
app.add_typer(dialplan.app, name="dialplan")
app.add_typer(pbx.app, name="pbx")
app.add_typer(queue.app, name="queue")
app.add_typer(report.app, name="report")
app.add_typer(webhooks.app, name="webhooks")
