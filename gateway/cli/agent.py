"""`ringback agent …`: the agents of the running node, and what they chose."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from gateway import config
from gateway.agents.presence import Presence
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient, path_of
from gateway.cli.tables import print_table, seconds, since, skills

app = typer.Typer(help="Agents of the running node.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Agents of the running node. The key is taken from RINGBACK_API_KEY."""


@app.command("list")
def list_agents(
    queue: Annotated[str | None, typer.Option(help="Who serves this queue.")] = None,
    presence: Annotated[Presence | None, typer.Option(help="Who chose this.")] = None,
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """Every agent: what they chose, what calls did, and since when."""
    with faults_reported():
        chosen = None if presence is None else presence.value
        path = path_of("agents", queue=queue, presence=chosen)
        agents = NodeClient.of(config.load(file), url).get(path)["agents"]
    if as_json:
        typer.echo(json.dumps(agents))
        return
    print_table(
        ("agent", "name", "presence", "reason", "state", "since", "calls", "talked", "queues", "skills", ""),
        [_row(agent) for agent in agents],
        right=frozenset({"since", "calls", "talked"}),
    )


@app.command("set")
def set_presence(
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    presence: Annotated[Presence, typer.Argument(help="What they are from now on, or after their call.")],
    reason: Annotated[str, typer.Option(help="Of a break.")] = "",
    url: Url = None,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """Log an agent in or out, or send them on a break; with an agent's own key, or a supervisor's."""
    with faults_reported():
        body = {"presence": presence.value, "reason": reason}
        answer = NodeClient.of(config.load(file), url).put(path_of("agents", agent, "presence"), body)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    why = f" ({answer['reason']})" if answer["reason"] else ""
    typer.echo(f"{answer['id']} is {answer['presence']}{why}, {answer['state']} now")


def _row(agent: dict[str, Any]) -> tuple[str, ...]:
    return (
        agent["id"],
        agent["name"],
        agent["presence"],
        agent["reason"],
        agent["state"],
        seconds(since(agent["since"])),
        str(agent["calls"]),
        seconds(agent["talk_s"]),
        " ".join(agent["queues"]),
        skills(agent["skills"]),
        "" if agent["reachable"] else "unreachable",
    )
