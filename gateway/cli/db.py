"""`ringback db …`: the database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

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


@app.command()
def backup(
    to: Annotated[
        Path, typer.Argument(help="The file that is written; it mustn't be there yet.", dir_okay=False)
    ],
    file: ConfigFile = None,
) -> None:
    """Copy the database of a running node into a file, whole and consistent. SQLite only.

    To restore it: stop the node, put the file in place of the database, remove the files beside it that end
    in -wal and -shm, and start the node.
    """
    with faults_reported():
        pages = asyncio.run(_backup(config.load(file), to))
    typer.echo(f"{to}: {pages} pages, checked")


async def _backup(settings: config.Settings, to: Path) -> int:
    database = Database.open(settings.database_url)
    try:
        return await database.backup(to)
    finally:
        await database.close()
