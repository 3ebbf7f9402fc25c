"""`ringback webhooks …`: whom the running node tells what, and what couldn't be told."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient, path_of
from gateway.cli.tables import print_table

app = typer.Typer(help="Webhooks of the running node.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Webhooks of the running node. The key is taken from RINGBACK_API_KEY; it is an admin's."""


@app.command("endpoints")
def list_endpoints(url: Url = None, as_json: AsJson = False, file: ConfigFile = None) -> None:
    """Who is told what, and how they fare."""
    with faults_reported():
        found = NodeClient.of(config.load(file), url).get(path_of("webhooks"))["endpoints"]
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = [
        (
            one["name"],
            one["url"],
            " ".join(one["events"]),
            "yes" if one["enabled"] else "no (410)",
            *(str(one[state]) for state in ("pending", "delivered", "dead")),
        )
        for one in found
    ]
    headings = ("endpoint", "url", "events", "enabled", "pending", "delivered", "dead")
    print_table(headings, rows, right=frozenset(headings[4:]))


@app.command("list")
def list_deliveries(
    state: Annotated[str | None, typer.Option(help="pending, delivered or dead.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only for this one.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Such as call.ended.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 50,
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """Messages, the newest first, and what became of them."""
    path = path_of("webhooks", "deliveries", state=state, endpoint=endpoint, type=type_, limit=limit)
    with faults_reported():
        found = NodeClient.of(config.load(file), url).get(path)["deliveries"]
    if as_json:
        typer.echo(json.dumps(found))
        return
    headings = ("delivery", "at", "endpoint", "type", "state", "tries", "next try", "error")
    print_table(headings, [_row(one) for one in found], right=frozenset({"tries"}))


@app.command()
def show(
    delivery: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """A message with its body, as JSON."""
    with faults_reported():
        found = NodeClient.of(config.load(file), url).get(path_of("webhooks", "deliveries", delivery))
    typer.echo(json.dumps(found, indent=2))


@app.command()
def replay(
    delivery: Annotated[str | None, typer.Argument(help="Its id; every dead one without.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Every dead one for this endpoint.")] = None,
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """Send again what couldn't be delivered."""
    with faults_reported():
        node = NodeClient.of(config.load(file), url)
        if delivery is None:
            body = {} if endpoint is None else {"endpoint": endpoint}
            found = node.post(path_of("webhooks", "replay"), body)
        else:
            found = node.post(path_of("webhooks", "deliveries", delivery, "replay"), {})
    typer.echo(f"{found['replayed']} will be sent again")


@app.command("test")
def try_endpoint(
    endpoint: Annotated[str, typer.Argument(help="Its name.")],
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """Send a `webhook.test`; `list --type webhook.test` shows what became of it."""
    with faults_reported():
        found = NodeClient.of(config.load(file), url).post(path_of("webhooks", endpoint, "test"), {})
    typer.echo(f"sent as message {found['message']}")


@app.command()
def enable(
    endpoint: Annotated[str, typer.Argument(help="Its name.")],
    url: Url = None,
    file: ConfigFile = None,
) -> None:
    """Send to an endpoint again that has said 410."""
    with faults_reported():
        NodeClient.of(config.load(file), url).post(path_of("webhooks", endpoint, "enable"), {})
    typer.echo(f"{endpoint} is enabled")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    next_at = one["next_at"]
    return (
        one["id"],
        one["at"][:19].replace("T", " "),
        one["endpoint"],
        one["type"],
        one["state"],
        str(one["tries"]),
        "-" if next_at is None else next_at[11:19],
        one["error"],
    )
