"""`ringback run` and `ringback check`, and the groups of the other commands."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from gateway import config
from gateway.cli import call, calls, db, dialplan, token
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
app.command()(token.token)
app.add_typer(calls.app, name="calls")
app.add_typer(db.app, name="db")
app.add_typer(dialplan.app, name="dialplan")
