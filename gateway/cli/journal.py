"""`ringback journal`: what happened to callers, callbacks and agents, from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, faults_reported
from gateway.cli.moments import moment_of, zone_of
from gateway.queues.journal import StoredEvent
from gateway.queues.queue_log import QueueLog
from gateway.storage.database import Database
from gateway.storage.journal_store import JournalStore, Selection
from gateway.storage.unsaved import event_to_json

Printer = Callable[[StoredEvent], Iterable[str]]


def journal(
    since: Annotated[str | None, typer.Option(help="A date, or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="A date, or a time; not included.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    entry: Annotated[
        str | None, typer.Option(help="Only this entry: one caller's or callback's story.")
    ] = None,
    call: Annotated[str | None, typer.Option(help="Only this call.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the last so many.")] = None,
    queue_log: Annotated[
        bool, typer.Option("--queue-log", help="In the format of Asterisk's queue_log, for its tools.")
    ] = False,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """What happened to callers, callbacks and agents, oldest first.

    Without a range, an entry or a call, the last 50 events. --json prints one object a line.
    """
    with faults_reported():
        settings = config.load(file)
        zone = zone_of(settings.node.timezone)
        selection = Selection(
            since=moment_of(since, zone),
            until=moment_of(until, zone),
            queue=queue,
            entry=entry,
            call_id=call,
            agent=agent,
        )
        if limit is None and not (since or until or entry or call):
            limit = 50
        asyncio.run(_print(settings, selection, limit, _printer(queue_log, as_json)))


async def _print(settings: config.Settings, selection: Selection, limit: int | None, lines: Printer) -> None:
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()  # a node that has never run has no events, which isn't an error
        store = JournalStore(database, settings.node.name)
        if limit is not None:
            for stored in await store.latest(limit, selection):
                _echo(lines(stored))
            return
        async for page in store.pages(selection):
            for stored in page:
                _echo(lines(stored))
    finally:
        await database.close()


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def _printer(queue_log: bool, as_json: bool) -> Printer:
    if queue_log:
        log = QueueLog()
        return lambda stored: log.lines(stored.event)
    if as_json:
        return lambda stored: (event_to_json(stored),)
    return lambda stored: (_readable(stored),)


def _readable(stored: StoredEvent) -> str:
    event = stored.event
    who = " ".join(filter(None, (event.queue, event.entry, event.agent)))
    details = " ".join(f"{name}={_value(value)}" for name, value in event.details.items())
    return f"{event.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f"  {event.kind.value:19} {who}  {details}".rstrip()


def _value(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
