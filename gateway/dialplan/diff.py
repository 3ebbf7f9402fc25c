"""What a new plan changes for callers, against an old one: in words, and as marked graphs. Pure.

Places in files don't count, nor what a node is made of: only what a caller could notice or a branch could
lead to. A renamed node reads as one that is gone and one that is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from gateway.dialplan.graph import Edge, Graph, Mark, graph_of
from gateway.dialplan.model import Flow, Node, Plan, Route, Wording, branches
from gateway.dialplan.summaries import kind_of, plain, summary_of, variant_text, wording_text

_SHORT: Final = 90
_DRAWN: Final = frozenset({"name", "at", "options", "phrases", "cases", "exits", "target"})
"""Fields that `branches` tells of already."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different. `place`: a flow, a node of it (`flow.node`), or `routes`."""

    place: str
    mark: Mark
    text: str

    def __str__(self) -> str:
        return f"{_SIGNS[self.mark]} {self.place}: {self.text}"


_SIGNS: Final = {Mark.ADDED: "+", Mark.REMOVED: "-", Mark.CHANGED: "~", Mark.SAME: "="}


def changes(old: Plan, new: Plan) -> tuple[Change, ...]:
    """Everything that is different for callers, routes first, then flow by flow; none for equal plans."""
    return (*_routes(old, new), *_parts(old, new), *_flows(old, new))


# Routes


def _routes(old: Plan, new: Plan) -> Iterator[Change]:
    before, after = _by_call(old.routes), _by_call(new.routes)
    for call, route in before.items():
        if call not in after:
            instead = new.route_for(route.pattern.text)
            text = f"{call} no longer runs '{route.flow.node}'" + (
                f" but '{instead.flow.node}', by the route {_call(instead)}" if instead is not None else ""
            )
            yield Change("routes", Mark.REMOVED, text)
        elif (now := after[call]).flow.node != route.flow.node:
            yield Change("routes", Mark.CHANGED, f"{call} runs '{now.flow.node}', not '{route.flow.node}'")
        elif new.answers(now) != old.answers(route):
            how = (
                "answered before its audio" if new.answers(now) else "not answered: its audio is early media"
            )
            yield Change("routes", Mark.CHANGED, f"{call} is {how}")
    for call, route in after.items():
        if call not in before:
            yield Change("routes", Mark.ADDED, f"{call} runs '{route.flow.node}'")


def _by_call(routes: Sequence[Route]) -> Mapping[str, Route]:
    return {_call(route): route for route in routes}


def _call(route: Route) -> str:
    conditions = "".join(f", {name} {value}" for name, value in sorted(route.conditions))
    return f"{route.pattern.text}{conditions}"


# What flows share


def _parts(old: Plan, new: Plan) -> Iterator[Change]:
    """Calendars, catalogues, queues, agents: a caller hears of them wherever they are used."""
    yield from _entries("calendar", plain(old.calendars), plain(new.calendars), shown=False)
    yield from _entries("number list", plain(old.ani_lists), plain(new.ani_lists), shown=False)
    for language in sorted({*old.catalogues, *new.catalogues}):
        before, after = _texts(old, language), _texts(new, language)
        yield from _entries(f"texts {language}", before, after, shown=True)
    yield from _definitions("queue", old.queues, new.queues)
    yield from _definitions("agent", old.agents, new.agents)


def _texts(plan: Plan, language: str) -> Mapping[str, Any]:
    entries = plan.catalogues[language].entries if language in plan.catalogues else {}
    return {key: variant_text(variant) for key, variant in entries.items()}


def _entries(kind: str, old: Mapping[str, Any], new: Mapping[str, Any], *, shown: bool) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        if name not in new:
            yield Change(kind, Mark.REMOVED, f"'{name}' is gone")
        elif name not in old:
            yield Change(kind, Mark.ADDED, f"'{name}' is new" + (f": {_short(new[name])}" if shown else ""))
        elif old[name] != new[name]:
            how = f"is {_short(new[name])}, not {_short(old[name])}" if shown else "is different"
            yield Change(kind, Mark.CHANGED, f"'{name}' {how}")


def _definitions(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Queues and agents: each of their keys that is different."""
    for name in sorted({*old, *new}):
        if name not in new:
            yield Change(kind, Mark.REMOVED, f"'{name}' is gone")
        elif name not in old:
            yield Change(kind, Mark.ADDED, f"'{name}' is new")
        else:
            before, after = dict(_leaves(plain(old[name]))), dict(_leaves(plain(new[name])))
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key):
                    text = _became(key, before.get(key), after.get(key))
                    yield Change(f"{kind} {name}", Mark.CHANGED, text)


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The values in a mapping of mappings, by what leads there."""
    for name, inner in value.items():
        # "settings", "profile" and "rules" are how the model is divided, not how plans are written.
        here = path if name in ("settings", "profile", "rules") else f"{path} {name}".strip()
        if name == "keys":
            yield from (
                (f"key {key}", f"{it['action']} {it['language']}".strip()) for key, it in inner.items()
            )
        elif isinstance(inner, Mapping):
            yield from _leaves(inner, here) if name != "places" else ()
        else:
            yield here, inner


# Flows and nodes


def _flows(old: Plan, new: Plan) -> Iterator[Change]:
    for name, flow in old.flows.items():
        if name not in new.flows:
            yield Change(name, Mark.REMOVED, f"the flow is gone, with {_count(flow)}")
        else:
            yield from _flow(flow, new.flows[name])
    for name, flow in new.flows.items():
        if name not in old.flows:
            yield Change(name, Mark.ADDED, f"a new flow, with {_count(flow)}")


def _count(flow: Flow) -> str:
    return f"{len(flow.nodes)} {'node' if len(flow.nodes) == 1 else 'nodes'}"


def _flow(old: Flow, new: Flow) -> Iterator[Change]:
    if old.start.node != new.start.node:
        yield Change(new.name, Mark.CHANGED, f"callers begin at '{new.start.node}', not '{old.start.node}'")
    for part in fields(Flow):
        before, after = plain(getattr(old, part.name)), plain(getattr(new, part.name))
        if part.name not in ("name", "at", "start", "nodes") and before != after:
            yield Change(new.name, Mark.CHANGED, _became(part.name, before, after))
    for name, node in old.nodes.items():
        if name not in new.nodes:
            text = f"is gone ({kind_of(node)}: {_short(summary_of(node, old.language))})"
            yield Change(f"{new.name}.{name}", Mark.REMOVED, text)
        else:
            for text in _node(node, new.nodes[name], old.language, new.language):
                yield Change(f"{new.name}.{name}", Mark.CHANGED, text)
    for name, node in new.nodes.items():
        if name not in old.nodes:
            text = f"is new ({kind_of(node)}: {_short(summary_of(node, new.language))})"
            yield Change(f"{new.name}.{name}", Mark.ADDED, text)


def _node(old: Node, new: Node, before: str, after: str) -> Iterator[str]:
    if type(old) is not type(new):
        yield f"is a {kind_of(new)} now, not a {kind_of(old)}: {_short(summary_of(new, after))}"
    else:
        for part in fields(new):
            values = getattr(old, part.name), getattr(new, part.name)
            if part.name not in _DRAWN and plain(values[0]) != plain(values[1]):
                yield _field(part.name, values, before, after)
    yield from _branches(old, new)


def _field(name: str, values: tuple[Any, Any], before: str, after: str) -> str:
    old, new = values
    if isinstance(old, Wording) and isinstance(new, Wording):
        texts = wording_text(old, before), wording_text(new, after)
        if texts[0] != texts[1]:
            return f"says “{_short(texts[1])}”, not “{_short(texts[0])}”"
        return "says something else in another language"
    return _became(name, plain(old), plain(new))


def _branches(old: Node, new: Node) -> Iterator[str]:
    before = {branch.label: branch.target.node for branch in branches(old)}
    after = {branch.label: branch.target.node for branch in branches(new)}
    for label, target in before.items():
        if label not in after:
            yield f"{label} no longer leads to '{target}'"
        elif after[label] != target:
            yield f"{label} leads to '{after[label]}', not to '{target}'"
    for label, target in after.items():
        if label not in before:
            yield f"{label} leads to '{target}', which is new here"


def _became(name: str, old: Any, new: Any) -> str:
    words = name.removesuffix("_s").replace("_", " ")
    unit = " s" if name.endswith("_s") else ""
    return f"{words} is {_short(new)}{unit}, not {_short(old)}{unit}"


def _short(value: Any) -> str:
    text = str(value) if value not in (None, "", [], {}) else "nothing"
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


# Graphs


def marked_graphs(old: Plan, new: Plan) -> tuple[Graph, ...]:
    """A graph for each flow that has changed, with what is new, gone and different marked."""
    found: list[Graph] = []
    for name in dict.fromkeys([*old.flows, *new.flows]):
        graph = _marked(old.flows.get(name), new.flows.get(name), old, new)
        marks = {vertex.mark for vertex in graph.vertices} | {edge.mark for edge in graph.edges}
        if marks != {Mark.SAME}:
            found.append(graph)
    return tuple(found)


def _marked(old: Flow | None, new: Flow | None, before_plan: Plan, after_plan: Plan) -> Graph:
    if old is None or new is None:
        graph, mark = Graph("", "", (), ()), Mark.SAME
        if old is not None:
            graph, mark = graph_of(old, before_plan), Mark.REMOVED
        elif new is not None:
            graph, mark = graph_of(new, after_plan), Mark.ADDED
        return _all_marked(graph, mark)
    before, after = graph_of(old, before_plan), graph_of(new, after_plan)
    changed = {
        name
        for name, node in new.nodes.items()
        if name in old.nodes and any(_node(old.nodes[name], node, old.language, new.language))
    }
    vertices = [
        replace(vertex, mark=Mark.CHANGED if vertex.name in changed else _presence(vertex.name, old.nodes))
        for vertex in after.vertices
    ]
    gone = [vertex for vertex in before.vertices if vertex.name not in new.nodes]
    vertices += [replace(vertex, mark=Mark.REMOVED) for vertex in gone]
    return Graph(new.name, after.start, tuple(vertices), tuple(_marked_edges(before, after)))


def _marked_edges(before: Graph, after: Graph) -> Iterator[Edge]:
    known = {(edge.source, edge.target): edge.labels for edge in before.edges}
    for edge in after.edges:
        labels = known.pop((edge.source, edge.target), None)
        mark = Mark.ADDED if labels is None else Mark.SAME if labels == edge.labels else Mark.CHANGED
        yield replace(edge, mark=mark)
    for (source, target), labels in known.items():
        yield Edge(source, target, labels, Mark.REMOVED)


def _presence(name: str, old: Mapping[str, Node]) -> Mark:
    return Mark.SAME if name in old else Mark.ADDED


def _all_marked(graph: Graph, mark: Mark) -> Graph:
    vertices = tuple(replace(vertex, mark=mark) for vertex in graph.vertices)
    return replace(graph, vertices=vertices, edges=tuple(replace(edge, mark=mark) for edge in graph.edges))
