"""What notebooks show in place of a text: short tables and curves, in the colours of their theme.

Nothing here sets a colour of text or ground, so that light and dark themes keep theirs; and no
style sheet is needed, which many viewers of notebooks take away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from cnn_core.markup import Markup, tag, text

MOST_ROWS, LAST_ROWS = 40, 10
"""Of a longer table the first rows and the last ones are shown, so many in all."""

LONGEST, LINE = 80, 240
"""Characters of a cell, and of one that has a line to itself; what is longer is cut."""

POINTS = 200
"""Of a curve: more cannot be told apart."""

COLOURS = ("#3b82c4", "#d9762b")
"""Three times as light or dark as white and as black, or more."""

_WIDTH, _HEIGHT = 260, 138
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 66, 42, 18

Curve = Sequence[tuple[float, float]]


def shown(title: Any, more: Any = "", *parts: Any) -> Markup:
    """Return parts below a line that says what they are."""
    rest = [" ", text(more, LINE)] if more else []
    return tag("div", tag("div", tag("b", text(title, LONGEST)), *rest), *parts)


def table(head: Sequence[Any], rows: Sequence[Sequence[Any]], *, numbers: int = 0) -> Markup:
    """Return a table, or no more than its rows if ``head`` is empty.

    The first column names the rows, the last ``numbers`` columns go to the right.  What the middle
    of a long table leaves out is said there.
    """
    width = len(head or (rows[0] if rows else ()))
    sides = ["left" if i < width - numbers else "right" for i in range(width)]
    left_out, end = len(rows) - MOST_ROWS, MOST_ROWS - LAST_ROWS
    made = [_row(row, sides) for row in (rows if left_out <= 0 else rows[:end])]
    if left_out > 0:
        note = tag("td", f"... {left_out:,} more ...", colspan=width, style="text-align:left")
        made += [tag("tr", note), *(_row(row, sides) for row in rows[-LAST_ROWS:])]
    top = [tag("thead", tag("tr", *(tag("th", text(cell, LONGEST), scope="col",
                                        style=f"text-align:{side}")
                                    for cell, side in zip(head, sides, strict=True))))
           ] if head else []  # fmt: skip
    return tag("table", *top, tag("tbody", *made))


def _row(row: Sequence[Any], sides: list[str]) -> Markup:
    cells = []
    for i, (cell, side) in enumerate(zip(row, sides, strict=True)):
        style, cut = f"text-align:{side}", text(cell, LONGEST)
        cells.append(tag("td", cut, style=style) if i else
                     tag("th", cut, scope="row", style=f"{style};font-weight:normal"))  # fmt: skip
    return tag("tr", *cells)


def folded(title: Any, *parts: Any) -> Markup:
    """Return parts that are seen once their title has been chosen."""
    return tag("details", tag("summary", text(title, LONGEST)), *parts)


def row_of(*parts: Any) -> Markup:
    """Return parts side by side, as many as fit."""
    style = "display:flex;flex-wrap:wrap;gap:12px;margin:6px 0"
    return tag("div", *parts, style=style)


def chart(title: str, curves: Mapping[str, Curve], figures: Mapping[str, str]) -> Markup:
    """Return up to two curves of (x, y) over one another, the second dashed.

    ``figures`` are the texts of their legend, by name.  Points that are not finite are gaps.
    """
    points = [point for curve in curves.values() for point in curve if _is_point(point)]
    x = _Axis([p[0] for p in points], _LEFT, _WIDTH - _RIGHT)
    y = _Axis([p[1] for p in points], _HEIGHT - _BOTTOM, _TOP)
    parts: list[Any] = [_text(_LEFT, 12, title, bold=True)]
    at = _LEFT
    for (name, curve), colour, dash in zip(curves.items(), COLOURS, (None, "5 3"), strict=False):
        line = {"fill": "none", "stroke": colour, "stroke_width": 1.8, "stroke_dasharray": dash}
        parts.append(tag("path", d=f"M{at} 24h14", **line))
        parts.append(_text(at + 18, 28, f"{name} {figures[name]}"))
        at += 126
        parts.append(tag("path", d=_path(curve, x, y), stroke_linejoin="round",
                         stroke_linecap="round", **line))  # fmt: skip
    base = f"M{_LEFT} {_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"
    parts.append(tag("path", d=base, stroke="currentColor", stroke_opacity=0.4))
    if points:
        side = _WIDTH - _RIGHT + 6
        low, high = (f"{end:.0f}" if end == int(end) else f"{end:.3g}" for end in (x.low, x.high))
        parts += [_text(side, _TOP + 4, f"{y.high:.4g}"), _text(_LEFT, _HEIGHT - 5, low)]
        if high != low:
            parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 5, high, "end"))
        if y.high > y.low:
            parts.append(_text(side, _HEIGHT - _BOTTOM, f"{y.low:.4g}"))
    said = ", ".join([title, *(f"{name} {figures[name]}" for name in curves)])
    return tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", width=_WIDTH, height=_HEIGHT,
               viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=said,
               style="max-width:100%")  # fmt: skip


class _Axis:
    """Where numbers between the least and the greatest lie between two places."""

    def __init__(self, values: list[float], begin: float, end: float) -> None:
        self.low, self.high = min(values, default=0.0), max(values, default=0.0)
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        # Halves: the difference of two finite numbers may be infinite.
        size = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / size if size else 0.5
        return self._begin + share * (self._end - self._begin)


def _is_point(point: tuple[float, float]) -> bool:
    return isfinite(point[0]) and isfinite(point[1])


def _path(curve: Curve, x: _Axis, y: _Axis) -> str:
    """Return a line through the points, a dot where one stands alone."""
    step = max(1, -(-len(curve) // POINTS))
    kept = [*curve[:-1:step], *curve[-1:]]  # the last one always
    made, pen = [], "M"
    for i, point in enumerate(kept):
        if not _is_point(point):
            pen = "M"
            continue
        made.append(f"{pen}{x.place(point[0]):.1f} {y.place(point[1]):.1f}")
        if pen == "M" and (i + 1 == len(kept) or not _is_point(kept[i + 1])):
            made.append("h0.1")
        pen = "L"
    return "".join(made)


def _text(x: float, y: float, value: Any, anchor: str | None = None, bold: bool = False) -> Markup:
    return tag("text", text(value, 40), x=x, y=y, fill="currentColor", font_size=11,
               text_anchor=anchor, font_weight="bold" if bold else None)  # fmt: skip


def pairs(found: Mapping[str, Any]) -> Markup:
    """Return a table of names and what there is under each."""
    rows = [(name, text(value, LINE)) for name, value in found.items()]
    return table((), rows)
