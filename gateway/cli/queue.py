"""`ringback queue …`: the queues of the running node, and who waits in them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import typer

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient, path_of
from gateway.cli.tables import percent, print_table, seconds, skills

PAGE: Final = 500

app = typer.Typer(help="Queues of the running node.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Queues of the running node. The key is taken from RINGBACK_API_KEY."""


@app.command("list")
def list_queues(url: Url = None, as_json: AsJson = False, file: ConfigFile = None) -> None:
    """Every queue: who waits, how long, and who serves it."""
    with faults_reported():
        queues = NodeClient.of(config.load(file), url).get(path_of("queues"))["queues"]
    if as_json:
        typer.echo(json.dumps(queues))
        return
    headings = ("queue", "waiting", "callbacks", "longest", "talking", "idle", "on duty", "logged in")
    today = ("answered", "abandoned", "in time", "mean wait")
    print_table(
        (*headings, *today),
        [_row(queue) for queue in queues],
        right=frozenset((*headings[1:], *today)),
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The queue.")],
    limit: Annotated[int, typer.Option(min=1, help="How many entries, from the first.")] = 50,
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """A queue, and who waits in it, in the order in which they are served."""
    with faults_reported():
        node = NodeClient.of(config.load(file), url)
        queue = node.get(path_of("queues", name))
        entries = _entries(node, name, limit)
    if as_json:
        typer.echo(json.dumps({**queue, "entries": entries}))
        return
    if (rules := queue["rules"]) is not None:
        typer.echo(
            f"{name}: {rules['strategy']}, capacity {rules['capacity'] or 'unlimited'}, "
            f"rings {rules['ring_s']:g} s, in time within {rules['service_level_s']:g} s"
        )
    typer.echo(
        f"{queue['waiting']} waiting, {queue['callbacks']} callbacks, {queue['connected']} talking; "
        f"agents: {queue['idle']} idle, {queue['on_duty']} on duty, {queue['staffed']} logged in"
    )
    if entries:
        who = ("number", "name", "skills", "with")
        print_table(
            ("position", "entry", "state", "waits", "estimate", "priority", *who),
            [_entry_row(entry) for entry in entries],
            right=frozenset({"position", "waits", "estimate", "priority"}),
        )


def _entries(node: NodeClient, name: str, limit: int) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    cursor = None
    while len(entries) < limit:
        size = min(limit - len(entries), PAGE)
        page = node.get(path_of("queues", name, "entries", limit=size, cursor=cursor))
        entries += page["entries"]
        cursor = page["next"]
        if cursor is None:
            break
    return entries


def _row(queue: dict[str, Any]) -> tuple[str, ...]:
    today = queue["today"] or {}
    return (
        queue["name"],
        str(queue["waiting"]),
        str(queue["callbacks"]),
        seconds(queue["oldest_wait_s"]),
        str(queue["connected"]),
        str(queue["idle"]),
        str(queue["on_duty"]),
        str(queue["staffed"]),
        str(today.get("answered", "-")),
        str(today.get("abandoned", "-")),
        percent(today.get("service_level")),
        seconds(today.get("average_wait_s")),
    )


def _entry_row(entry: dict[str, Any]) -> tuple[str, ...]:
    estimate = entry["estimate"]
    return (
        str(entry["position"] or "-"),
        entry["id"],
        entry["state"],
        seconds(entry["wait_s"]),
        seconds(estimate["median_s"] if estimate else None),
        str(entry["priority"]),
        entry["number"],
        entry["name"],
        skills(entry["skills"]),
        " ".join(entry["agents"]),
    )
