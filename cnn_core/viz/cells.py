"""Cells: the vertices of a picture, measured.

A cell holds everything that belongs to one vertex: its shape, its caption, and for each value
that goes out a piece of wire with the value above and the gradient below.  So whatever keeps
cells apart keeps all texts apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from cnn_core.ir.node import Node
from cnn_core.viz.fonts import text_width
from cnn_core.viz.labels import Label, Labels
from cnn_core.viz.model import Item, Model
from cnn_core.viz.style import CAPTION_SIZE, KINDS, LINE, NAME_SIZE, NUMBER_SIZE, SYMBOL_SIZE

RADIUS = 17.0
PORT_GAP = 11.0
WIRE_GAP = 4.0  # between a wire and the text above or below it
STUB, END_STUB = 12.0, 40.0  # the shortest wire out of a cell; the arrow at the end of the graph
TEXT_LINE = NUMBER_SIZE * LINE


class Port(NamedTuple):
    """A place on the border of a cell where the wire of ``source`` comes in or goes out."""

    source: Node
    y: float
    reach: float = 0.0
    """How far the wire goes on inside of the border."""


class Row(NamedTuple):
    """A value that goes out: its wire from the shape to the border of the cell."""

    source: Node
    y: float
    label: Label
    ends: bool


@dataclass
class Cell:
    """A vertex with its place in the picture: ``shape_*`` and ports count from its corner."""

    item: Item
    width: float
    height: float
    shape_x: float
    shape_y: float
    shape_w: float
    shape_h: float
    text_size: float
    rows: list[Row]
    ins: list[Port]
    outs: list[Port]
    x: float = field(default=0.0)
    y: float = field(default=0.0)

    @property
    def is_round(self) -> bool:
        """Whether the shape is a circle."""
        return self.item.kind in ("gate", "output") and self.shape_w == self.shape_h


def measure(item: Item, model: Model, labels: Labels) -> Cell:
    """Return the cell of ``item``; its place is left to a layout."""
    ends = [model.is_end(node) for node in item.outputs]
    found = [labels[node] for node in item.outputs]
    ups = [WIRE_GAP + len(lab.value) * TEXT_LINE for lab in found]
    downs = [WIRE_GAP + len(lab.gradient) * TEXT_LINE for lab in found]
    shape_w, shape_h, size = _shape(item)
    # The wires of a group with several values lie one under the other beside its box.
    reach = sum(ups[1:]) + sum(downs[:-1])
    if len(found) > 1:
        shape_h = max(shape_h, reach + 2 * TEXT_LINE)
    caption = CAPTION_SIZE * LINE + 2 if item.caption else 0.0
    column = max(shape_w, text_width(item.caption, CAPTION_SIZE))
    up = max(shape_h / 2, reach / 2 + ups[0])
    down = max(shape_h / 2 + caption, reach / 2 + downs[-1])
    shape_x, middle = (column - shape_w) / 2, up
    rows, y = [], middle - reach / 2
    for i, (node, label) in enumerate(zip(item.outputs, found, strict=True)):
        rows.append(Row(node, y, label, ends[i]))
        y += downs[i] + (ups[i + 1] if i + 1 < len(ups) else 0)
    width = shape_x + shape_w + max(_wire(lab, end) for lab, end in zip(found, ends, strict=True))
    cell = Cell(
        item, max(width, column), up + down, shape_x, middle - shape_h / 2, shape_w, shape_h,
        size, rows, [], [Port(r.source, r.y) for r in rows if not r.ends],
    )  # fmt: skip
    cell.ins = _ports(cell, middle)
    return cell


def _wire(label: Label, ends: bool) -> float:
    widest = max((text_width(t, NUMBER_SIZE) for t in (*label.value, *label.gradient)), default=0)
    return max(END_STUB if ends else STUB, widest + 12 + (6 if ends else 0))


def _shape(item: Item) -> tuple[float, float, float]:
    """Return width and height of the shape, and the size of the text in it."""
    gate = item.kind in ("gate", "output")
    sign = gate and len(item.lines) == 1 and len(item.lines[0]) <= 4
    size = SYMBOL_SIZE if sign and len(item.lines[0]) <= 2 else NAME_SIZE
    text = max(text_width(line, size, bold=item.kind == "group") for line in item.lines)
    ports = PORT_GAP * len(item.inputs) + 4
    if sign and text <= 1.8 * RADIUS and ports <= 2 * RADIUS + 4:
        return 2 * RADIUS, 2 * RADIUS, size
    lines = len(item.lines) * size * LINE
    height = lines + 10
    if item.kind == "group":
        height += CAPTION_SIZE * LINE + 8
        text = max(text, text_width(item.caption, CAPTION_SIZE))
    height = max(height, ports, 2 * RADIUS if gate else 0)
    return text + 16 + (8 if gate else 0), height, size


def _ports(cell: Cell, middle: float) -> list[Port]:
    """Spread the operands over the left side of the shape, the first on top."""
    n = len(cell.item.inputs)
    gap = min(PORT_GAP, (cell.shape_h - 8) / max(1, n - 1))
    if cell.is_round and n == 2:
        gap = 1.3 * PORT_GAP
    ports = []
    for i, source in enumerate(cell.item.inputs):
        dy = (i - (n - 1) / 2) * gap
        ports.append(Port(source, middle + dy, cell.shape_x + _inset(cell, dy)))
    return ports


def _inset(cell: Cell, dy: float) -> float:
    """Return how far right of its box's left side the outline lies, ``dy`` from the middle."""
    radius = corner(cell)
    over = abs(dy) - (cell.shape_h / 2 - radius)
    return radius - math.sqrt(max(0.0, radius**2 - over**2)) if over > 0 else 0.0


def corner(cell: Cell) -> float:
    """Return the radius of the corners of the shape."""
    return min(KINDS[cell.item.kind].corner * cell.shape_h, RADIUS)
