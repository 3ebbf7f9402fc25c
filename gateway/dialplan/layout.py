"""Where the boxes and lines of a flow's picture go: a layered drawing, top to bottom. Pure.

The method is Sugiyama's (K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical
system structures", 1981): loops are broken, nodes are put on layers, edges across several layers get a place
on each of them, the order on the layers is improved by barycentres, and places are made as straight as their
order allows. Labels are boxes between the layers, so they never lie on anything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

SWEEPS: Final = 24
GAP_X: Final = 26.0
GAP_Y: Final = 22.0
MARGIN: Final = 24.0


@dataclass(slots=True)
class Box:
    """A place on a layer: of a node, a label or a passing edge. Sizes in pixels; `x`, `y`: its centre."""

    width: float
    height: float
    x: float = 0.0
    y: float = 0.0
    layer: int = 0


@dataclass(slots=True)
class Line:
    """An edge: the boxes that it passes, from its source to its target. `label`: the box of its label."""

    source: str
    target: str
    size: tuple[float, float]
    boxes: list[Box] = field(default_factory=list)
    label: Box | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """The finished layout."""

    boxes: Mapping[str, Box]
    lines: Sequence[Line]
    width: float
    height: float


def lay_out(start: str, boxes: Mapping[str, Box], lines: Sequence[Line]) -> Drawing:
    """Give every box its place. Lines from a node to itself aren't laid out; leave them out."""
    for line in lines:
        line.backwards = False
    _break_loops(start, boxes, lines)
    _rank(boxes, lines)
    layers = _layers(start, boxes, lines)
    _order(layers, lines, boxes)
    _place_x(layers, _neighbours(lines, boxes))
    height = _place_y(layers)
    width = _normalise(layers)
    return Drawing(boxes, lines, width, height)


def _ends(line: Line) -> tuple[str, str]:
    """Upper and lower node."""
    return (line.target, line.source) if line.backwards else (line.source, line.target)


def _break_loops(start: str, boxes: Mapping[str, Box], lines: Sequence[Line]) -> None:
    """Turn round every edge that leads back to a node on the way to it."""
    leaving: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        leaving[line.source].append(line)
    done: set[str] = set()
    for root in (start, *boxes):
        if root in done or root not in boxes:
            continue
        way: dict[str, int] = {root: 0}  # the nodes on the present way, and which of their edges is next
        while way:
            here, number = next(reversed(way.items()))
            if number == len(leaving[here]):
                done.add(here)
                del way[here]
                continue
            way[here] += 1
            line = leaving[here][number]
            if line.target in way:
                line.backwards = True
            elif line.target not in done:
                way[line.target] = 0


def _rank(boxes: Mapping[str, Box], lines: Sequence[Line]) -> None:
    """Every node below all that lead to it. Even layers are nodes', odd ones labels'."""
    below: defaultdict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(boxes, 0)
    for line in lines:
        upper, lower = _ends(line)
        below[upper].append(lower)
        waiting[lower] += 1
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        for lower in below[name]:
            boxes[lower].layer = max(boxes[lower].layer, boxes[name].layer + 2)
            waiting[lower] -= 1
            if waiting[lower] == 0:
                ready.append(lower)


def _layers(start: str, boxes: Mapping[str, Box], lines: Sequence[Line]) -> list[list[Box]]:
    depth = max((box.layer for box in boxes.values()), default=0) + 1
    layers: list[list[Box]] = [[] for _ in range(depth)]
    for name in sorted(boxes, key=lambda name: name != start):
        layers[boxes[name].layer].append(boxes[name])
    for line in lines:
        upper, lower = (boxes[name] for name in _ends(line))
        passed = [Box(6.0, 0.0, layer=layer) for layer in range(upper.layer + 1, lower.layer)]
        if line.size[0]:
            label = passed[-1] if line.backwards else passed[0]
            label.width, label.height = line.size
            line.label = label
        for box in passed:
            layers[box.layer].append(box)
        line.boxes = passed[::-1] if line.backwards else passed
    return layers


Neighbours = Mapping[int, tuple[list[Box], list[Box]]]
"""By the id of a box: the boxes above and below that lines join it to."""


def _neighbours(lines: Sequence[Line], boxes: Mapping[str, Box]) -> Neighbours:
    found: defaultdict[int, tuple[list[Box], list[Box]]] = defaultdict(lambda: ([], []))
    for line in lines:
        chain = [boxes[line.source], *line.boxes, boxes[line.target]]
        if line.backwards:
            chain.reverse()
        for upper, lower in pairwise(chain):
            found[id(upper)][1].append(lower)
            found[id(lower)][0].append(upper)
    return found


def _order(layers: list[list[Box]], lines: Sequence[Line], boxes: Mapping[str, Box]) -> None:
    """Fewer crossings: each layer by the mean place of its neighbours, down and up by turns."""
    neighbours = _neighbours(lines, boxes)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, neighbours)
    for sweep in range(SWEEPS):
        side = sweep % 2
        for layer in layers if side == 0 else reversed(layers):
            _sort(layer, layers, neighbours, side)
        crossings = _crossings(layers, neighbours)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _sort(layer: list[Box], layers: list[list[Box]], neighbours: Neighbours, side: int) -> None:
    if not layer:
        return
    number = layer[0].layer
    beside = number - 1 if side == 0 else number + 1
    if not 0 <= beside < len(layers):
        return
    places = {id(box): place for place, box in enumerate(layers[beside])}
    own = {id(box): place for place, box in enumerate(layer)}

    def barycentre(box: Box) -> float:
        near = [places[id(other)] for other in neighbours[id(box)][side]] if id(box) in neighbours else []
        return sum(near) / len(near) if near else float(own[id(box)])

    layer.sort(key=barycentre)


def _crossings(layers: list[list[Box]], neighbours: Neighbours) -> int:
    total = 0
    for layer, following in pairwise(layers):
        places = {id(box): place for place, box in enumerate(following)}
        ends = [
            end
            for box in layer
            if id(box) in neighbours
            for end in sorted(places[id(other)] for other in neighbours[id(box)][1])
        ]
        total += sum(1 for i, end in enumerate(ends) for later in ends[i + 1 :] if later < end)
    return total


def _place_x(layers: list[list[Box]], neighbours: Neighbours) -> None:
    for layer in layers:
        _spread(layer, [0.0] * len(layer))
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _spread(layer, [_wish(box, neighbours, sweep) for box in layer])


def _wish(box: Box, neighbours: Neighbours, sweep: int) -> float:
    above, below = neighbours.get(id(box), ([], []))
    near = (above if sweep % 2 == 0 else below) or above or below
    if sweep >= SWEEPS - 4:
        near = above + below
    return sum(other.x for other in near) / len(near) if near else box.x


def _spread(layer: Sequence[Box], wishes: Sequence[float]) -> None:
    """The places nearest to the wishes (least squares) that keep the order and the gaps.

    Pool adjacent violators: with the gaps taken off, that is isotonic regression.
    """
    offsets: list[float] = []
    offset = 0.0
    for number, box in enumerate(layer):
        if number:
            offset += (layer[number - 1].width + box.width) / 2 + GAP_X
        offsets.append(offset)
    pools: list[tuple[float, int]] = []  # the sum of the wishes, and of how many boxes
    for wish, shift in zip(wishes, offsets, strict=True):
        pool = (wish - shift, 1)
        while pools and pools[-1][0] / pools[-1][1] > pool[0] / pool[1]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1])
        pools.append(pool)
    places = [total / count for total, count in pools for _ in range(count)]
    for box, place, shift in zip(layer, places, offsets, strict=True):
        box.x = place + shift


def _place_y(layers: Sequence[Sequence[Box]]) -> float:
    y = MARGIN
    for layer in layers:
        height = max((box.height for box in layer), default=0.0)
        for box in layer:
            box.y = y + height / 2
            box.height = box.height or height  # a passing edge goes straight past the layer's boxes
        y += height + GAP_Y
    return y - GAP_Y + MARGIN


def _normalise(layers: Sequence[Sequence[Box]]) -> float:
    """Begin at the margin; returns the width of the whole."""
    boxes = [box for layer in layers for box in layer]
    left = min((box.x - box.width / 2 for box in boxes), default=0.0)
    for box in boxes:
        box.x += MARGIN - left
    return max((box.x + box.width / 2 for box in boxes), default=0.0) + MARGIN
