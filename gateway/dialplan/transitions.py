"""Which branches one step of a run took. Pure.

The interpreter says which nodes were left and how (`NodeLeft`); the plan says where their branches lead. For
coverage, and for the reader of a path, that has to become the label of one branch: the outcome and the keys
tell apart branches that lead to the same node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.dialplan.model import Branch, MenuNode, Node, Plan, branches
from gateway.dialplan.run import Digit, Effect, Event, NodeLeft, RunState

_STAYS: Final = frozenset({"no_input", "no_match", "hung_up"})
"""Outcomes of a node that the call doesn't leave by."""


@dataclass(frozen=True, slots=True)
class Transition:
    """From `node` by `branch` to `target`, all in `flow`."""

    flow: str
    node: str
    branch: str
    target: str


def transitions(
    plan: Plan, before: RunState, event: Event, after: RunState, effects: Iterable[Effect]
) -> tuple[Transition, ...]:
    """The branches taken by the step from `before` to `after`, in order."""
    left = [effect for effect in effects if isinstance(effect, NodeLeft)]
    keys = before.collected + (event.digit if isinstance(event, Digit) else "") + before.typed
    return tuple(_taken(plan, left, after, keys)) if left else ()


def _taken(plan: Plan, left: Sequence[NodeLeft], after: RunState, keys: str) -> Iterator[Transition]:
    failure = ""
    followers = [*(follower.node for _, follower in pairwise(left)), after.node]
    for leaving, target in zip(left, followers, strict=True):
        node = plan.flows[leaving.flow].nodes[leaving.node]
        if leaving.outcome in _STAYS:
            failure = leaving.outcome
            continue
        if leaving.outcome == "audio_failed" and isinstance(node, MenuNode):
            continue
        labels = _labels(node, leaving.outcome, failure, keys)
        branch = _branch(node, target, labels)
        if branch is None:
            continue
        if branch.label.startswith("key "):
            keys = keys[len(branch.label) - len("key ") :]
        yield Transition(leaving.flow, leaving.node, branch.label, target)


def _labels(node: Node, outcome: str, failure: str, keys: str) -> tuple[str, ...]:
    """The labels that the branch may have, the likeliest first."""
    if not isinstance(node, MenuNode):
        return tuple(branch.label for branch in branches(node))
    if outcome == "failed":
        return (failure, "failed")
    pressed = (keys[:length] for length in range(len(keys), 0, -1))
    return tuple(f"key {option}" for option in pressed)


def _branch(node: Node, target: str, labels: Sequence[str]) -> Branch | None:
    found = {branch.label: branch for branch in branches(node) if branch.target.node == target}
    return next((found[label] for label in labels if label in found), None)
