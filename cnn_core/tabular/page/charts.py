"""Charts as SVG, small enough to be read on a telephone; colours come from the page's style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, inf, isfinite, log10
from typing import Any

import numpy as np

from cnn_core.markup import Markup, joined, tag
from cnn_core.tabular.evaluation import shown

WIDTH, HEIGHT = 380, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 12, 42
_MOST = 200
"""Points of a line: more cannot be told apart."""

LEVELS = 6
"""Shades of a density."""


def span(*values: Any) -> tuple[float, float]:
    """Return the least and the largest finite number, never the same."""
    every = np.concatenate([np.ravel(np.asarray(v, np.float64)) for v in values])
    every = np.clip(every[np.isfinite(every)], -1e300, 1e300)
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    room = abs(low) / 20 or 0.5
    return low - room, high + room


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers within a span.

    >>> ticks(0, 1), ticks(17, 230)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [50.0, 100.0, 150.0, 200.0])
    """
    unit = 10.0 ** floor(log10((high - low) / most))
    step = next(unit * m for m in (1, 2, 5, 10) if (high - low) / (unit * m) <= most + 0.01)
    first, last = ceil(low / step - 1e-6), floor(high / step + 1e-6)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


class Chart:
    """Axes with ticks (at whole numbers of x only) and names; and what is drawn over them."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], x_name: str, y_name: str,
        whole: bool = False,
    ) -> None:  # fmt: skip
        self._x, self._y = x, y
        right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
        self._parts: list[Markup] = []
        for v in ticks(*x, most=4):
            if whole and v % 1:
                continue
            at = _n(self.x(v))
            self._add("path", d=f"M{at} {_TOP}V{bottom}", class_="grid")
            self.text(self.x(v), bottom + 15, _tick(v))
        for v in ticks(*y):
            self._add("path", d=f"M{_LEFT} {_n(self.y(v))}H{right}", class_="grid")
            self.text(_LEFT - 5, self.y(v) + 4, _tick(v), "end")
        self.text((_LEFT + right) / 2, HEIGHT - 6, x_name)
        middle = _n((_TOP + bottom) / 2)
        self._parts.append(tag("text", y_name, transform=f"translate(10 {middle}) rotate(-90)",
                               text_anchor="middle"))  # fmt: skip

    def x(self, v: float) -> float:
        """Return where a number is, from the left."""
        low, high = self._x
        return _LEFT + (v - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, v: float) -> float:
        """Return where a number is, from the top."""
        low, high = self._y
        return HEIGHT - _BOTTOM - (v - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def _add(self, name: str, **attributes: Any) -> None:
        self._parts.append(tag(name, **attributes))

    def text(self, x: float, y: float, value: Any, anchor: str = "middle") -> None:
        """Write a text at a place of the picture."""
        self._parts.append(tag("text", value, x=_n(x), y=_n(y), text_anchor=anchor))

    def line(self, xs: Sequence[float], ys: Sequence[float], class_: str) -> None:
        """Draw a line, with gaps where a number is not finite; a single number is a point."""
        keep = np.unique(np.linspace(0, len(xs) - 1, min(len(xs), _MOST)).astype(int))
        drawn, after_gap = [], True
        for i in keep.tolist():
            x, y = float(xs[i]), float(ys[i])
            if isfinite(x) and isfinite(y):
                drawn.append(f"{'M' if after_gap else 'L'}{_n(self.x(x))} {_n(self.y(y))}"
                             + ("h0" if after_gap else ""))  # fmt: skip
            after_gap = not (isfinite(x) and isfinite(y))
        self._add("path", d="".join(drawn), class_=class_)

    def upright(self, v: float, name: str) -> None:
        """Draw a line at a place of the x axis, with a name at its top."""
        at = self.x(v)
        self._add("path", d=f"M{_n(at)} {_TOP}V{HEIGHT - _BOTTOM}", class_="mark")
        left = at > WIDTH / 2
        self.text(at + (-4 if left else 4), _TOP + 10, name, "end" if left else "start")

    def points(self, xs: Iterable[float], ys: Iterable[float], class_: str = "dots") -> None:
        """Draw points; those that are outside of the axes are left out."""
        (a, b), (c, d) = self._x, self._y
        drawn = [f"M{_n(self.x(x))} {_n(self.y(y))}h0" for x, y in zip(xs, ys, strict=True)
                 if a <= x <= b and c <= y <= d]  # fmt: skip
        self._add("path", d="".join(drawn), class_=class_)

    def circles(self, xs: Any, ys: Any, radii: Any) -> None:
        """Draw circles of some radii, in units of the picture."""
        for x, y, r in zip(xs, ys, radii, strict=True):
            self._add("circle", cx=_n(self.x(x)), cy=_n(self.y(y)), r=_n(r), class_="dot")

    def bars(self, edges: Any, heights: Any) -> None:
        """Draw a histogram."""
        bottom = _n(self.y(self._y[0]))
        ends = [_n(self.x(edge)) for edge in edges]
        drawn = [f"M{a} {bottom}V{_n(self.y(h))}H{b}V{bottom}z"
                 for a, b, h in zip(ends, ends[1:], heights, strict=False) if h > 0]
        self._add("path", d="".join(drawn), class_="bar")

    def density(self, xs: np.ndarray, ys: np.ndarray, w: np.ndarray, n: int = 40) -> None:
        """Draw how many rows lie where: more are darker, by the logarithm of their number."""
        found, x_edges, y_edges = np.histogram2d(xs, ys, n, [self._x, self._y], weights=w)
        wide = self.x(x_edges[1]) - self.x(x_edges[0])
        high = self.y(y_edges[0]) - self.y(y_edges[1])
        corners = [(self.x(x), self.y(y) - high) for x in x_edges[:-1] for y in y_edges[:-1]]
        rows = np.log1p(found.ravel() * (len(w) / w.sum()))
        self._parts.append(_cells(rows, corners, wide, high))

    def svg(self, label: str) -> Markup:
        """Return the picture; ``label`` says in words what it shows."""
        return _svg(WIDTH, HEIGHT, label, *self._parts)


def heat_map(shares: np.ndarray, names: Sequence[str], label: str) -> Markup:
    """Return a square matrix (C, C) of numbers from 0 to 1 as shades, rows named at the left."""
    n = len(shares)
    left, size = 70, (WIDTH - 74) / n
    corners = [(left + j * size, 18 + i * size) for i in range(n) for j in range(n)]
    parts = [_cells(shares.ravel(), corners, size, size)]
    parts.append(tag("path", d=f"M{left} 18h{_n(n * size)}v{_n(n * size)}h{_n(-n * size)}z",
                     class_="grid"))  # fmt: skip
    if size >= 9:
        parts += [tag("text", name, x=left - 4, y=_n(18 + (i + 0.5) * size + 3.5),
                      text_anchor="end") for i, name in enumerate(names)]  # fmt: skip
        parts += [tag("text", name[:2], x=_n(left + (i + 0.5) * size), y=12, text_anchor="middle")
                  for i, name in enumerate(names)]  # fmt: skip
    return _svg(WIDTH, 22 + n * size, label, *parts)


def _cells(values: np.ndarray, corners: list[Any], wide: float, high: float) -> Markup:
    """Return a path for each shade; what is 0 is left out."""
    top = float(values.max()) if len(values) else 0.0
    if not 0 < top < inf:
        return Markup()
    level = np.ceil(values / top * LEVELS).astype(int)
    size = f"h{_n(wide)}v{_n(high)}h{_n(-wide)}z"
    return joined(*(
        tag("path", d="".join(f"M{_n(corners[i][0])} {_n(corners[i][1])}{size}"
                              for i in np.flatnonzero(level == k)), class_=f"s{k}")
        for k in range(1, LEVELS + 1) if (level == k).any()
    ))  # fmt: skip


def _svg(width: float, height: float, label: str, *parts: Markup) -> Markup:
    return tag("svg", *parts, viewBox=f"0 0 {width} {_n(height)}", role="img", aria_label=label)


def _tick(v: float) -> str:
    return shown(v) if 1e4 <= abs(v) < 1e7 else f"{v:g}"
