"""Flows as pictures: what is in them, and that nothing lies on anything else."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.dialplan.graph import Edge, Graph, Mark, Vertex, columns, graph_of, to_dot, to_mermaid, wrap
from gateway.dialplan.layout import Box, Line, lay_out
from gateway.dialplan.svg import to_svg
from tests.fakes.plans import ROUTES, plan_of

FLOW = f"""{ROUTES}
flow: main
start: welcome
nodes:
  welcome: {{say: "Say \\"A\\" & <B> #1.", next: top}}
  top: {{menu: Choose., keys: {{1: welcome, 2: end, "*": top}}, failed: end}}
  end: {{hangup: user_busy}}
"""


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return graph_of(plan_of(tmp_path, FLOW).flows["main"])


def test_a_graph_has_the_nodes_in_short_and_the_branches_with_their_keys(graph: Graph) -> None:
    assert graph.vertices[1:] == (Vertex("top", "menu", "Choose."), Vertex("end", "hangup", "user busy"))
    assert graph.edges == (
        Edge("welcome", "top", ("next",)),
        Edge("top", "welcome", ("key 1",)),
        Edge("top", "end", ("key 2", "failed")),
        Edge("top", "top", ("key *",)),
    )


def test_mermaid_has_every_edge_with_its_label_and_escapes_what_would_break_it(graph: Graph) -> None:
    text = to_mermaid(graph)

    assert "n0 --> n1" in text
    assert 'n1 -->|"key 2, failed"| n2' in text
    assert "Say #quot;A#quot; & #lt;B#gt; #35;1." in text


def test_mermaid_colours_what_a_comparison_has_marked() -> None:
    vertices = (Vertex("a", "say", "A", Mark.CHANGED), Vertex("b", "say", "B", Mark.REMOVED))
    text = to_mermaid(Graph("main", "a", vertices, (Edge("a", "b", ("next",), Mark.REMOVED),)))

    assert "class n0 changed" in text
    assert "class n1 removed" in text
    assert "n0 -.-> n1" in text


def test_dot_quotes_what_it_has_to(graph: Graph) -> None:
    text = to_dot(graph)

    assert text.startswith('digraph "main" {')
    assert '"top" -> "end" [label="key 2, failed"];' in text
    assert 'Say \\"A\\" & <B> #1.' in text


def test_the_svg_is_well_formed_and_has_every_text(graph: Graph) -> None:
    root = ElementTree.fromstring(to_svg(graph))  # noqa: S314 -- our own

    texts = {element.text for element in root.iter() if element.tag.endswith("}text")}
    assert {"welcome (say)", "top (menu)", "end (hangup)", "key 1", "key 2, failed", "↻ key *"} <= texts
    assert (
        sum(element.tag.endswith("}path") and "marker-end" in element.attrib for element in root.iter()) == 3
    )


def boxes_of(count: int) -> dict[str, Box]:
    return {f"n{number}": Box(80.0 + 10 * (number % 5), 40.0) for number in range(count)}


def test_in_a_large_flow_no_two_boxes_or_labels_overlap() -> None:
    boxes = boxes_of(60)
    pairs = {(f"n{(n * 7) % 60}", f"n{(n * 13 + 5) % 60}") for n in range(110)}
    lines = [Line(a, b, (40.0, 16.0)) for a, b in sorted(pairs) if a != b]

    drawing = lay_out("n0", boxes, lines)

    placed = [*boxes.values(), *(line.label for line in lines if line.label is not None)]
    for one, other in combinations(placed, 2):
        apart_x = abs(one.x - other.x) >= (one.width + other.width) / 2
        apart_y = abs(one.y - other.y) >= (one.height + other.height) / 2
        assert apart_x or apart_y
    assert all(0 < box.x < drawing.width and 0 < box.y < drawing.height for box in placed)


def test_a_chain_is_drawn_straight_down() -> None:
    boxes = boxes_of(4)
    lay_out("n0", boxes, [Line(f"n{n}", f"n{n + 1}", (0.0, 0.0)) for n in range(3)])

    assert len({round(box.x, 3) for box in boxes.values()}) == 1
    assert [box.y for box in boxes.values()] == sorted(box.y for box in boxes.values())


def test_an_edge_back_is_the_one_that_is_drawn_backwards() -> None:
    lines = [Line("n0", "n1", (0, 0)), Line("n1", "n2", (0, 0)), Line("n2", "n0", (0, 0))]
    lay_out("n0", boxes_of(3), lines)

    assert [line.backwards for line in lines] == [False, False, True]


def test_text_is_wrapped_at_spaces_and_chinese_anywhere() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("欢迎致电能源公司", 6) == ["欢迎致", "电能源", "公司"]
    assert wrap("a b c d e f", 1, lines=2) == ["a", "b …"]
    assert columns("a欢") == 3
