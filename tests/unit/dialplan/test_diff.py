"""What a new plan changes for callers."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.dialplan.diff import changes, marked_graphs
from gateway.dialplan.graph import Mark, to_mermaid
from gateway.dialplan.model import Plan
from tests.fakes.plans import plan_of

OLD = """
routes: [{dnis: "100", flow: main}, {dnis: "2*", flow: main}, {dnis: any, flow: other}]
---
flow: main
start: welcome
nodes:
  welcome: {say: Welcome., next: top}
  top: {menu: Choose., keys: {1: sales, 2: end}, failed: end, retries: 2}
  sales: {say: Sales., next: end}
  end: {hangup: normal_clearing}
---
flow: other
start: end
nodes:
  end: {hangup: user_busy}
"""


def plan(directory: Path, name: str, text: str) -> Plan:
    (directory / name).mkdir()
    return plan_of(directory / name, text)


def said(tmp_path: Path, *edits: tuple[str, str]) -> list[str]:
    text = OLD
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return [str(change) for change in changes(plan(tmp_path, "old", OLD), plan(tmp_path, "new", text))]


def test_another_layout_of_the_files_changes_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, ("start: welcome", "\n\n# a comment\nstart:   welcome")) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("Welcome.", "Hello.", "~ main.welcome: says “Hello.”, not “Welcome.”"),
        ("retries: 2", "retries: 0", "~ main.top: retries is 0, not 2"),
        ("1: sales", "1: end", "~ main.top: key 1 leads to 'end', not to 'sales'"),
        ("{1: sales, ", "{1: sales, 3: sales, ", "~ main.top: key 3 leads to 'sales', which is new here"),
        ("1: sales, ", "", "~ main.top: key 1 no longer leads to 'sales'"),
        ("start: welcome", "start: top", "~ main: callers begin at 'top', not 'welcome'"),
        ("normal_clearing", "user_busy", "~ main.end: cause is user_busy, not normal_clearing"),
        ('dnis: "100", flow: main', 'dnis: "100", flow: other', "~ routes: 100 runs 'other', not 'main'"),
        (
            '{dnis: "2*", flow: main}, ',
            "",
            "- routes: 2* no longer runs 'main' but 'other', by the route any",
        ),
        ('"2*", flow', '"3*", flow', "+ routes: 3* runs 'main'"),
        (
            'dnis: "100", flow: main',
            'dnis: "100", flow: main, answer: false',
            "~ routes: 100 is not answered: its audio is early media",
        ),
        ("{say: Sales., next: end}", "{goto: end}", "~ main.sales: is a goto now, not a say: nothing"),
        ("start: welcome", "start: welcome\nlanguage: de", "~ main: language is de, not en"),
    ],
)
def test_a_change_is_said_in_words(tmp_path: Path, before: str, after: str, words: str) -> None:
    assert words in said(tmp_path, (before, after))


def test_new_and_gone_nodes_are_named_with_what_they_say(tmp_path: Path) -> None:
    found = said(tmp_path, ("sales: {say: Sales.", "shop: {say: Shop."), ("1: sales", "1: shop"))

    assert "- main.sales: is gone (say: Sales.)" in found
    assert "+ main.shop: is new (say: Shop.)" in found


def test_new_and_gone_flows_are_named(tmp_path: Path) -> None:
    found = said(tmp_path, ("flow: other", "flow: third"))

    assert "- other: the flow is gone, with 1 node" in found
    assert "+ third: a new flow, with 1 node" in found


QUEUES = "\n---\nqueues: {q: {ring: 20s}, old: }\n---\nagents: {ann: {queues: q}}\n"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "ring: 20s",
            "ring: 30s",
            ["~ queue q: lease is 55.0 s, not 45.0 s", "~ queue q: ring is 30.0 s, not 20.0 s"],
        ),
        ("old: ", "new: ", ["+ queue: 'new' is new", "- queue: 'old' is gone"]),
        ("ring: 20s", "announce: {every: 2m}", ["~ queue q: announce every is 120.0 s, not 60.0 s"]),
        ("ring: 20s", "keys: {1: {language: en}}", ["~ queue q: key 1 is language en, not nothing"]),
        ("ring: 20s", "skills: {a: 2}", ["~ queue q: skills a is 2, not nothing"]),
        ("{queues: q}", "{queues: q, skills: a}", ["~ agent ann: skills a is 1, not nothing"]),
        ("{queues: q}", "{queues: {q: {order: 2}}}", ["~ agent ann: queues q order is 2, not 0"]),
        ("ring: 20s", "ring: 20000ms", []),
    ],
)
def test_changes_of_queues_and_agents_are_told_key_by_key(
    tmp_path: Path, before: str, after: str, words: list[str]
) -> None:
    old = plan(tmp_path, "old", OLD + QUEUES)
    new = plan(tmp_path, "new", OLD + QUEUES.replace(before, after))

    assert [str(change) for change in changes(old, new)] == words


def test_the_graph_has_a_picture_of_each_changed_flow_with_marks(tmp_path: Path) -> None:
    new = OLD.replace("sales: {say: Sales.", "shop: {say: Shop.").replace("1: sales", "1: shop")

    (graph,) = marked_graphs(plan(tmp_path, "old", OLD), plan(tmp_path, "new", new))

    marks = {vertex.name: vertex.mark for vertex in graph.vertices}
    assert marks == {
        "welcome": Mark.SAME, "top": Mark.CHANGED, "shop": Mark.ADDED, "end": Mark.SAME, "sales": Mark.REMOVED
    }  # fmt: skip
    assert {(edge.source, edge.target) for edge in graph.edges if edge.mark is Mark.REMOVED} == {
        ("top", "sales"), ("sales", "end")
    }  # fmt: skip
    assert "(removed)" in to_mermaid(graph)


def test_a_flow_that_is_new_is_all_new_in_its_picture(tmp_path: Path) -> None:
    new = f"{OLD}---\nflow: third\nstart: end\nnodes: {{end: {{hangup: user_busy}}}}\n"

    (graph,) = marked_graphs(plan(tmp_path, "old", OLD), plan(tmp_path, "new", new))

    assert {vertex.mark for vertex in graph.vertices} == {Mark.ADDED}
