"""`ringback calls …`: the call records, and the calls in progress."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gateway import config
from gateway.call.cdr import CallRecord
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient, RequestRefused, path_of
from gateway.cli.tables import print_table, seconds, since
from gateway.errors import RingbackError
from gateway.storage.calls import CallStore
from gateway.storage.database import Database
from gateway.storage.unsaved import to_json

app = typer.Typer(help="Calls, finished and in progress.", no_args_is_help=True)


class NoSuchCall(RingbackError):
    """Neither the database nor the node knows the call."""


@app.callback()
def options() -> None:
    """Calls, finished and in progress."""


@app.command("list")
def list_calls(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, from the newest.")] = 20,
    live: Annotated[
        bool, typer.Option("--live", help="Those in progress, from the running node (RINGBACK_API_KEY).")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """The newest calls first: finished ones from the database, or with --live those in progress."""
    with faults_reported():
        settings = config.load(file)
        if live or url is not None:
            _print_live(_live(NodeClient.of(settings, url), limit), as_json)
            return
        records = asyncio.run(_read(settings, limit))
    if as_json:
        typer.echo("[" + ",\n ".join(to_json(record) for record in records) + "]")
    else:
        _print_records(records)


@app.command()
def show(
    call: Annotated[str, typer.Argument(metavar="CALL", help="Its id.")],
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """One call: each of its legs from the database when it is over, else what the node says of it now."""
    with faults_reported():
        settings = config.load(file)
        legs = asyncio.run(_legs(settings, call))
        if not legs:
            typer.echo(json.dumps(_ask(NodeClient.of(settings, url), call), indent=None if as_json else 2))
            return
    if as_json:
        typer.echo("[" + ",\n ".join(to_json(leg) for leg in legs) + "]")
        return
    _print_records(legs)


def _ask(node: NodeClient, call: str) -> dict[str, Any]:
    try:
        return node.get(path_of("calls", call))
    except RequestRefused as refused:
        if refused.status == 404:
            raise NoSuchCall(
                f"no call {call}, finished or in progress: `ringback calls list` shows the ids with --json"
            ) from refused
        raise


def _live(node: NodeClient, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < limit:
        size = min(limit - len(found), 500)
        page = node.get(path_of("calls", live="true", limit=size, cursor=cursor))
        found += page["calls"]
        cursor = page["next"]
        if cursor is None:
            break
    return found


def _print_live(calls: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(calls))
        return
    rows = [
        (
            call["id"],
            call["direction"],
            call["ani"],
            call["dnis"],
            call["name"],
            call["state"],
            call["queue"],
            " ".join(call["agents"]),
            seconds(since(call["started_at"])),
            call["recording"],
        )
        for call in calls
    ]
    headings = ("call", "direction", "from", "to", "name", "state", "queue", "agents", "lasts", "recording")
    print_table(headings, rows, right=frozenset({"lasts"}))


async def _legs(settings: config.Settings, call: str) -> Sequence[CallRecord]:
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()
        return await CallStore(database).get(call)
    finally:
        await database.close()


async def _read(settings: config.Settings, limit: int) -> Sequence[CallRecord]:
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()  # a node that has never run has no calls, which isn't an error
        return await CallStore(database).list(limit)
    finally:
        await database.close()


def _print_records(records: Sequence[CallRecord]) -> None:
    rows = [
        (
            f"{record.started_at:%Y-%m-%d %H:%M:%S}",
            record.direction,
            record.ani,
            record.dnis,
            record.result.value,
            f"{record.cause} {record.cause_text}".strip(),
            f"{record.duration_s:.1f} s",
            " > ".join(record.path),
        )
        for record in records
    ]
    headings = ("started (UTC)", "direction", "from", "to", "result", "cause", "lasted", "path")
    print_table(headings, rows, right=frozenset({"lasted"}))
