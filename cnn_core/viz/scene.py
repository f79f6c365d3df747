"""A scene: boxes, lines and texts with colours, ready to be written as SVG or PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle with round corners; with a corner of half its size, a circle."""

    role: str
    x: float
    y: float
    w: float
    h: float
    fill: str
    line: str
    width: float = 1.0
    corner: float = 0.0
    dashed: bool = False
    node: str = ""
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A path: a start, then straight steps of one point and curved ones of three (cubic)."""

    role: str
    start: Point
    steps: tuple[tuple[Point, ...], ...]
    color: str
    width: float = 1.3
    arrow: bool = False
    node: str = ""
    target: str = ""
    title: str = ""

    def points(self, n: int = 12) -> list[Point]:
        """Return points along the path, ``n`` on each curve."""
        found = [self.start]
        for step in self.steps:
            if len(step) == 1:
                found.append(step[0])
                continue
            (x0, y0), (x1, y1), (x2, y2), (x3, y3) = found[-1], *step
            for i in range(1, n + 1):
                t = i / n
                a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
                found.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
        return found


@dataclass(frozen=True)
class Text:
    """One line of text: ``x`` is its start, middle or end, ``y`` its base line."""

    role: str
    x: float
    y: float
    text: str
    size: float
    color: str
    anchor: str = "start"
    bold: bool = False
    node: str = ""


@dataclass
class Scene:
    """Shapes in the order in which they are painted, from (0, 0) to (width, height)."""

    title: str
    width: float = 0.0
    height: float = 0.0
    shapes: list[Box | Line | Text] = field(default_factory=list)

    def boxes(self, *roles: str) -> list[Box]:
        """Return the boxes with one of the roles."""
        return [s for s in self.shapes if isinstance(s, Box) and s.role in roles]

    def lines(self, *roles: str) -> list[Line]:
        """Return the lines with one of the roles."""
        return [s for s in self.shapes if isinstance(s, Line) and s.role in roles]

    def texts(self, *roles: str) -> list[Text]:
        """Return the texts with one of the roles; with none, all."""
        found = [s for s in self.shapes if isinstance(s, Text)]
        return [s for s in found if not roles or s.role in roles]


def arrow_head(line: Line, size: float = 7.0) -> list[Point]:
    """Return the corners of the arrow head at the end of a line: tip, left, right.

    The wires of the pictures end level, so the head points right, or as the last straight step.
    """
    points: Sequence[Point] = line.points()
    (x0, y0), (x1, y1) = points[-2], points[-1]
    length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-9)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    bx, by = x1 - size * ux, y1 - size * uy
    half = 0.42 * size
    return [(x1, y1), (bx - half * uy, by + half * ux), (bx + half * uy, by - half * ux)]
