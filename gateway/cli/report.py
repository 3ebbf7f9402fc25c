"""`ringback report queues|agents|callbacks|surveys`: what the running node computes from its journal."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient
from gateway.queues.intervals import Interval
from gateway.queues.surveys import Subject

PIPE_WIDTH: Final = 200

app = typer.Typer(help="Figures by interval.", no_args_is_help=True)

Show = Callable[[Any], str]
Column = tuple[str, str, Show]
"""A member of the rows, its heading, and how its values are shown."""

Since = Annotated[str | None, typer.Option(help="A date, or a time with its zone; today without it.")]
Until = Annotated[str | None, typer.Option(help="The same; not included. Now without it.")]
Division = Annotated[Interval, typer.Option(help="How the range is divided.")]
Zone = Annotated[
    str | None, typer.Option(help="Where days begin, such as Europe/Berlin; the node's without it.")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="For spreadsheets.")]


@app.callback()
def options() -> None:
    """Figures by interval, computed from the journal. The key is taken from RINGBACK_API_KEY."""


@app.command()
def queues(
    queue: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    service_level: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Instead of each queue's own threshold.")
    ] = None,
    since: Since = None,
    until: Until = None,
    interval: Division = Interval.TOTAL,
    timezone: Zone = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """Volumes, waits, service levels and handling of each queue."""
    asked = {"queue": queue, "service_level_s": service_level}
    report = _ask("queues", _range(since, until, interval, timezone) | asked, file, url)
    show_report(report, QUEUE_COLUMNS, as_json, as_csv)


@app.command()
def agents(
    agent: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    since: Since = None,
    until: Until = None,
    interval: Division = Interval.TOTAL,
    timezone: Zone = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """Offers, conversations, times and occupancy of each agent."""
    report = _ask("agents", _range(since, until, interval, timezone) | {"agent": agent}, file, url)
    show_report(report, AGENT_COLUMNS, as_json, as_csv)


@app.command()
def callbacks(
    queue: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    since: Since = None,
    until: Until = None,
    interval: Division = Interval.TOTAL,
    timezone: Zone = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """Callbacks of each queue: requests, tries, and promises against what became of them."""
    report = _ask("callbacks", _range(since, until, interval, timezone) | {"queue": queue}, file, url)
    show_report(report, CALLBACK_COLUMNS, as_json, as_csv)


@app.command()
def surveys(
    by: Annotated[Subject, typer.Option(help="What a row is about.")] = Subject.QUEUE,
    since: Since = None,
    until: Until = None,
    interval: Division = Interval.TOTAL,
    timezone: Zone = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """What callers thought of their calls: NPS, CSAT, comments."""
    report = _ask("surveys", _range(since, until, interval, timezone) | {"by": by.value}, file, url)
    show_report(report, ((by.value, by.value, _plain), *SURVEY_COLUMNS), as_json, as_csv)


def _range(
    since: str | None, until: str | None, interval: Interval, timezone: str | None
) -> dict[str, object]:
    return {"since": since, "until": until, "interval": interval.value, "timezone": timezone}


def _ask(what: str, parameters: Mapping[str, object], file: ConfigFile, url: str | None) -> dict[str, Any]:
    given = {name: value for name, value in parameters.items() if value is not None}
    with faults_reported():
        return NodeClient.of(config.load(file), url).get(f"/v1/reports/{what}?{urlencode(given, doseq=True)}")


def show_report(report: dict[str, Any], columns: Sequence[Column], as_json: bool, as_csv: bool) -> None:
    """Print a report as the node gave it: as JSON, as CSV, or its `columns` as a table."""
    if as_json:
        typer.echo(json.dumps(report))
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, report["columns"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(report["rows"])
    else:
        # A pipe has no width; the 80 columns that rich would assume cut the table to pieces.
        Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(_table(report, columns))


# ---- for people


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _duration(value: float | None) -> str:
    """Hours only where there are some: 0:07, 12:30, 7:45:00."""
    if value is None:
        return ""
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


QUEUE_COLUMNS: Final[Sequence[Column]] = (
    ("queue", "queue", _plain),
    ("offered", "offered", _plain),
    ("answered", "answered", _plain),
    ("abandoned", "abandoned", _plain),
    ("abandon_ratio", "ab. %", _percent),
    ("sl", "SL", _percent),
    ("sl2", "SL2", _percent),
    ("sl_net", "SL net", _percent),
    ("asa_s", "ASA", _duration),
    ("longest_wait_s", "longest", _duration),
    ("aht_s", "AHT", _duration),
    ("callbacks_requested", "callbacks", _plain),
    ("callbacks_kept", "kept", _plain),
)
CALLBACK_COLUMNS: Final[Sequence[Column]] = (
    ("queue", "queue", _plain),
    ("callbacks_requested", "asked for", _plain),
    ("callbacks_kept", "kept", _plain),
    ("callbacks_missed", "missed", _plain),
    ("callbacks_cancelled", "cancelled", _plain),
    ("callbacks_returned", "called in", _plain),
    ("callback_attempts", "calls", _plain),
    ("callback_attempts_answered", "answered", _plain),
    ("promises_kept_ratio", "in time", _percent),
    ("promise_error_s", "late by", _duration),
)
SURVEY_COLUMNS: Final[Sequence[Column]] = (
    ("answered", "answered", _plain),
    ("invited", "invited", _plain),
    ("nps", "NPS", _score),
    ("promoters", "9-10", _plain),
    ("passives", "7-8", _plain),
    ("detractors", "0-6", _plain),
    ("csat", "CSAT", _score),
    ("csat_ratio", "content", _percent),
    ("comments", "comments", _plain),
)
AGENT_COLUMNS: Final[Sequence[Column]] = (
    ("agent", "agent", _plain),
    ("offers", "offers", _plain),
    ("answered", "answered", _plain),
    ("declined", "declined", _plain),
    ("rona", "RONA", _plain),
    ("handled", "handled", _plain),
    ("aht_s", "AHT", _duration),
    ("talk_s", "talk", _duration),
    ("hold_s", "hold", _duration),
    ("in_wrap_up_s", "wrap-up", _duration),
    ("idle_s", "idle", _duration),
    ("on_break_s", "break", _duration),
    ("logged_in_s", "logged in", _duration),
    ("occupancy", "occ.", _percent),
)


def _table(report: dict[str, Any], columns: Sequence[Column]) -> Table:
    divided = report["interval"] != Interval.TOTAL.value
    table = Table(
        box=box.SIMPLE_HEAD, caption=f"{report['since']} to {report['until']}", caption_justify="left"
    )
    if divided:
        table.add_column("from")
    for index, (_, heading, _) in enumerate(columns):
        table.add_column(heading, justify="right" if index else "left")
    for row in report["rows"]:
        cells = [show(row[name]) for name, _, show in columns]
        table.add_row(*([row["start"][:16].replace("T", " ")] if divided else []), *cells)
    return table
