"""A scene as SVG text, without any library."""

from __future__ import annotations

from html import escape

from cnn_core.viz.scene import Box, Line, Point, Scene, Text, arrow_head
from cnn_core.viz.style import FONT


def to_svg(scene: Scene) -> str:
    """Return the scene as a document in SVG 1.1; shapes carry the names of nodes as data-node."""
    w, h = _n(scene.width), _n(scene.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        f'viewBox="0 0 {w} {h}" font-family="{FONT}" role="img">'
    )
    lines = [head, f"<title>{escape(scene.title)}</title>"]
    for shape in scene.shapes:
        if isinstance(shape, Box):
            lines.append(_box(shape))
        elif isinstance(shape, Line):
            lines.append(_line(shape))
        else:
            lines.append(_text(shape))
    return "\n".join([*lines, "</svg>", ""])


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _attributes(role: str, **data: str) -> str:
    found = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items() if value)
    return f'class="{role}"{found}'


def _closed(tag: str, title: str) -> str:
    """Return an element that is empty but for its title, which shows under the pointer."""
    return f"<{tag}><title>{escape(title)}</title></{tag.split()[0]}>" if title else f"<{tag}/>"


def _box(b: Box) -> str:
    corner = f' rx="{_n(b.corner)}"' if b.corner else ""
    dash = ' stroke-dasharray="4 3"' if b.dashed else ""
    return _closed(
        f'rect {_attributes(b.role, node=b.node)} x="{_n(b.x)}" y="{_n(b.y)}" width="{_n(b.w)}" '
        f'height="{_n(b.h)}"{corner} fill="{b.fill}" stroke="{b.line}" '
        f'stroke-width="{b.width:g}"{dash}',
        b.title,
    )


def _line(p: Line) -> str:
    steps = "".join(
        f"L{_p(step[0])}" if len(step) == 1 else f"C{' '.join(map(_p, step))}" for step in p.steps
    )
    drawn = _closed(
        f'path {_attributes(p.role, node=p.node, target=p.target)} d="M{_p(p.start)}{steps}" '
        f'fill="none" stroke="{p.color}" stroke-width="{p.width:g}" stroke-linecap="round"',
        p.title,
    )
    if not p.arrow:
        return drawn
    head = "L".join(map(_p, arrow_head(p)))
    return f'{drawn}\n<path class="arrow" d="M{head}Z" fill="{p.color}"/>'


def _text(t: Text) -> str:
    bold = ' font-weight="bold"' if t.bold else ""
    return (
        f'<text {_attributes(t.role, node=t.node)} x="{_n(t.x)}" y="{_n(t.y)}" '
        f'font-size="{t.size:g}" fill="{t.color}" text-anchor="{t.anchor}"{bold}>'
        f"{escape(t.text)}</text>"
    )
