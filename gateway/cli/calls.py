"""`ringback calls …`: the call records."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from gateway import config
from gateway.call.cdr import CallRecord
from gateway.cli.invocation import AsJson, ConfigFile, faults_reported
from gateway.storage.calls import CallStore
from gateway.storage.database import Database
from gateway.storage.unsaved import to_json

PIPE_WIDTH = 200

app = typer.Typer(help="Finished calls.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Finished calls."""


@app.command("list")
def list_calls(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, from the newest.")] = 20,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """The newest calls first."""
    with faults_reported():
        records = asyncio.run(_read(config.load(file), limit))
    if as_json:
        typer.echo("[" + ",\n ".join(to_json(record) for record in records) + "]")
    else:
        # A pipe has no width; the 80 columns that rich would assume cut the table to pieces.
        Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(_table(records))


async def _read(settings: config.Settings, limit: int) -> Sequence[CallRecord]:
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()  # a node that has never run has no calls, which isn't an error
        return await CallStore(database).list(limit)
    finally:
        await database.close()


def _table(records: Sequence[CallRecord]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("started (UTC)", "direction", "from", "to", "result", "cause", "lasted", "path"):
        table.add_column(heading, justify="right" if heading == "lasted" else "left")
    for record in records:
        table.add_row(
            f"{record.started_at:%Y-%m-%d %H:%M:%S}",
            record.direction,
            record.ani,
            record.dnis,
            record.result.value,
            f"{record.cause} {record.cause_text}".strip(),
            f"{record.duration_s:.1f} s",
            " > ".join(record.path),
        )
    return table
