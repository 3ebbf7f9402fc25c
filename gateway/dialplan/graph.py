"""A flow as a graph, and the graph as Mermaid and as DOT. `svg` draws it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.dialplan.model import Flow, Node, Plan, branches
from gateway.dialplan.summaries import kind_of, summary_of

MAX_SUMMARY: Final = 140


class Mark(Enum):
    """What a comparison says of a vertex or an edge; the values are how it is named in the picture."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Vertex:
    """A node: its name, its kind (`say`, `menu`, …) and in short what it says or does."""

    name: str
    kind: str
    summary: str
    mark: Mark = Mark.SAME


@dataclass(frozen=True, slots=True)
class Edge:
    """All branches from one node to another. `labels`: keys, phrases, conditions, names of exits."""

    source: str
    target: str
    labels: tuple[str, ...]
    mark: Mark = Mark.SAME

    @property
    def label(self) -> str:
        """The labels as a picture shows them; what every say node does needs no words."""
        return ", ".join(label for label in self.labels if label not in _PLAIN)


_PLAIN: Final = frozenset({"next", "goto"})


@dataclass(frozen=True, slots=True)
class Graph:
    """Vertices and edges in the order of the plan. `start`: where callers come in."""

    name: str
    start: str
    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]


def graph_of(flow: Flow, plan: Plan | None = None) -> Graph:
    """The graph of `flow`; with its `plan`, texts of catalogues are shown instead of their keys.

    A branch to a node that doesn't exist is left out; the check reports it.
    """
    vertices = tuple(
        Vertex(node.name, kind_of(node), _shortened(_summary(flow, node, plan)))
        for node in flow.nodes.values()
    )
    labels: dict[tuple[str, str], list[str]] = {}
    for node in flow.nodes.values():
        for branch in branches(node):
            if branch.target.node in flow.nodes:
                labels.setdefault((node.name, branch.target.node), []).append(branch.label)
    edges = tuple(Edge(source, target, tuple(found)) for (source, target), found in labels.items())
    return Graph(flow.name, flow.start.node, vertices, edges)


def _summary(flow: Flow, node: Node, plan: Plan | None) -> str:
    summary = summary_of(node, flow.language, plan)
    # No edge leads to the node for errors: it would come from nearly everywhere.
    handler = flow.error is not None and flow.error.node == node.name
    return f"(on any error) {summary}" if handler else summary


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SUMMARY else f"{text[: MAX_SUMMARY - 1].rstrip()}…"


# Mermaid: https://mermaid.js.org/syntax/flowchart.html

_SHAPES: Final = {"menu": ("{{", "}}"), "gather": ("{{", "}}"), "hangup": ("([", "])"), "branch": ("{", "}")}
_COLOURS: Final = {
    Mark.ADDED: "fill:#dcfce7,stroke:#15803d",
    Mark.REMOVED: "fill:#fee2e2,stroke:#b91c1c,stroke-dasharray:4",
    Mark.CHANGED: "fill:#fef9c3,stroke:#a16207",
}


def to_mermaid(graph: Graph) -> str:
    """A flowchart that GitHub, GitLab and most editors draw; changed vertices are coloured."""
    ids = _ids(graph)
    return "\n".join(["flowchart TD", *_mermaid_vertices(graph, ids), *_mermaid_edges(graph, ids), ""])


def _mermaid_vertices(graph: Graph, ids: dict[str, str]) -> Iterator[str]:
    yield f'    start(("{_mermaid_text(graph.name)}"))'
    for vertex in graph.vertices:
        before, after = _SHAPES.get(vertex.kind, ("[", "]"))
        mark = "" if vertex.mark is Mark.SAME else f" ({vertex.mark.value})"
        text = f"<b>{_mermaid_text(vertex.name)}</b>{mark}<br>{_mermaid_text(vertex.summary)}"
        yield f'    {ids[vertex.name]}{before}"{text}"{after}'
    for colour, colours in _COLOURS.items():
        marked = [ids[vertex.name] for vertex in graph.vertices if vertex.mark is colour]
        if marked:
            yield f"    classDef {colour.value} {colours}"
            yield f"    class {','.join(marked)} {colour.value}"


def _mermaid_edges(graph: Graph, ids: dict[str, str]) -> Iterator[str]:
    if graph.start in ids:
        yield f"    start --> {ids[graph.start]}"
    for edge in graph.edges:
        arrow = "-.->" if edge.mark is Mark.REMOVED else "==>" if edge.mark is Mark.ADDED else "-->"
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        yield f"    {ids[edge.source]} {arrow}{label} {ids[edge.target]}"


def _mermaid_text(text: str) -> str:
    """With Mermaid's own escapes for what would end the text or begin a tag, an entity or Markdown."""
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        text = text.replace(character, entity)
    return text


def _ids(graph: Graph) -> dict[str, str]:
    # Not the names: `end` and `style` are words of Mermaid.
    return {vertex.name: f"n{number}" for number, vertex in enumerate(graph.vertices)}


# DOT: https://graphviz.org/doc/info/lang.html


def to_dot(graph: Graph) -> str:
    """For Graphviz: `… --format dot | dot -Tpdf -o flow.pdf`."""
    vertices = [
        f"    {_quoted(vertex.name)} [label={_quoted(_dot_label(vertex))}{_dot_shape(vertex)}];"
        for vertex in graph.vertices
    ]
    edges = [
        f"    {_quoted(edge.source)} -> {_quoted(edge.target)} [label={_quoted(edge.label)}];"
        for edge in graph.edges
    ]
    head = [
        f"digraph {_quoted(graph.name)} {{",
        '    node [shape=box, fontname="sans-serif", fontsize=11];',
        '    edge [fontname="sans-serif", fontsize=10];',
        f'    "" [shape=point]; "" -> {_quoted(graph.start)};',
    ]
    return "\n".join([*head, *vertices, *edges, "}", ""])


def _dot_label(vertex: Vertex) -> str:
    return "\n".join([f"{vertex.name} ({vertex.kind})", *wrap(vertex.summary, 34)])


def _dot_shape(vertex: Vertex) -> str:
    shapes = {"menu": "hexagon", "gather": "hexagon", "branch": "diamond", "hangup": "oval"}
    return f", shape={shapes[vertex.kind]}" if vertex.kind in shapes else ""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


# Text


def wrap(text: str, width: int, lines: int = 4) -> Sequence[str]:
    """`text` in lines of at most `width` columns; an East Asian character takes two. The rest becomes `…`."""
    found: list[str] = []
    line = ""
    for word in _breakable(text):
        if columns(line + word.rstrip()) <= width or not line.strip():
            line += word
            continue
        found.append(line.strip())
        line = word
        if len(found) == lines:
            found[-1] += " …"
            return found
    return [*found, line.strip()] if line.strip() else found


def _breakable(text: str) -> Iterator[str]:
    """Words with the spaces after them; Chinese and Japanese can break after every character."""
    word = ""
    for character in text:
        word += character
        if character == " " or ord(character) >= _WIDE:
            yield word
            word = ""
    if word:
        yield word


def columns(text: str) -> int:
    return sum(2 if ord(character) >= _WIDE else 1 for character in text)


_WIDE: Final = 0x2E80
