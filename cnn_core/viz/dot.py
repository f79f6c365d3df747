"""A graph as DOT source, for Graphviz and the tools that read its language."""

from __future__ import annotations

from html import escape
from itertools import count
from typing import TYPE_CHECKING, Any

from cnn_core.viz.labels import Label, Labels
from cnn_core.viz.model import Block, Collapse, Item, Model
from cnn_core.viz.style import (
    CAPTION_SIZE,
    FRAME_FILL,
    FRAME_LINE,
    GRADIENT,
    INK,
    KINDS,
    MUTED,
    NAME_SIZE,
    NUMBER_SIZE,
    SYMBOL_SIZE,
    VALUE,
    WIRE,
)

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph


def to_dot(graph: Graph, *, collapse: Collapse = ()) -> str:
    """Return ``graph`` as DOT source; see `Graph.to_dot`."""
    with graph._lock:
        model, labels = Model(graph, collapse), Labels(graph)
        names = {item: f"n{i}" for i, item in enumerate(model.items)}
        lines = [
            "digraph {",
            'graph [rankdir=LR, nodesep=0.3, ranksep=0.5, fontname="DejaVu Sans"];',
            f'node [fontname="DejaVu Sans", fontsize={NAME_SIZE}, fontcolor="{INK}"];',
            f'edge [fontname="DejaVu Sans", fontsize={NUMBER_SIZE}, color="{WIRE}", '
            "arrowsize=0.6];",
            *_block(model.root, names, count(), labels),
            *_edges(model, names, labels),
            "}",
        ]
    return "\n".join(lines) + "\n"


def _block(block: Block, names: dict[Item, str], numbers: Any, labels: Labels) -> list[str]:
    lines = []
    for child in block.children:
        if isinstance(child, Item):
            lines.append(f"{names[child]} [{_vertex(child, labels)}];")
            continue
        title = _font(child.name, NAME_SIZE, MUTED, bold=True)
        lines += [
            f"subgraph cluster_{next(numbers)} {{",
            f'graph [label=<{title}>, labeljust=l, style="rounded,filled", '
            f'fillcolor="{FRAME_FILL}", color="{FRAME_LINE}"];',
            *_block(child, names, numbers, labels),
            "}",
        ]
    return lines


def _vertex(item: Item, labels: Labels) -> str:
    kind = KINDS[item.kind]
    short = item.kind in ("gate", "output") and len("".join(item.lines)) <= 2
    size = SYMBOL_SIZE if short else NAME_SIZE
    text = "<BR/>".join(_font(line, size, INK, bold=item.kind == "group") for line in item.lines)
    if item.caption:
        text += "<BR/>" + _font(item.caption, CAPTION_SIZE, MUTED)
    shape = "circle" if short and not item.caption else "box"
    styles = ["filled"]
    if shape == "box" and kind.corner:
        styles.append("rounded")
    if kind.dashed:
        styles.append("dashed")
    tip = item.name if item.kind == "group" else labels[item.outputs[0]].full
    return (
        f'label=<{text}>, tooltip=<{escape(tip)}>, shape={shape}, style="{",".join(styles)}", '
        f'fillcolor="{kind.fill}", color="{kind.line}", penwidth={kind.width:g}'
    )


def _edges(model: Model, names: dict[Item, str], labels: Labels) -> list[str]:
    start = {node: item for item in model.items for node in item.outputs}
    lines = [
        f"{names[start[source]]} -> {names[item]} [label=<{_label(labels[source])}>];"
        for item in model.items
        for source in item.inputs
    ]
    for node, item in start.items():
        if model.is_end(node):
            end = f"{names[item]}_{item.outputs.index(node)}_end"
            lines.append(f'{end} [shape=point, style=invis, label="", width=0.01];')
            lines.append(f"{names[item]} -> {end} [label=<{_label(labels[node])}>];")
    return lines


def _label(label: Label) -> str:
    """Return the value over the gradient, each in its colour; a space where both lack."""
    parts = [_font(text, NUMBER_SIZE, VALUE) for text in label.value]
    parts += [_font(text, NUMBER_SIZE, GRADIENT) for text in label.gradient]
    return "<BR/>".join(parts) or " "


def _font(text: str, size: int, color: str, bold: bool = False) -> str:
    inner = escape(text) or " "
    inner = f"<B>{inner}</B>" if bold else inner
    return f'<FONT POINT-SIZE="{size}" COLOR="{color}">{inner}</FONT>'
