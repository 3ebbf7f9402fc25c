"""A flow's graph as an SVG that needs no program to draw: for a browser, a wiki, a printout. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from gateway.dialplan.graph import Graph, Mark, Vertex, columns, wrap
from gateway.dialplan.layout import Box, Drawing, Line, lay_out

COLUMN: Final = (
    6.4  # px a column at 12 px; measured on DejaVu Sans and Noto Sans, the wider of the usual ones
)
BOLD: Final = 7.4
LINE: Final = 15.0
TEXT_COLUMNS: Final = 36
LABEL_COLUMNS: Final = 24
_PAD: Final = 10.0

_FILLS: Final = {
    "menu": "#e0f2fe",
    "gather": "#e0f2fe",
    "hangup": "#f3f4f6",
    "branch": "#fef3c7",
    "calendar": "#fef3c7",
    "lookup": "#ede9fe",
    "queue": "#dcfce7",
    "callback": "#dcfce7",
    "dial": "#dcfce7",
    "transfer": "#dcfce7",
}
_MARKS: Final = {
    Mark.SAME: ("#64748b", "1"),
    Mark.ADDED: ("#15803d", "3"),
    Mark.REMOVED: ("#b91c1c", "3"),
    Mark.CHANGED: ("#a16207", "3"),
}
_HEAD: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" \
viewBox="0 0 {width:.0f} {height:.0f}" font-size="12" \
font-family="Noto Sans, Noto Sans CJK JP, DejaVu Sans, Arial, sans-serif">
<title>{title}</title>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" \
orient="auto">\
<path d="M0,0.5 L8,4 L0,7.5 z" fill="#475569"/></marker></defs>
<rect width="100%" height="100%" fill="#ffffff"/>"""


def to_svg(graph: Graph) -> str:
    """The picture of `graph`."""
    loops = {edge.source: edge.label or "again" for edge in graph.edges if edge.source == edge.target}
    boxes = {vertex.name: _box(vertex, loops.get(vertex.name)) for vertex in graph.vertices}
    lines = [
        Line(edge.source, edge.target, _label_size(edge.label))
        for edge in graph.edges
        if edge.source != edge.target
    ]
    labels = [edge.label for edge in graph.edges if edge.source != edge.target]
    drawing = lay_out(graph.start, boxes, lines)
    head = _HEAD.format(width=drawing.width, height=drawing.height, title=escape(f"flow {graph.name}"))
    parts = [head, *_paths(drawing), *_labels(drawing.lines, labels)]
    for vertex in graph.vertices:
        parts += _vertex(vertex, drawing.boxes[vertex.name], loops.get(vertex.name), graph.start)
    return "\n".join([*parts, "</svg>", ""])


# Boxes


def _box(vertex: Vertex, loop: str | None) -> Box:
    texts = _texts(vertex, loop)
    bold = columns(texts[0]) * BOLD
    widest = max([bold, *(columns(text) * COLUMN for text in texts[1:])])
    return Box(widest + COLUMN + 2 * _PAD, len(texts) * LINE + 2 * _PAD - 4)


def _texts(vertex: Vertex, loop: str | None) -> list[str]:
    again = wrap(f"↻ {loop}", TEXT_COLUMNS) if loop is not None else []
    return [_title(vertex), *wrap(vertex.summary, TEXT_COLUMNS), *again]


def _title(vertex: Vertex) -> str:
    mark = "" if vertex.mark is Mark.SAME else f", {vertex.mark.value}"
    return f"{vertex.name} ({vertex.kind}{mark})"


def _vertex(vertex: Vertex, box: Box, loop: str | None, start: str) -> Iterator[str]:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    stroke, thickness = _MARKS[vertex.mark]
    if vertex.name == start and vertex.mark is Mark.SAME:
        stroke, thickness = "#0f172a", "2.5"
    fill = _FILLS.get(vertex.kind, "#ffffff")
    radius = 14 if vertex.kind == "hangup" else 5
    dashes = ' stroke-dasharray="6 4"' if vertex.mark is Mark.REMOVED else ""
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius}" '
        f"fill={quoteattr(fill)} stroke={quoteattr(stroke)} stroke-width={quoteattr(thickness)}{dashes}/>"
    )
    for number, text in enumerate(_texts(vertex, loop)):
        weight = ' font-weight="bold"' if number == 0 else ""
        y = top + _PAD + 9 + number * LINE
        yield f'<text x="{left + _PAD:.1f}" y="{y:.1f}" fill="#0f172a"{weight}>{escape(text)}</text>'


# Edges


def _label_size(label: str) -> tuple[float, float]:
    if not label:
        return 0.0, 0.0
    lines = wrap(label, LABEL_COLUMNS)
    return max(columns(line) for line in lines) * COLUMN + 8, len(lines) * LINE + 2


def _labels(lines: Sequence[Line], labels: Sequence[str]) -> Iterator[str]:
    for line, label in zip(lines, labels, strict=True):
        if line.label is None:
            continue
        box = line.label
        yield (
            f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" width="{box.width:.1f}" '
            f'height="{box.height:.1f}" rx="3" fill="#f8fafc" stroke="#e2e8f0"/>'
        )
        for number, text in enumerate(wrap(label, LABEL_COLUMNS)):
            y = box.y - box.height / 2 + 12 + number * LINE
            yield (
                f'<text x="{box.x:.1f}" y="{y:.1f}" fill="#334155" text-anchor="middle">{escape(text)}</text>'
            )


Ports = Mapping[tuple[int, str], tuple[float, float]]
"""By line and end: where on a node's box the line touches."""


def _paths(drawing: Drawing) -> Iterator[str]:
    ports = _ports(drawing)
    for number, line in enumerate(drawing.lines):
        points = [ports[number, "source"]]
        for box in line.boxes:
            ends = [(box.x, box.y - box.height / 2), (box.x, box.y + box.height / 2)]
            points += reversed(ends) if line.backwards else ends
        points.append(ports[number, "target"])
        dashes = ' stroke-dasharray="5 3"' if line.backwards else ""
        yield (
            f'<path d="{_curve(points)}" fill="none" stroke="#475569" stroke-width="1.2"{dashes} '
            'marker-end="url(#arrow)"/>'
        )


def _ports(drawing: Drawing) -> Ports:
    """Lines touch a box side by side, in the order of where they come from."""
    sides: defaultdict[tuple[str, bool], list[tuple[float, int, str]]] = defaultdict(list)
    for number, line in enumerate(drawing.lines):
        source, target = drawing.boxes[line.source], drawing.boxes[line.target]
        first, last = (line.boxes[0], line.boxes[-1]) if line.boxes else (target, source)
        sides[line.source, line.backwards].append((first.x, number, "source"))
        sides[line.target, not line.backwards].append((last.x, number, "target"))
    found: dict[tuple[int, str], tuple[float, float]] = {}
    for (name, top), touching in sides.items():
        box = drawing.boxes[name]
        y = box.y - box.height / 2 if top else box.y + box.height / 2
        step = box.width / (len(touching) + 1)
        for place, (_, number, end) in enumerate(sorted(touching), start=1):
            found[number, end] = (box.x - box.width / 2 + place * step, y)
    return found


def _curve(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = points
    parts = [f"M{x:.1f},{y:.1f}"]
    for to_x, to_y in rest:
        middle = (y + to_y) / 2
        parts.append(f"C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(parts)
