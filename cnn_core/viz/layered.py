"""The package's own layout: layers from left to right, groups placed as wholes.

Each group is laid out by itself, then stands as one rectangle with ports in the layers of what
it lies in.  So frames never overlap what they do not hold, and no wire runs through a cell: in
a layer wires run level in lanes of their own, and they bend between layers only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from cnn_core.viz.cells import Cell, Port
from cnn_core.viz.fonts import text_width
from cnn_core.viz.heights import set_heights
from cnn_core.viz.knots import Knot, Layers, Link
from cnn_core.viz.model import Block, Item
from cnn_core.viz.ordering import order_layers
from cnn_core.viz.placed import HEAD, PAD, Frame, Placed, Wire
from cnn_core.viz.scene import Point
from cnn_core.viz.style import NAME_SIZE

GAP_LEVEL, GAP_MIN, GAP_MAX = 16.0, 30.0, 110.0
"""Between layers: where all wires run level, and the limits where some bend."""


def lay_out(block: Block, cell_of: Callable[[Item], Cell]) -> Placed:
    """Return ``block`` with everything placed; a named block with its frame."""
    knots = [_knot(child, cell_of) for child in block.children]
    layers = Layers(knots, block.inputs, block.outputs)
    order_layers(layers.layers)
    set_heights(layers.layers)
    head = HEAD if block.name else 0.0
    pad = PAD if block.name else 0.0
    starts, ends = _columns(layers.layers, pad)
    placed = Placed(ends[-1] + pad)
    placed.height = head + 2 * pad + max(k.y + k.height for la in layers.layers for k in la)
    if block.name:
        placed.width = max(placed.width, text_width(block.name, NAME_SIZE, bold=True) + 2 * PAD)
    for layer in layers.layers:
        for knot in layer:
            _place(knot, placed, starts[knot.layer], ends[knot.layer], head + pad)
    for layer in layers.layers:
        for knot in layer:
            _connect(knot, placed, starts, ends)
    for source, knot in layers.entries.items():
        y = knot.y + knot.ins[0].y
        placed.ins.append(Port(source, y))
        placed.wires.append(Wire(source, (0.0, y), [((starts[0], y),)]))
    for source, knot in layers.exits.items():
        y = knot.y + knot.out_y(source)
        placed.outs.append(Port(source, y))
        left = starts[-1] if knot.passes else knot.x + knot.width
        placed.wires.append(Wire(source, (left, y), [((placed.width, y),)]))
    if block.name:
        placed.frames.insert(0, Frame(block, 0.0, 0.0, placed.width, placed.height))
    return placed


def _knot(child: Item | Block, cell_of: Callable[[Item], Cell]) -> Knot:
    if isinstance(child, Block):
        inner = lay_out(child, cell_of)
        return Knot(inner.width, inner.height, inner.ins, inner.outs, placed=inner)
    cell = cell_of(child)
    return Knot(cell.width, cell.height, cell.ins, cell.outs, cell=cell)


def _columns(layers: list[list[Knot]], left: float) -> tuple[list[float], list[float]]:
    """Return where each layer starts and ends; steep wires get more room than level ones."""
    starts, ends = [], []
    x = left
    for layer in layers:
        starts.append(x)
        ends.append(x + max(knot.width for knot in layer))
        steep = max((_rise(link) for knot in layer for link in knot.after), default=0.0)
        x = ends[-1] + GAP_LEVEL
        if steep > 1:
            x = ends[-1] + min(GAP_MAX, max(GAP_MIN, 0.4 * steep))
    return starts, ends


def _rise(link: Link) -> float:
    return abs(link.a.y + link.ya - link.b.y - link.yb)


def _place(knot: Knot, placed: Placed, start: float, end: float, top: float) -> None:
    """Set the knot's corner; what has no inputs moves right, close to its use."""
    knot.y += top
    knot.x = start
    if not knot.passes and not knot.ins and knot.after:
        knot.x = end - knot.width
    if knot.cell is not None:
        knot.cell.x, knot.cell.y = knot.x, knot.y
        placed.cells.append(knot.cell)
    elif knot.placed is not None:
        placed.take(knot.placed, knot.x, knot.y)


def _connect(knot: Knot, placed: Placed, starts: list[float], ends: list[float]) -> None:
    """Draw the wires from a knot to the next layer."""
    left = starts[knot.layer] if knot.passes else knot.x + knot.width
    right = ends[knot.layer]
    n_from = Counter(link.ya for link in knot.after)
    for source, ya in {link.source: link.ya for link in knot.after}.items():
        if n_from[ya] > 1:
            y = knot.y + ya
            placed.dots.append((right, y))
            placed.wires.append(Wire(source, (left, y), [((right, y),)]))
    for link in knot.after:
        y, to = knot.y + link.ya, link.b.y + link.yb
        next_left = starts[knot.layer + 1]
        start = left if n_from[link.ya] == 1 else right
        steps: list[tuple[Point, ...]] = [((right, y),)] if right > start else []
        if abs(to - y) < 0.5:
            steps.append(((next_left, to),))
        else:
            middle = (right + next_left) / 2
            steps.append(((middle, y), (middle, to), (next_left, to)))
        end = link.b.x + link.reach
        if end > next_left:
            steps.append(((end, to),))
        placed.wires.append(Wire(link.source, (start, y), steps, link.b.cell))
