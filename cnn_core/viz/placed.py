"""What a layout returns: cells with places, frames around groups, and wires between ports."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnn_core.ir.node import Node
from cnn_core.viz.cells import Cell, Port
from cnn_core.viz.model import Block
from cnn_core.viz.scene import Point

PAD, HEAD = 12.0, 18.0
"""Room in a frame around what it holds, and for its name on top."""


@dataclass
class Wire:
    """A piece of the wire of ``source``; with ``target`` the piece that enters that cell."""

    source: Node
    start: Point
    steps: list[tuple[Point, ...]]
    target: Cell | None = None


@dataclass
class Frame:
    """The frame of a group."""

    block: Block
    x: float
    y: float
    w: float
    h: float


@dataclass
class Placed:
    """A block with everything in it, from (0, 0) to (width, height).

    ``ins`` and ``outs`` are the places on its border where wires cross; ``dots`` are the places
    where a wire divides.
    """

    width: float = 0.0
    height: float = 0.0
    cells: list[Cell] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    dots: list[Point] = field(default_factory=list)
    ins: list[Port] = field(default_factory=list)
    outs: list[Port] = field(default_factory=list)

    def take(self, other: Placed, dx: float, dy: float) -> None:
        """Take in what another one holds, moved by (dx, dy)."""

        def moved(p: Point) -> Point:
            return p[0] + dx, p[1] + dy

        for cell in other.cells:
            cell.x, cell.y = moved((cell.x, cell.y))
        for frame in other.frames:
            frame.x, frame.y = moved((frame.x, frame.y))
        for wire in other.wires:
            wire.start = moved(wire.start)
            wire.steps = [tuple(moved(p) for p in step) for step in wire.steps]
        self.cells += other.cells
        self.frames += other.frames
        self.wires += other.wires
        self.dots += [moved(p) for p in other.dots]
