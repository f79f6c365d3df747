"""A scene as PNG, through matplotlib."""

from __future__ import annotations

from typing import Any

from cnn_core.errors import StateError
from cnn_core.viz.scene import Box, Line, Scene, Text, arrow_head

DPI, MOST_PIXELS = 144, 30_000
"""Two pixels per unit, fewer where a side would be longer than this."""


def write_png(scene: Scene, path: str) -> None:
    """Write the scene to ``path``; raise `StateError` where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise StateError(
            "draw: need matplotlib to write a PNG (pip install 'cnn-core[viz]'); got none "
            "(SVG needs nothing)"
        ) from error
    # Without pyplot, no window system is asked for and no figure is left open.
    figure = Figure(figsize=(scene.width / 72, scene.height / 72))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    axes.axis("off")
    for order, shape in enumerate(scene.shapes):
        if isinstance(shape, Box):
            _box(axes, shape, order)
        elif isinstance(shape, Line):
            _line(axes, shape, order)
        else:
            _text(axes, shape, order)
    dpi = min(DPI, 72 * MOST_PIXELS / max(scene.width, scene.height))
    figure.savefig(path, dpi=dpi, format="png")


def _box(axes: Any, b: Box, order: int) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x0, y0, x1, y1 = b.x, b.y, b.x + b.w, b.y + b.h
    r = min(b.corner, b.w / 2, b.h / 2)
    # fmt: off
    k = 0.4477 * r  # the arms of a cubic that is a quarter of a circle end this far from its corner
    points = [(x0 + r, y0), (x1 - r, y0), (x1 - k, y0), (x1, y0 + k), (x1, y0 + r), (x1, y1 - r),
              (x1, y1 - k), (x1 - k, y1), (x1 - r, y1), (x0 + r, y1), (x0 + k, y1), (x0, y1 - k),
              (x0, y1 - r), (x0, y0 + r), (x0, y0 + k), (x0 + k, y0), (x0 + r, y0), (x0, y0)]
    # fmt: on
    codes = [Path.MOVETO, *[Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4] * 4, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(
        Path(points, codes), facecolor=b.fill, edgecolor=b.line, zorder=order,
        linewidth=0 if b.line == "none" else b.width, linestyle=(0, (3, 2)) if b.dashed else "-",
    ))  # fmt: skip


def _line(axes: Any, p: Line, order: int) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    codes, points = [Path.MOVETO], [p.start]
    for step in p.steps:
        codes += [Path.LINETO if len(step) == 1 else Path.CURVE4] * len(step)
        points += step
    axes.add_patch(PathPatch(Path(points, codes), facecolor="none", edgecolor=p.color,
                             linewidth=p.width, capstyle="round", zorder=order))  # fmt: skip
    if p.arrow:
        axes.add_patch(Polygon(arrow_head(p), facecolor=p.color, linewidth=0, zorder=order))


def _text(axes: Any, t: Text, order: int) -> None:
    axes.text(
        t.x, t.y, t.text, fontsize=t.size, color=t.color, va="baseline", zorder=order,
        ha={"start": "left", "middle": "center", "end": "right"}[t.anchor],
        fontweight="bold" if t.bold else "normal", parse_math=False,
        family=["DejaVu Sans", "sans-serif"],
    )  # fmt: skip
