"""`ringback pbx status`: the link to the PBX, and what agents' devices do there."""

from __future__ import annotations

import json
from typing import Any

import typer

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient, path_of
from gateway.cli.tables import print_table, printable, seconds

app = typer.Typer(help="The PBX of the running node.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """The PBX of the running node. The key is taken from RINGBACK_API_KEY."""


@app.command()
def status(url: Url = None, as_json: AsJson = False, file: ConfigFile = None) -> None:
    """Whether it is connected, since when, and what agents' devices do; exit 1 when it isn't connected."""
    with faults_reported():
        pbx = NodeClient.of(config.load(file), url).get(path_of("pbx"))
    if as_json:
        typer.echo(json.dumps(pbx))
    elif not pbx["configured"]:
        typer.echo("no PBX: set pbx.host")
    else:
        _print(pbx)
    if pbx["configured"] and not pbx["connected"]:
        raise typer.Exit(1)


def _print(pbx: dict[str, Any]) -> None:
    if pbx["connected"]:
        ping_s = pbx["ping_s"]
        ping = "" if ping_s is None else f", ping {1000 * ping_s:.1f} ms"
        typer.echo(f"{pbx['address']}: connected for {seconds(pbx['connected_s'])}{ping}")
    else:
        typer.echo(f"{pbx['address']}: not connected: {printable(pbx['trouble'])}")
    typer.echo(
        f"{pbx['events']} events, the last {seconds(pbx['last_event_s'])} ago; {pbx['dropped']} dropped; "
        f"{pbx['connections']} connections"
    )
    if not pbx["hears_itself"]:
        typer.echo("its account may not read or write user events, so deafness is noticed by pings alone")
    if pbx["devices"]:
        print_table(
            ("agent", "device", "state", "on a call there", "channels"),
            [
                (
                    device["agent"],
                    device["device"],
                    device["state"],
                    "yes" if device["busy"] else "no",
                    " ".join(device["channels"]),
                )
                for device in pbx["devices"]
            ],
            right=frozenset(),
        )
