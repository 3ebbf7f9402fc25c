"""Checks across a plan: loops, dead ends, and what nobody reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.dialplan.model import Branch, Spoken, branches, node_wordings
from tests.fakes.plans import ROUTES, faults_of, plan_of, write_tone


def problems(directory: Path, nodes: str, *, start: str = "a") -> list[str]:
    text = f"{ROUTES}flow: main\nstart: {start}\nnodes: {{{nodes}}}\n"
    return [fault.partition(": ")[2] for fault in faults_of(directory, text)]


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ("a: {goto: a}", "error: the loop a → a goes round without ever waiting"),
        ("a: {goto: b}, b: {goto: a}", "error: the loop a → b → a goes round without ever waiting"),
        (
            "a: {say: x, next: b}, b: {say: y, next: a}",
            "error: the loop a → b → a gives the caller nothing to press",
        ),
        (
            "a: {goto: m}, m: {menu: M, keys: {1: e}, failed: s}, s: {say: x, next: m}, e: {hangup: }",
            "error: the loop m → s → m never lets go of a caller who presses nothing",
        ),
        (
            "a: {menu: M, keys: {1: e}, no_input: {next: a}, failed: e}, e: {hangup: }",
            "error: the loop a → a never lets go of a caller who presses nothing",
        ),
    ],
)
def test_a_loop_that_a_silent_caller_never_leaves_is_an_error(
    tmp_path: Path, nodes: str, problem: str
) -> None:
    assert problems(tmp_path, nodes) == [problem]


@pytest.mark.parametrize(
    "nodes",
    [
        "a: {menu: M, keys: {1: a}}",
        "a: {menu: M, keys: {1: b}, no_match: {next: a}}, b: {say: x, next: a}",
        "a: {menu: M, keys: {1: a}, no_input: {next: b}, failed: a}, b: {hangup: }",
    ],
)
def test_a_loop_that_only_a_key_keeps_going_is_allowed(tmp_path: Path, nodes: str) -> None:
    assert problems(tmp_path, nodes) == []


def test_what_nothing_leads_to_is_a_warning(tmp_path: Path) -> None:
    found = problems(tmp_path, "a: {hangup: }, b: {say: x, next: c}, c: {hangup: }")

    assert found == [
        "warning: nothing leads to 'b' in flow 'main'",
        "warning: nothing leads to 'c' in flow 'main'",
    ]


def test_nodes_reached_by_two_ways_are_reached(tmp_path: Path) -> None:
    assert problems(tmp_path, "a: {menu: M, keys: {1: b, 2: b}}, b: {hangup: }") == []


def test_a_flow_without_a_route_is_a_warning(tmp_path: Path) -> None:
    found = problems(tmp_path, "a: {hangup: }}\n---\n{flow: other, start: a, nodes: {a: {hangup: }}")

    assert found == ["warning: no route leads to flow 'other'"]


def test_an_option_that_makes_callers_wait_is_a_warning(tmp_path: Path) -> None:
    found = problems(tmp_path, "a: {menu: M, keys: {1: e, 12: e, 2: e}}, e: {hangup: }")

    assert found == ["warning: '1' begins '12': who presses it waits 2 s before anything happens"]


def test_a_hole_in_the_graph_is_reported_without_its_consequences(tmp_path: Path) -> None:
    assert problems(tmp_path, "a: {goto: x}, b: {hangup: }") == ["error: flow 'main' has no node 'x'"]


def test_patterns_that_do_not_overlap_are_not_ambiguous(tmp_path: Path) -> None:
    routes = "routes: [{dnis: 1?*, flow: m}, {dnis: 2?*, flow: m}, {dnis: 12*, flow: m}]\n---\n"

    assert faults_of(tmp_path, routes + "{flow: m, start: e, nodes: {e: {hangup: }}}") == []


def test_the_branches_of_a_menu_are_labelled_and_only_silence_is_passive(tmp_path: Path) -> None:
    nodes = (
        "a: {menu: M, keys: {1: e}, no_input: {next: e}, no_match: {next: e}, failed: e}, "
        "b: {menu: M, keys: {1: a}, failed: e}, e: {hangup: }"
    )
    flow = plan_of(tmp_path, f"{ROUTES}flow: main\nstart: b\nnodes: {{{nodes}}}\n").flows["main"]

    def labels(found: tuple[Branch, ...]) -> list[tuple[str, bool]]:
        return [(branch.label, branch.passive) for branch in found]

    assert labels(branches(flow.nodes["a"])) == [
        ("key 1", False), ("no_input", True), ("no_match", False), ("failed", False),
    ]  # fmt: skip
    assert labels(branches(flow.nodes["b"])) == [("key 1", False), ("failed", True)]


def test_the_prompts_of_a_node_are_all_it_may_say(tmp_path: Path) -> None:
    write_tone(tmp_path / "t.wav")
    nodes = (
        "a: {say: x, next: b}, b: {play: t.wav, next: m}, m: {menu: M, keys: {1: g}, "
        "no_input: {say: i}, no_match: {say: [n, {play: t.wav}]}}, g: {goto: e}, e: {hangup: }"
    )
    plan = plan_of(tmp_path, f"{ROUTES}flow: main\nstart: a\nnodes: {{{nodes}}}\n")

    def words(name: str) -> list[str]:
        wordings = node_wordings(plan.flows["main"].nodes[name])
        prompts = [plan.variant(wording, "en") for wording in wordings]
        return [p.text if isinstance(p, Spoken) else getattr(p, "file", "") for p in prompts]

    assert [words(name) for name in "abmge"] == [["x"], ["t.wav"], ["M", "i", "n", "t.wav"], [], []]
