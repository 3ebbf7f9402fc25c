"""Checks of names: does every one lead somewhere, and can every two be told apart? Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from gateway.dialplan.dnis import Specificity
from gateway.dialplan.exits import branches
from gateway.dialplan.faults import Fault, suggest
from gateway.dialplan.model import Flow, Plan
from gateway.dialplan.nodes import CalendarNode, CallbackNode, Node, QueueNode, RunNode, SurveyNode
from gateway.dialplan.places import Target
from gateway.dialplan.routes import Route, may_share

MAX_RUN_DEPTH = 12
"""Flows that may run inside one another."""


def unknown_starts(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        if flow.start.node not in flow.nodes:
            hint = suggest(flow.start.node, flow.nodes)
            message = f"flow '{flow.name}' starts at '{flow.start.node}', which isn't one of its nodes{hint}"
            yield Fault.error(flow.start.at, message)


def unknown_targets(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        own = [target for target in (flow.error, flow.hangup) if target is not None]
        written = [branch.target for node in flow.nodes.values() for branch in branches(node)]
        for target in own + written:
            if target.node not in flow.nodes and target.node:
                hint = suggest(target.node, flow.nodes)
                yield Fault.error(target.at, f"flow '{flow.name}' has no node '{target.node}'{hint}")


def unknown_flows(plan: Plan) -> Iterator[Fault]:
    for route in plan.routes:
        yield from _unknown(route.flow, plan.flows, "flow")
        if route.callers is not None:
            yield from _unknown(route.callers, plan.ani_lists, "list of callers")
        if route.calendar is not None:
            yield from _unknown(route.calendar, plan.calendars, "calendar")
    for queue in plan.queues.values():
        yield from _unknown(Target(queue.survey, queue.place("survey")), plan.surveys, "survey")
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            yield from _unknown_of(node, plan)


def _unknown_of(node: Node, plan: Plan) -> Iterator[Fault]:
    match node:
        case QueueNode() | CallbackNode():
            yield from _unknown(node.queue, plan.queues, "queue")
        case SurveyNode():
            yield from _unknown(node.survey, plan.surveys, "survey")
        case CalendarNode():
            yield from _unknown(node.calendar, plan.calendars, "calendar")
        case RunNode():
            yield from _unknown(node.flow, plan.flows, "flow")
        case _:
            return


def _unknown(target: Target, known: Mapping[str, Any], what: str) -> Iterator[Fault]:
    if target.node and target.node not in known:
        hint = suggest(target.node, known) or (f"; the plan has no {what} at all" if not known else "")
        yield Fault.error(target.at, f"there is no {what} '{target.node}'{hint}")


def ambiguous_routes(plan: Plan) -> Iterator[Fault]:
    first_of: dict[tuple[str, frozenset[tuple[str, str]]], Route] = {}
    exact: defaultdict[str, list[Route]] = defaultdict(list)
    peers: defaultdict[Specificity, list[Route]] = defaultdict(list)
    for route in plan.routes:
        known = first_of.setdefault((route.pattern.text, route.conditions), route)
        if known is not route:
            yield Fault.error(route.at, f"'{route.pattern.text}' is routed already at {known.at}")
        elif route.pattern.specificity.exact:
            # Two exact numbers overlap only when they are the same, and there may be thousands of them.
            exact[route.pattern.text].append(route)
        else:
            peers[route.pattern.specificity].append(route)
    for equals in (*exact.values(), *peers.values()):
        for first, second in combinations(equals, 2):
            if first.pattern.overlaps(second.pattern) and _undecided(first, second, plan):
                yield Fault.error(second.at, _ambiguity(first, second))


def _undecided(first: Route, second: Route, plan: Plan) -> bool:
    mine, theirs = first.conditions, second.conditions
    if mine < theirs or theirs < mine:
        return False  # the one with more conditions goes first
    return may_share(first, second, plan.ani_lists)


def _ambiguity(first: Route, second: Route) -> str:
    what = "numbers" if not first.conditions | second.conditions else "calls"
    return (
        f"some {what} match both '{second.pattern.text}' and '{first.pattern.text}' ({first.at}), "
        "and neither is more specific"
    )


def circular_runs(plan: Plan) -> Iterator[Fault]:
    """Flows that run themselves, by way of others or not, and towers of flows that are too high."""
    runs = {flow.name: _runs(flow, plan) for flow in plan.flows.values()}
    depths: dict[str, int] = {}
    reported: set[str] = set()

    def depth_of(name: str, above: tuple[str, ...]) -> int:
        if name in depths:
            return depths[name]
        deepest = 0
        for node in runs[name]:
            called = node.flow.node
            if called in (*above, name):
                if called not in reported:
                    circle = (*above, name)[(*above, name).index(called) :]
                    faults.append(_circle(node, (*circle, called)))
                    reported.update(circle)
            elif len(above) < MAX_RUN_DEPTH:
                deepest = max(deepest, depth_of(called, (*above, name)))
            else:
                problem = f"more than {MAX_RUN_DEPTH} flows run inside one another"
                faults.append(Fault.error(node.flow.at, problem))
        depths[name] = deepest + 1
        return depths[name]

    faults: list[Fault] = []
    for name in runs:
        depth_of(name, ())
    yield from faults


def _runs(flow: Flow, plan: Plan) -> list[RunNode]:
    return [n for n in flow.nodes.values() if isinstance(n, RunNode) and n.flow.node in plan.flows]


def _circle(node: RunNode, circle: tuple[str, ...]) -> Fault:
    return Fault.error(node.flow.at, f"flows run in a circle: {' → '.join(circle)}")


def wrong_arguments(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            if isinstance(node, RunNode) and node.flow.node in plan.flows:
                yield from _wrong_arguments_of(node, plan.flows[node.flow.node])


def _wrong_arguments_of(node: RunNode, called: Flow) -> Iterator[Fault]:
    given = dict(node.arguments)
    for name in given.keys() - called.parameters.keys():
        hint = suggest(name, called.parameters)
        yield Fault.error(given[name].at, f"flow '{called.name}' has no parameter '{name}'{hint}")
    for name in called.parameters.keys() - given.keys():
        yield Fault.error(node.flow.at, f"flow '{called.name}' needs the parameter '{name}'")
