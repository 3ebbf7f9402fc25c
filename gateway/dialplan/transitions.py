"""Which nodes one step of a run came to, and by which branches. Pure.

The interpreter says which nodes were left and how (`NodeLeft`), and where it went (the path); the plan says
where branches lead. For coverage that has to become the label of one branch: the outcome, and what the caller
pressed or said, tell apart those that lead to the same node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.dialplan.exits import EXITS, Default, exits_of
from gateway.dialplan.model import Branch, Node, Plan, branches
from gateway.dialplan.nodes import BranchNode, CalendarNode, GatherNode, MenuNode, ReturnNode, RunNode
from gateway.dialplan.run import MAX_PATH, Digit, Effect, Event, NodeLeft, Phase, PhraseHeard, RunState

_RETRIES: Final = frozenset({"no_input", "no_match", "audio_failed"})
"""Outcomes of an attempt after which a node that asks is still there."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node that was entered. `label`: as the path has it."""

    flow: str
    node: str
    label: str


@dataclass(frozen=True, slots=True)
class Transition:
    """The branch that led to `target`; "" for a way that isn't written at the node, such as a default."""

    flow: str
    node: str
    branch: str
    target: Place


def entered(before: RunState, after: RunState) -> tuple[Place, ...]:
    """The nodes that the step from `before` to `after` came to; the latest `MAX_PATH` of them."""
    count = min(after.visits - before.visits, MAX_PATH)
    home = after.stack[0].flow if after.stack else (before.stack[0].flow if before.stack else after.flow)
    places: list[Place] = []
    for label in after.path[len(after.path) - count :] if count else ():
        flow, _, node = label.rpartition("/")
        places.append(Place(flow or home, node, label))
    return tuple(places)


def transitions(
    plan: Plan, before: RunState, event: Event, after: RunState, effects: Iterable[Effect]
) -> tuple[Transition, ...]:
    """The branches taken by the step from `before` to `after`, in order."""
    left = [effect for effect in effects if isinstance(effect, NodeLeft)]
    ahead = entered(before, after)
    if before.phase is Phase.IDLE:
        ahead = ahead[1:]  # nothing leads to where a call begins
    return tuple(_Walk(plan, before, event).taken(left, ahead))


class _Walk:
    """One step's way through the nodes, with what can tell its branches apart."""

    def __init__(self, plan: Plan, before: RunState, event: Event) -> None:
        self._plan = plan
        self._keys = before.collected + before.typed + (event.digit if isinstance(event, Digit) else "")
        self._said = event.text if isinstance(event, PhraseHeard) else ""
        self._runners = [(frame.flow, frame.node) for frame in before.stack]  # nodes that wait for a flow

    def taken(self, left: Sequence[NodeLeft], ahead: Sequence[Place]) -> Iterator[Transition]:
        failure, targets = "", iter(ahead)
        for leaving in left:
            node = self._plan.flows[leaving.flow].nodes[leaving.node]
            if leaving.outcome in _RETRIES and isinstance(node, MenuNode | GatherNode):
                failure = leaving.outcome
                continue
            target = next(targets, None)
            if target is None:
                return
            yield from self._from(node, leaving, failure, target)

    def _from(self, node: Node, leaving: NodeLeft, failure: str, target: Place) -> Iterator[Transition]:
        if isinstance(node, RunNode) and leaving.outcome == "completed":
            self._runners.append((leaving.flow, leaving.node))
        elif target.flow != leaving.flow or isinstance(node, ReturnNode):
            # Back in a flow that waited: it returned, or it met an error that it has no node for.
            label = "next" if isinstance(node, ReturnNode) else "error"
            flow, name = self._runner_in(target.flow)
            runner = self._plan.flows[flow].nodes[name] if flow else node
            if label in {branch.label for branch in branches(runner)}:
                yield Transition(flow, name, label, target)
        else:
            branch = _branch(node, leaving.outcome, failure, target.node, self._keys, self._said)
            if branch.startswith("key "):
                self._keys = self._keys[len(branch) - len("key ") :]
            yield Transition(leaving.flow, leaving.node, branch, target)

    def _runner_in(self, flow: str) -> tuple[str, str]:
        while self._runners:
            found = self._runners.pop()
            if found[0] == flow:
                return found
        return "", ""


def _branch(node: Node, outcome: str, failure: str, target: str, keys: str, said: str) -> str:
    possible = [branch for branch in branches(node) if branch.target.node == target]
    labels = [_written(node, label) for label in _labels(outcome, failure, keys, said)]
    label = _likeliest(node, possible, labels)
    return label if label is not None else ""


def _labels(outcome: str, failure: str, keys: str, said: str) -> tuple[str, ...]:
    """The labels that the branch may have, the likeliest first."""
    if outcome == "matched":
        pressed = (f"key {keys[:length]}" for length in range(len(keys), 0, -1))
        return (f"“{said}”", *pressed, "next") if said else (*pressed, "next")
    if outcome == "failed":
        return (failure, "failed")
    if outcome == "hung_up":
        return ("hangup",)
    if outcome in ("completed", "interrupted", "audio_failed"):
        return ("next", "goto")
    return (outcome,)


def _written(node: Node, label: str) -> str:
    """The exit that is taken for `label`, by the defaults of those that aren't written."""
    written = exits_of(node)
    table = {exit_.label: exit_.otherwise for exit_ in EXITS[type(node)]}
    here = label
    while here not in written and here in table:
        following = table[here]
        if isinstance(following, Default):
            return label
        here = following
    return here


def _likeliest(node: Node, possible: Sequence[Branch], labels: Sequence[str]) -> str | None:
    found = {branch.label for branch in possible}
    for label in labels:
        if label in found:
            return label
    if isinstance(node, BranchNode | CalendarNode):  # whichever holds first; equal targets are equal for it
        return possible[0].label if possible else None
    spoken = [branch.label for branch in possible if branch.label.startswith("“")]
    return spoken[0] if spoken and labels and labels[0].startswith("“") else None
