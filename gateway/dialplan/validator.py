"""Checks across a whole plan, with neither files nor a clock: does every name lead somewhere, can every
caller get out?

`check_references` needs nothing but names; `check_behaviour` walks the graph and is worth running only on a
plan whose references hold. A check is a function from a plan to its faults and a line in a table below.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Final

from gateway.dialplan.dnis import DnisPattern, Specificity
from gateway.dialplan.faults import Fault, in_order, suggest
from gateway.dialplan.model import Flow, GotoNode, MenuNode, Node, Plan, Route, branches

Check = Callable[[Plan], Iterable[Fault]]


def check_references(plan: Plan) -> tuple[Fault, ...]:
    """Unknown starts, targets and flows, and routes that can't be told apart."""
    return _run(REFERENCE_CHECKS, plan)


def check_behaviour(plan: Plan) -> tuple[Fault, ...]:
    """Loops without a way out, nodes and flows that nothing reaches, options that make callers wait."""
    return _run(BEHAVIOUR_CHECKS, plan)


def _run(checks: Iterable[Check], plan: Plan) -> tuple[Fault, ...]:
    return in_order(fault for check in checks for fault in check(plan))


def _unknown_starts(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        if flow.start.node not in flow.nodes:
            hint = suggest(flow.start.node, flow.nodes)
            message = f"flow '{flow.name}' starts at '{flow.start.node}', which isn't one of its nodes{hint}"
            yield Fault.error(flow.start.at, message)


def _unknown_targets(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            for branch in branches(node):
                if branch.target.node not in flow.nodes:
                    hint = suggest(branch.target.node, flow.nodes)
                    message = f"flow '{flow.name}' has no node '{branch.target.node}'{hint}"
                    yield Fault.error(branch.target.at, message)


def _unknown_flows(plan: Plan) -> Iterator[Fault]:
    for route in plan.routes:
        if route.flow.node not in plan.flows:
            hint = suggest(route.flow.node, plan.flows)
            yield Fault.error(route.flow.at, f"there is no flow '{route.flow.node}'{hint}")


def _ambiguous_routes(plan: Plan) -> Iterator[Fault]:
    first_of: dict[DnisPattern, Route] = {}
    peers: defaultdict[Specificity, list[Route]] = defaultdict(list)
    for route in plan.routes:
        known = first_of.setdefault(route.pattern, route)
        if known is not route:
            yield Fault.error(route.at, f"'{route.pattern.text}' is routed already at {known.at}")
        elif not route.pattern.specificity.exact:
            # Two exact numbers overlap only when they are the same, and there may be thousands of them.
            peers[route.pattern.specificity].append(route)
    for equals in peers.values():
        for first, second in combinations(equals, 2):
            if first.pattern.overlaps(second.pattern):
                yield Fault.error(second.at, _ambiguity(first, second))


def _ambiguity(first: Route, second: Route) -> str:
    return (
        f"some numbers match both '{second.pattern.text}' and '{first.pattern.text}' ({first.at}), "
        "and neither is more specific"
    )


def _dead_loops(plan: Plan) -> Iterator[Fault]:
    """Loops that a caller who does nothing never leaves. Such a call would last until the network ends it.

    What a silent caller meets is one path, because every node has at most one passive branch in force: so a
    walk along it that comes back to itself has found the loop.
    """
    for flow in plan.flows.values():
        seen: set[str] = set()
        for start in flow.nodes:
            walk: list[str] = []
            here: str | None = start
            while here is not None and here not in seen:
                seen.add(here)
                walk.append(here)
                here = _silent_successor(flow.nodes[here])
            if here is not None and here in walk:
                yield _loop_fault(flow, walk[walk.index(here) :])


def _silent_successor(node: Node) -> str | None:
    return next((branch.target.node for branch in branches(node) if branch.passive), None)


def _loop_fault(flow: Flow, loop: list[str]) -> Fault:
    nodes = [flow.nodes[name] for name in loop]
    path = " → ".join([*loop, loop[0]])
    if all(isinstance(node, GotoNode) for node in nodes):
        problem = "goes round without ever waiting"
    elif not any(isinstance(node, MenuNode) for node in nodes):
        problem = "gives the caller nothing to press"
    else:
        problem = "never lets go of a caller who presses nothing"
    return Fault.error(nodes[0].at, f"the loop {path} {problem}")


def _unreachable_nodes(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        reached = _reachable(flow)
        for node in flow.nodes.values():
            if node.name not in reached:
                yield Fault.warning(node.at, f"nothing leads to '{node.name}' in flow '{flow.name}'")


def _reachable(flow: Flow) -> set[str]:
    reached = {flow.start.node}
    ahead = deque(reached)
    while ahead:
        for branch in branches(flow.nodes[ahead.popleft()]):
            if branch.target.node not in reached:
                reached.add(branch.target.node)
                ahead.append(branch.target.node)
    return reached


def _unused_flows(plan: Plan) -> Iterator[Fault]:
    used = {route.flow.node for route in plan.routes}
    for flow in plan.flows.values():
        if flow.name not in used:
            yield Fault.warning(flow.at, f"no route leads to flow '{flow.name}'")


def _slow_options(plan: Plan) -> Iterator[Fault]:
    """Options that begin another one, so that their callers wait for the inter-digit timeout."""
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            if isinstance(node, MenuNode):
                yield from _slow_options_of(node)


def _slow_options_of(menu: MenuNode) -> Iterator[Fault]:
    for option in menu.options:
        longer = [o.keys for o in menu.options if o.keys != option.keys and o.keys.startswith(option.keys)]
        if longer:
            yield Fault.warning(
                option.at,
                f"'{option.keys}' begins '{longer[0]}': who presses it waits "
                f"{menu.inter_digit_timeout_s:g} s before anything happens",
            )


REFERENCE_CHECKS: Final[tuple[Check, ...]] = (
    _unknown_starts,
    _unknown_targets,
    _unknown_flows,
    _ambiguous_routes,
)

BEHAVIOUR_CHECKS: Final[tuple[Check, ...]] = (
    _dead_loops,
    _unreachable_nodes,
    _unused_flows,
    _slow_options,
)
