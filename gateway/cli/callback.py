"""`ringback callback …`: who is to be called back by the running node."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import typer

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient, path_of
from gateway.cli.tables import print_table

PAGE: Final = 500

app = typer.Typer(help="Callbacks of the running node.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Callbacks of the running node. The key is taken from RINGBACK_API_KEY."""


@app.command("list")
def list_callbacks(
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """Callbacks that aren't over, the oldest first."""
    with faults_reported():
        found = _all(NodeClient.of(config.load(file), url), queue)
    if as_json:
        typer.echo(json.dumps(found))
        return
    headings = (
        "callback",
        "queue",
        "position",
        "state",
        "number",
        "name",
        "asked",
        "not before",
        "tries",
        "last",
    )
    print_table(headings, [_row(one) for one in found], right=frozenset({"position", "tries"}))


@app.command()
def add(
    queue: Annotated[str, typer.Argument(help="The queue.")],
    number: Annotated[str, typer.Argument(help="Whom to call, best with + and the country code.")],
    at: Annotated[
        str | None, typer.Option(help="When, such as 2026-01-05T14:00:00+01:00; as soon as possible without.")
    ] = None,
    name: Annotated[str, typer.Option(help="Who it is.")] = "",
    identity: Annotated[str, typer.Option(help="Whose callback it is: one for each in a queue.")] = "",
    language: Annotated[str, typer.Option(help="Such as en.")] = "",
    priority: Annotated[int, typer.Option(help="The higher goes first.")] = 0,
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """Ask for a callback."""
    body: dict[str, Any] = {
        "queue": queue,
        "number": number,
        "name": name,
        "identity": identity,
        "language": language,
        "priority": priority,
        **({} if at is None else {"at": at}),
    }
    with faults_reported():
        found = NodeClient.of(config.load(file), url).post(path_of("callbacks"), body)
    if as_json:
        typer.echo(json.dumps(found))
        return
    position = found["position"]
    place = "" if position is None else f", number {position} in {found['queue']}"
    typer.echo(f"callback {found['id']}: {found['state']}{place}")


@app.command()
def cancel(
    callback: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """Cancel a callback."""
    with faults_reported():
        NodeClient.of(config.load(file), url).delete(path_of("callbacks", callback))
    typer.echo(f"callback {callback}: cancelled")


@app.command()
def claim(
    callback: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    agent: Annotated[str | None, typer.Argument(help="For whom; an agent's own key is theirs.")] = None,
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """An agent takes a callback now, out of its turn."""
    body = {} if agent is None else {"agent": agent}
    with faults_reported():
        found = NodeClient.of(config.load(file), url).post(path_of("callbacks", callback, "claim"), body)
    typer.echo(f"callback {callback}: offered to {', '.join(found['agents'])}")


def _all(node: NodeClient, queue: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = node.get(path_of("callbacks", queue=queue, limit=PAGE, cursor=cursor))
        found += page["callbacks"]
        cursor = page["next"]
        if cursor is None:
            return found


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["id"],
        one["queue"],
        str(one["position"] or "-"),
        one["state"],
        one["number"],
        one["name"],
        _moment(one["requested_at"]),
        _moment(one["not_before"]),
        str(one["attempts"]),
        one["last_outcome"] or "-",
    )


def _moment(text: str | None) -> str:
    return "-" if text is None else text[:16].replace("T", " ")
