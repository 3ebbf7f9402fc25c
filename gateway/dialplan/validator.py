"""Checks across a whole plan, with neither files nor a clock.

`check_references` needs nothing but names; `check_values` its expressions, texts and calendars;
`check_behaviour` walks the graph and is worth running only on a plan whose references hold. A check is a
function from a plan to its faults and a line in a table below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from gateway.dialplan import check_graph, check_names, check_queues, check_secrets, check_speech
from gateway.dialplan import check_values as values
from gateway.dialplan.faults import Fault, in_order
from gateway.dialplan.model import Plan

Check = Callable[[Plan], Iterable[Fault]]

REFERENCE_CHECKS: Final[tuple[Check, ...]] = (
    check_names.unknown_starts,
    check_names.unknown_targets,
    check_names.unknown_flows,
    check_names.ambiguous_routes,
    check_names.circular_runs,
    check_names.wrong_arguments,
    check_queues.overflows,
    check_queues.agents,
)

VALUE_CHECKS: Final[tuple[Check, ...]] = (
    values.wrong_expressions,
    values.missing_prompts,
    values.impossible_values,
    values.spoken_secrets,
    check_secrets.plain_secrets,
    check_speech.confusable_phrases,
    check_queues.impossible_rules,
    check_queues.keys_of_nodes,
    check_queues.words,
    check_queues.own_announcements,
    check_queues.foreign_announcements,
    check_queues.unserved_queues,
    check_queues.unknown_skills,
)

BEHAVIOUR_CHECKS: Final[tuple[Check, ...]] = (
    check_graph.dead_loops,
    check_graph.unreachable_nodes,
    check_graph.unused_flows,
    check_graph.slow_options,
    check_graph.spoken_to_nobody,
)


def check_references(plan: Plan) -> tuple[Fault, ...]:
    """Unknown names, routes that can't be told apart, flows that run in a circle."""
    return _run(REFERENCE_CHECKS, plan)


def check_values(plan: Plan, today: date) -> tuple[Fault, ...]:
    """Expressions that can't be right, missing prompts, plain secrets, dead calendars."""
    return in_order((*_run(VALUE_CHECKS, plan), *values.dead_calendars(plan, today)))


def check_behaviour(plan: Plan) -> tuple[Fault, ...]:
    """Loops without a way out, nodes and flows that nothing reaches, options that make callers wait."""
    return _run(BEHAVIOUR_CHECKS, plan)


def _run(checks: Iterable[Check], plan: Plan) -> tuple[Fault, ...]:
    return in_order(fault for check in checks for fault in check(plan))
