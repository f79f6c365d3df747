"""Where everything stands in the page's drawing, as JSON that a script draws, folds and changes.

The places are those of the own layout of pictures.  All texts beside wires are the script's, so
room is left for what other numbers may need.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core.ir.node import Node
from cnn_core.viz import layered
from cnn_core.viz.cells import Cell, corner, measure
from cnn_core.viz.labels import Label, Labels
from cnn_core.viz.model import Model, Path
from cnn_core.viz.placed import Frame, Placed, Wire
from cnn_core.viz.scene import Point
from cnn_core.viz.style import KINDS

MARGIN = 16.0
NUMBER, FIGURE = "-000.00", "mean -0.0000"
"""What there is room for: a number, and a line about an array."""


class RoomyLabels(Labels):
    """Labels with room for other numbers than those of the moment."""

    def _make(self, node: Node) -> Label:
        made = super()._make(node)
        above = _widened(made.value, _lines_of(node, 3))
        below = _widened(made.gradient, _lines_of(node, 2)) if node in self._with_gradient else ()
        return Label(above, below, made.full)


def _lines_of(node: Node, n: int) -> tuple[str, ...]:
    if node.shape == ():
        return (NUMBER,)
    few = len(node.shape) == 1 and isinstance(node.shape[0], int) and node.shape[0] <= 4
    return (f"[{', '.join(['-0.00'] * int(node.shape[0]))}]",) if few else (FIGURE,) * n


def _widened(lines: tuple[str, ...], room: tuple[str, ...]) -> tuple[str, ...]:
    longest = max(room, key=len)
    n = max(len(lines), len(room))
    return tuple(max(lines[i] if i < len(lines) else "", longest, key=len) for i in range(n))


def drawing_of(
    model: Model, number: dict[Node, int]
) -> tuple[dict[str, Any], list[tuple[Path, int]]]:
    """Return cells, wires, dots and frames, nodes by number; and which group each frame is."""
    graph = model.graph
    with graph._lock:
        labels = RoomyLabels(graph)
        cells = {item: measure(item, model, labels) for item in model.items}
    placed = Placed()
    inner = layered.lay_out(model.root, cells.__getitem__)
    placed.take(inner, MARGIN, MARGIN)
    size = [_n(inner.width + 2 * MARGIN), _n(inner.height + 2 * MARGIN)]
    drawing = _Drawing(placed, number)
    groups = [(frame.block.path, i) for i, frame in enumerate(drawing.frames)]
    return {"size": size, **drawing.json()}, groups


class _Drawing:
    def __init__(self, placed: Placed, number: dict[Node, int]) -> None:
        self._placed, self._number = placed, number
        self.frames = sorted(placed.frames, key=lambda f: -f.w * f.h)  # outer ones first

    def json(self) -> dict[str, Any]:
        placed = self._placed
        cells = {id(cell): i for i, cell in enumerate(placed.cells)}
        return {
            "cells": [self._cell(cell) for cell in placed.cells],
            "wires": [self._wire(wire, cells) for wire in placed.wires],
            "via": self._via(),
            "dots": [[*_point(p), self._inside([p])] for p in placed.dots],
            "frames": [self._frame(i) for i in range(len(self.frames))],
            "kinds": {key: kind.word for key, kind in KINDS.items()},
        }

    def _inside(self, points: list[Point], among: int | None = None) -> int:
        """Return the innermost frame that holds all ``points``, -1 if none does."""
        found = -1
        for i, f in enumerate(self.frames[:among]):
            if all(f.x - 0.01 <= x <= f.x + f.w + 0.01 and f.y - 0.01 <= y <= f.y + f.h + 0.01
                   for x, y in points):  # fmt: skip
                found = i
        return found

    def _cell(self, cell: Cell) -> dict[str, Any]:
        item = cell.item
        x, y = cell.x + cell.shape_x, cell.y + cell.shape_y
        right = cell.x + cell.width
        return {
            "node": self._number[item.outputs[0]], "kind": item.kind, "lines": item.lines,
            "caption": item.caption, "size": cell.text_size, "corner": _n(corner(cell)),
            "box": [_n(v) for v in (cell.x, cell.y, cell.width, cell.height)],
            "shape": [_n(v) for v in (x, y, cell.shape_w, cell.shape_h)],
            "rows": [[self._number[row.source], _n(cell.y + row.y), _n(x + cell.shape_w),
                      _n(right), int(row.ends), len(row.label.value), len(row.label.gradient)]
                     for row in cell.rows],
            "frame": self._inside([(cell.x, cell.y), (right, cell.y + cell.height)]),
        }  # fmt: skip

    def _wire(self, wire: Wire, cells: dict[int, int]) -> list[Any]:
        """Return source, target cell, operand, frame, start and steps."""
        points = [wire.start, *(p for step in wire.steps for p in step)]
        target, operand = -1, -1
        if wire.target is not None:
            target, operand = cells[id(wire.target)], _operand(wire.target, points[-1])
        steps = [[v for p in step for v in _point(p)] for step in wire.steps]
        inside = self._inside(points)
        return [self._number[wire.source], target, operand, inside, _point(wire.start), steps]

    def _via(self) -> list[list[int]]:
        """Return of each wire that enters a cell the pieces before it; of others, nothing."""
        wires = self._placed.wires
        ends = {(w.source, *_point(w.steps[-1][-1])): i for i, w in enumerate(wires)}
        found = []
        for wire in wires:
            pieces: list[int] = []
            at = wire
            while wire.target is not None:
                i = ends.get((at.source, *_point(at.start)), -1)
                if i < 0 or i in pieces:
                    break
                pieces.append(i)
                at = wires[i]
            found.append(pieces)
        return found

    def _frame(self, i: int) -> dict[str, Any]:
        frame = self.frames[i]
        count = len(frame.block.nodes)
        corners = [(frame.x, frame.y), (frame.x + frame.w, frame.y + frame.h)]
        return {
            "name": frame.block.name, "count": count, "parent": self._inside(corners, among=i),
            "box": [_n(v) for v in (frame.x, frame.y, frame.w, frame.h)],
            "outs": self._outs(frame),
        }  # fmt: skip

    def _outs(self, frame: Frame) -> list[list[float]]:
        """Return the values that leave a frame, or the graph from within it: node, height, end."""
        right, found = frame.x + frame.w, {}
        for wire in self._placed.wires:
            x, y = wire.steps[-1][-1]
            if abs(x - right) < 0.01 and frame.y <= y <= frame.y + frame.h and wire.start[0] < x:
                found[self._number[wire.source]] = [self._number[wire.source], _n(y), 0]
        inside = set(frame.block.nodes)
        for cell in self._placed.cells:
            for row in cell.rows:
                if row.ends and row.source in inside:
                    i = self._number[row.source]
                    found[i] = [i, _n(cell.y + row.y), 1]
        return list(found.values())


def _operand(cell: Cell, end: Point) -> int:
    """Return to which operand of a cell a wire goes that ends there."""
    ends = [(cell.x + port.reach, cell.y + port.y) for port in cell.ins]
    return int(np.argmin([abs(x - end[0]) + abs(y - end[1]) for x, y in ends]))


def _n(x: float) -> float:
    """Return a tenth of a pixel, as short in JSON as can be."""
    rounded = round(x, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def _point(p: Point) -> list[float]:
    return [_n(p[0]), _n(p[1])]
