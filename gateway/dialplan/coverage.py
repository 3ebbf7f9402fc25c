"""Which nodes and branches of a plan its flow tests have been to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.dialplan.model import Flow, Plan, branches
from gateway.dialplan.moments import Entered, Moment, Took


@dataclass(frozen=True, slots=True)
class FlowCoverage:
    """Of one flow. `missing_branches`: node and label, in the order of the file."""

    flow: str
    nodes: int
    missing_nodes: tuple[str, ...]
    branches: int
    missing_branches: tuple[tuple[str, str], ...]

    @property
    def ratio(self) -> float:
        """The share of nodes and branches together that were reached; 1.0 for an empty flow."""
        total = self.nodes + self.branches
        missing = len(self.missing_nodes) + len(self.missing_branches)
        return 1.0 if total == 0 else (total - missing) / total

    @property
    def missing(self) -> Sequence[str]:
        """What was missed, in words; the branches of a node that was missed itself go without saying."""
        lost = set(self.missing_nodes)
        taken = (f"{node}: {label}" for node, label in self.missing_branches if node not in lost)
        return (*self.missing_nodes, *taken)


def coverage_of(plan: Plan, calls: Iterable[Sequence[Moment]]) -> tuple[FlowCoverage, ...]:
    """The coverage of every flow of `plan` by the moments of `calls`."""
    entered: set[tuple[str, str]] = set()
    took: set[tuple[str, str, str]] = set()
    for moments in calls:
        for moment in moments:
            if isinstance(moment, Entered):
                entered.add((moment.flow, moment.node))
            elif isinstance(moment, Took):
                took.add((moment.flow, moment.node, moment.branch))
    return tuple(_of(flow, entered, took) for flow in plan.flows.values())


def total_ratio(flows: Sequence[FlowCoverage]) -> float:
    """Over all flows together."""
    total = sum(flow.nodes + flow.branches for flow in flows)
    missing = sum(len(flow.missing_nodes) + len(flow.missing_branches) for flow in flows)
    return 1.0 if total == 0 else (total - missing) / total


def _of(flow: Flow, entered: set[tuple[str, str]], took: set[tuple[str, str, str]]) -> FlowCoverage:
    written = [(node.name, branch.label) for node in flow.nodes.values() for branch in branches(node)]
    written = list(dict.fromkeys(written))
    return FlowCoverage(
        flow.name,
        len(flow.nodes),
        tuple(name for name in flow.nodes if (flow.name, name) not in entered),
        len(written),
        tuple((node, label) for node, label in written if (flow.name, node, label) not in took),
    )
