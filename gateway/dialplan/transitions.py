"""Which nodes one step of a run came to, and by which branches. Pure.

The interpreter says which nodes were left and how (`NodeLeft`), and where it went (the path); the plan says
where branches lead. For coverage that has to become the label of one branch: the outcome, and what the caller
pressed or said, tell apart those that lead to the same node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.dialplan.model import Branch, Node, Plan, branches
from gateway.dialplan.nodes import BranchNode, CalendarNode, GatherNode, MenuNode
from gateway.dialplan.run import MAX_PATH, Digit, Effect, Event, NodeLeft, PhraseHeard, RunState

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
    digit = event.digit if isinstance(event, Digit) else ""
    said = event.text if isinstance(event, PhraseHeard) else ""
    return tuple(_taken(plan, left, entered(before, after), before.collected + before.typed + digit, said))


def _taken(
    plan: Plan, left: Sequence[NodeLeft], ahead: Sequence[Place], keys: str, said: str
) -> Iterator[Transition]:
    failure, place = "", 0
    for leaving in left:
        node = plan.flows[leaving.flow].nodes[leaving.node]
        if leaving.outcome in _RETRIES and isinstance(node, MenuNode | GatherNode):
            failure = leaving.outcome
            continue
        if place == len(ahead):
            return
        target = ahead[place]
        place += 1
        branch = _branch(node, leaving.outcome, failure, target.node, keys, said)
        if branch.startswith("key "):
            keys = keys[len(branch) - len("key ") :]
        yield Transition(leaving.flow, leaving.node, branch, target)


def _branch(node: Node, outcome: str, failure: str, target: str, keys: str, said: str) -> str:
    possible = [branch for branch in branches(node) if branch.target.node == target]
    label = _likeliest(node, possible, _labels(outcome, failure, keys, said))
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


def _likeliest(node: Node, possible: Sequence[Branch], labels: Sequence[str]) -> str | None:
    found = {branch.label for branch in possible}
    for label in labels:
        if label in found:
            return label
    if isinstance(node, BranchNode | CalendarNode):  # whichever holds first; equal targets are equal for it
        return possible[0].label if possible else None
    spoken = [branch.label for branch in possible if branch.label.startswith("“")]
    return spoken[0] if spoken and labels and labels[0].startswith("“") else None
