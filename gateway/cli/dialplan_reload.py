"""`ringback dialplan reload` and `versions`: the plan in force on the running node."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient, RequestRefused


def reload(
    version: Annotated[
        str | None,
        typer.Option("--version", help="Go back to this version instead of reading the directory."),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """Put the plan in the node's directory into force; a plan with errors is refused and changes nothing.

    Calls in progress finish on the version they began with. The key is taken from RINGBACK_API_KEY.
    """
    with faults_reported():
        node = NodeClient.of(config.load(file), url)
        try:
            answer = node.post("/v1/dialplans/reload", {"version": version} if version else {})
        except RequestRefused as refused:
            for fault in refused.problem.get("faults", ()):
                typer.echo(_line(fault))
            raise
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for fault in answer["warnings"]:
        typer.echo(_line(fault))
    typer.echo(_outcome(answer))


def versions(url: Url = None, as_json: AsJson = False, file: ConfigFile = None) -> None:
    """The version in force on the node, and those it can go back to."""
    with faults_reported():
        answer = NodeClient.of(config.load(file), url).get("/v1/dialplans")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for kept in answer["versions"]:
        state = ("pinned" if answer["pinned"] else "in force") if kept["in_force"] else ""
        when = kept["loaded_at"][:19]
        typer.echo(f"{kept['version']}  {when}  {kept['calls']:4} calls  {kept['source']}  {state}".rstrip())


def _line(fault: dict[str, Any]) -> str:
    return "{file}:{line}:{column}: {severity}: {message}".format_map(fault)


def _outcome(answer: dict[str, Any]) -> str:
    if answer["outcome"] == "unchanged":
        return f"version {answer['version']} is in force already"
    return f"version {answer['version']} is in force; before it, {answer['previous']}"
