"""Graphviz as a layout: its program ``dot`` places the cells and leads the wires."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import count
from typing import Any

from cnn_core.viz.cells import Cell
from cnn_core.viz.model import Block, Item
from cnn_core.viz.placed import HEAD, PAD, Frame, Placed, Wire
from cnn_core.viz.scene import Point

SECONDS = 30


def find_dot() -> str | None:
    """Return the path of Graphviz's program, or None where it is not installed."""
    return shutil.which("dot")


def lay_out(block: Block, cells: dict[Item, Cell], program: str) -> Placed | None:
    """Return ``block`` as ``program`` places it; None where it fails or takes too long."""
    names = {item: f"n{i}" for i, item in enumerate(cells)}
    blocks: dict[str, Block] = {}
    lines = ["digraph {", 'graph [rankdir=LR, nodesep=0.2, ranksep=0.45, splines=true];',
             'node [shape=plain];', "edge [dir=none];",
             *_statements(block, cells, names, blocks, count()),
             *_edges(cells, names), "}"]  # fmt: skip
    try:
        done = subprocess.run(
            [program, "-Tjson0"], input="\n".join(lines), capture_output=True, text=True,
            encoding="utf-8", timeout=SECONDS, check=True,
        )  # fmt: skip
        return _read(json.loads(done.stdout), cells, names, blocks)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def _statements(block: Block, cells: dict[Item, Cell], names: dict[Item, str],
                blocks: dict[str, Block], numbers: Any) -> list[str]:  # fmt: skip
    """Return the cells and, for each group, a cluster with an empty head of its name's height."""
    lines = []
    for child in block.children:
        if isinstance(child, Item):
            lines.append(f"{names[child]} [label=<{_table(cells[child])}>];")
            continue
        name = f"cluster_{next(numbers)}"
        blocks[name] = child
        head = f'<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="10" HEIGHT="{HEAD - 6:.0f}">'
        head += "<TR><TD></TD></TR></TABLE>"
        lines += [f"subgraph {name} {{", f"graph [margin={PAD:.0f}, label=<{head}>];",
                  *_statements(child, cells, names, blocks, numbers), "}"]  # fmt: skip
    return lines


def _table(cell: Cell) -> str:
    """Return a table of exactly the cell's size, with small cells where the wires end.

    The tables of Graphviz are made of boxes, so each side is a column of boxes between which the
    ports lie: the boxes of a side are as high as it takes to put their middles there.
    """
    left = _column([p.y for p in cell.ins], cell.height, "i")
    right = _column([p.y for p in cell.outs], cell.height, "o")
    width = max(2, round(cell.width) - 2)
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD>{left}</TD>'
        f'<TD FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{round(cell.height)}"></TD>'
        f"<TD>{right}</TD></TR></TABLE>"
    )


def _column(heights: list[float], total: float, side: str) -> str:
    rows, y = [], 0
    for i, at in enumerate(heights):
        top = max(y, round(at) - 1)
        rows += [_blank(top - y)] if top > y else []
        rows.append(f'<TR><TD PORT="{side}{i}" FIXEDSIZE="TRUE" WIDTH="1" HEIGHT="2"></TD></TR>')
        y = top + 2
    rest = round(total) - y
    rows += [_blank(rest)] if rest > 0 or not rows else []
    return ('<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
            f'{"".join(rows)}</TABLE>')  # fmt: skip


def _blank(height: int) -> str:
    return f'<TR><TD FIXEDSIZE="TRUE" WIDTH="1" HEIGHT="{max(1, height)}"></TD></TR>'


def _edges(cells: dict[Item, Cell], names: dict[Item, str]) -> list[str]:
    start = {p.source: (item, i) for item, cell in cells.items() for i, p in enumerate(cell.outs)}
    lines = []
    for item, cell in cells.items():
        for i, port in enumerate(cell.ins):
            a, k = start[port.source]
            # What computes lies in a line, what it reads beside it.
            weight = 6 if cells[a].ins else 1
            lines.append(f"{names[a]}:o{k}:e -> {names[item]}:i{i}:w [id={i}, weight={weight}];")
    return lines


def _read(found: Any, cells: dict[Item, Cell], names: dict[Item, str],
          blocks: dict[str, Block]) -> Placed:  # fmt: skip
    _, _, width, height = map(float, found["bb"].split(","))
    placed = Placed(width, height)
    by_name = {name: cells[item] for item, name in names.items()}

    def point(text: str) -> Point:
        x, y = map(float, text.split(",")[-2:])
        return x, height - y

    objects = found.get("objects", [])
    for thing in objects:
        if thing["name"] in blocks and "bb" in thing:
            x0, y0, x1, y1 = map(float, thing["bb"].split(","))
            placed.frames.append(Frame(blocks[thing["name"]], x0, height - y1, x1 - x0, y1 - y0))
        elif thing["name"] in by_name:
            cell = by_name[thing["name"]]
            x, y = point(thing["pos"])
            cell.x, cell.y = x - cell.width / 2, y - cell.height / 2
    placed.cells = list(cells.values())
    starts = {p.source: (c.x + c.width, c.y + p.y) for c in placed.cells for p in c.outs}
    n_from: dict[Point, int] = {}
    for edge in found.get("edges", []):
        cell = by_name[objects[edge["head"]]["name"]]
        port = cell.ins[int(edge["id"])]
        wire = _wire([point(p) for p in edge["pos"].split()], cell, int(edge["id"]))
        wire.start = starts[port.source]
        placed.wires.append(wire)
        n_from[wire.start] = n_from.get(wire.start, 0) + 1
    placed.dots = [p for p, n in n_from.items() if n > 1]
    return placed


def _wire(points: list[Point], cell: Cell, i: int) -> Wire:
    """Return the wire along Graphviz's curve, ending exactly at the port and then at the shape."""
    port = cell.ins[i]
    steps: list[tuple[Point, ...]] = [tuple(points[k : k + 3]) for k in range(1, len(points), 3)]
    y = cell.y + port.y
    steps[-1] = (*steps[-1][:-1], (cell.x, y))
    if port.reach > 0.5:
        steps.append(((cell.x + port.reach, y),))
    return Wire(port.source, points[0], steps, cell)
