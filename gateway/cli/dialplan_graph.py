"""`ringback dialplan graph` and `diff`: flows as pictures, and what a change means for callers."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from gateway import config
from gateway.cli.dialplan_plan import PlanDirectory, plan_in
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.dialplan import loader
from gateway.dialplan.diff import changes, marked_graphs
from gateway.dialplan.faults import suggest
from gateway.dialplan.graph import graph_of, to_dot, to_mermaid
from gateway.dialplan.model import Plan
from gateway.dialplan.svg import to_svg
from gateway.dialplan.versions import VersionStore


class GraphFormat(Enum):
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


class DiffFormat(Enum):
    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"


_WRITERS = {GraphFormat.MERMAID: to_mermaid, GraphFormat.DOT: to_dot, GraphFormat.SVG: to_svg}


def graph(
    flow: Annotated[str, typer.Argument(help="The flow's name.")],
    form: Annotated[GraphFormat, typer.Option("--format", help="SVG needs nothing to draw it.")] = (
        GraphFormat.MERMAID
    ),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="A file instead of the terminal.")
    ] = None,
    path: PlanDirectory = None,
    file: ConfigFile = None,
) -> None:
    """Draw a flow; each edge has the keys, phrases or conditions that lead along it."""
    with faults_reported():
        _, plan = plan_in(path, file)
    if flow not in plan.flows:
        typer.echo(f"there is no flow '{flow}'{suggest(flow, plan.flows)}", err=True)
        raise typer.Exit(1)
    drawn = _WRITERS[form](graph_of(plan.flows[flow], plan))
    if output is None:
        typer.echo(drawn, nl=False)
    else:
        output.write_text(drawn, encoding="utf-8")


def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="A directory, or a version that the node keeps.")],
    new: Annotated[str, typer.Argument(metavar="B", help="The same, to compare with.")],
    form: Annotated[DiffFormat, typer.Option("--format", help="Words, or a graph of each changed flow.")] = (
        DiffFormat.TEXT
    ),
    file: ConfigFile = None,
) -> None:
    """Say what changes for callers between two plans; exit 0 whether or not anything does."""
    with faults_reported():
        settings = config.load(file)
        plans = _plan(old, settings), _plan(new, settings)
    match form:
        case DiffFormat.TEXT:
            found = changes(*plans)
            for change in found:
                typer.echo(str(change))
            if not found:
                typer.echo("nothing changes for callers")
        case DiffFormat.JSON:
            listed = [{"place": c.place, "change": c.mark.value, "text": c.text} for c in changes(*plans)]
            typer.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        case DiffFormat.MERMAID:
            for marked in marked_graphs(*plans):
                typer.echo(f"%% flow {marked.name}\n{to_mermaid(marked)}", nl=False)
        case DiffFormat.SVG:
            for marked in marked_graphs(*plans):
                typer.echo(to_svg(marked), nl=False)


def _plan(name: str, settings: config.Settings) -> Plan:
    if Path(name).is_dir():
        return loader.load(Path(name))
    return VersionStore(settings.data_dir / "dialplans").load(name).plan
