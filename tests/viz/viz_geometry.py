"""Rules that every picture keeps, checked on its scene."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from cnn_core.viz.fonts import text_width
from cnn_core.viz.scene import Box, Line, Scene, Text
from cnn_core.viz.style import KINDS

Rectangle = tuple[float, float, float, float]


def around(shape: Box | Text) -> Rectangle:
    """Return left, top, right and bottom."""
    if isinstance(shape, Box):
        return shape.x, shape.y, shape.x + shape.w, shape.y + shape.h
    w = text_width(shape.text, shape.size, bold=shape.bold)
    left = shape.x - {"start": 0, "middle": w / 2, "end": w}[shape.anchor]
    return left, shape.y - 0.8 * shape.size, left + w, shape.y + 0.2 * shape.size


def overlap(a: Rectangle, b: Rectangle, slack: float = 0.5) -> bool:
    return (
        a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack
    )


def vertices(scene: Scene) -> list[Box]:
    return scene.boxes(*KINDS)


def check_boxes_and_texts(scene: Scene) -> None:
    """No box on a box, no text on a text, and no text on a box but in its own."""
    boxes, texts = vertices(scene), scene.texts()
    for a, b in combinations(boxes, 2):
        assert not overlap(around(a), around(b)), (a, b)
    for a, b in combinations(texts, 2):
        assert not overlap(around(a), around(b)), (a, b)
    for text in texts:
        for box in boxes:
            own = text.role in ("sign", "caption") and text.node == box.node
            assert own or not overlap(around(text), around(box)), (text, box)
        left, top, right, bottom = around(text)
        assert left >= 0, text
        assert top >= 0, text
        assert right <= scene.width, text
        assert bottom <= scene.height, text
    for text in scene.texts("sign"):
        box = next(b for b in boxes if b.node == text.node)
        left, top, right, bottom = around(text)
        assert box.x <= left, text
        assert right <= box.x + box.w, text


def check_lines(scene: Scene, slack: float = 1.5) -> None:
    """No line through a box or a number."""
    boxes = vertices(scene)
    numbers = scene.texts("value", "gradient")
    for line in scene.lines("edge", "wire"):
        x, y = np.array(dense(line)).T
        for shape in (*boxes, *numbers):
            left, top, right, bottom = around(shape)
            within = (left + slack < x) & (x < right - slack)
            within &= (top + slack < y) & (y < bottom - slack)
            own = isinstance(shape, Box) and shape.node == line.target
            assert own or not within.any(), (line, shape)


def dense(line: Line) -> list[tuple[float, float]]:
    """Return points along a line, no two of them far apart."""
    found = []
    points = line.points()
    for (x0, y0), (x1, y1) in pairwise(points):
        n = int(max(abs(x1 - x0), abs(y1 - y0)) / 3) + 1
        found += [(x0 + (x1 - x0) * i / n, y0 + (y1 - y0) * i / n) for i in range(n + 1)]
    return found


def check_frames(scene: Scene) -> None:
    """Frames lie in or beside one another, and boxes in or beside frames."""
    frames = [around(b) for b in scene.boxes("frame")]
    for a, b in combinations(frames, 2):
        assert not overlap(a, b) or within(a, b) or within(b, a), (a, b)
    for box in vertices(scene):
        for frame in frames:
            assert not overlap(around(box), frame) or within(around(box), frame), box


def within(a: Rectangle, b: Rectangle) -> bool:
    return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]
