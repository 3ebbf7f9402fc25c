"""Checks of the graph: can every caller get out, and does anything lead to every node? Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from gateway.dialplan.exits import Branch, branches
from gateway.dialplan.faults import Fault
from gateway.dialplan.model import Flow, Plan
from gateway.dialplan.nodes import (
    BranchNode,
    CalendarNode,
    DialNode,
    GatherNode,
    GotoNode,
    LanguageNode,
    MenuNode,
    PlayNode,
    QueueNode,
    RecordNode,
    RunNode,
    SayNode,
    SetNode,
    SurveyNode,
)

_INSTANT = (GotoNode, SetNode, BranchNode, CalendarNode, LanguageNode)
_VOCAL = (SayNode, PlayNode, MenuNode, GatherNode, RecordNode, QueueNode, DialNode, SurveyNode)


def dead_loops(plan: Plan) -> Iterator[Fault]:
    """Loops in which a caller who does nothing is never let go, nor waits for anybody.

    A loop through a queue, a conversation or a recording is none: time passes there, and somebody may come.
    """
    for flow in plan.flows.values():
        ahead = {
            node.name: [b.target.node for b in branches(node) if b.passive and not b.waits]
            for node in flow.nodes.values()
        }
        for loop in _loops(ahead):
            yield _loop_fault(flow, loop)


def _loops(ahead: dict[str, list[str]]) -> Iterator[list[str]]:
    """One loop of each knot of the graph: a walk, deepest first, that comes back to where it has been."""
    done: set[str] = set()
    for start in ahead:
        if start not in done:
            yield from _loops_from(start, ahead, done)


def _loops_from(start: str, ahead: dict[str, list[str]], done: set[str]) -> Iterator[list[str]]:
    walk = {start: iter(ahead[start])}  # the way here, in order, each node with what it hasn't tried yet
    while walk:
        name = next(reversed(walk))
        following = next(walk[name], None)
        if following is None:
            done.add(name)
            del walk[name]
        elif following in walk:
            way = list(walk)
            yield way[way.index(following) :]
        elif following not in done:
            walk[following] = iter(ahead[following])


def _loop_fault(flow: Flow, loop: list[str]) -> Fault:
    nodes = [flow.nodes[name] for name in loop]
    path = " → ".join([*loop, loop[0]])
    if all(isinstance(node, _INSTANT) for node in nodes):
        problem = "goes round without ever waiting"
    elif not any(isinstance(node, MenuNode | GatherNode) for node in nodes):
        problem = "gives the caller nothing to press"
    else:
        problem = "never lets go of a caller who presses nothing"
    return Fault.error(nodes[0].at, f"the loop {path} {problem}")


def unreachable_nodes(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        reached = _reachable(flow, {flow.start.node, *_own_targets(flow)})
        for node in flow.nodes.values():
            if node.name not in reached:
                yield Fault.warning(node.at, f"nothing leads to '{node.name}' in flow '{flow.name}'")


def _own_targets(flow: Flow) -> set[str]:
    return {target.node for target in (flow.error, flow.hangup) if target is not None}


def _reachable(flow: Flow, start: set[str]) -> set[str]:
    reached = set(start)
    ahead = deque(reached)
    while ahead:
        for branch in branches(flow.nodes[ahead.popleft()]):
            if branch.target.node not in reached:
                reached.add(branch.target.node)
                ahead.append(branch.target.node)
    return reached


def unused_flows(plan: Plan) -> Iterator[Fault]:
    used = {route.flow.node for route in plan.routes}
    ahead = deque(used)
    while ahead:
        for node in plan.flows[ahead.popleft()].nodes.values():
            if isinstance(node, RunNode) and node.flow.node not in used:
                used.add(node.flow.node)
                ahead.append(node.flow.node)
    for flow in plan.flows.values():
        if flow.name not in used:
            yield Fault.warning(flow.at, f"no route leads to flow '{flow.name}'")


def spoken_to_nobody(plan: Plan) -> Iterator[Fault]:
    """Nodes behind a `hangup` exit that would talk to somebody who has gone."""
    for flow in plan.flows.values():
        for where in _hangup_branches(flow):
            for name in _reachable(flow, {where.target.node}):
                if isinstance(flow.nodes[name], _VOCAL):
                    problem = f"leads to '{name}', which needs a caller; the run ends there"
                    yield Fault.warning(where.target.at, f"the exit 'hangup' {problem}")
                    break


def _hangup_branches(flow: Flow) -> Iterator[Branch]:
    if flow.hangup is not None:
        yield Branch("hangup", flow.hangup, passive=False)
    for node in flow.nodes.values():
        yield from (branch for branch in branches(node) if branch.label == "hangup")


def slow_options(plan: Plan) -> Iterator[Fault]:
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
