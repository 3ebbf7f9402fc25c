"""`ringback db …`: the database."""

from __future__ import annotations

import asyncio

import typer

from gateway import config
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.storage.database import Database

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """The database."""


@app.command()
def upgrade(file: ConfigFile = None) -> None:
    """Bring the tables to this version's shape. `ringback run` does it too; a cluster may do it first."""
    with faults_reported():
        asyncio.run(_upgrade(config.load(file)))
    typer.echo("the database is up to date")


async def _upgrade(settings: config.Settings) -> None:
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()
    finally:
        await database.close()
