"""The pictures of a graph: `Graph.draw`, and what a notebook shows."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from cnn_core import options
from cnn_core.errors import OptionError, StateError
from cnn_core.options import shown
from cnn_core.viz import graphviz, layered
from cnn_core.viz.cells import measure
from cnn_core.viz.compose import compose
from cnn_core.viz.fonts import clean, text_width
from cnn_core.viz.labels import Labels
from cnn_core.viz.model import Collapse, Model
from cnn_core.viz.png import write_png
from cnn_core.viz.scene import Box, Scene, Text
from cnn_core.viz.style import INK, NAME_SIZE, PAPER
from cnn_core.viz.svg import to_svg

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph
    from cnn_core.ir.node import Node

LAYOUTS = ("auto", "dot", "own")
LARGE = 200
"""Above this many vertices, "auto" takes the own layout, whose time grows slowly."""


def draw(graph: Graph, path: str | os.PathLike[str], *, collapse: Collapse = (),
         layout: str = "auto") -> None:  # fmt: skip
    """Write a picture of ``graph`` to ``path``; see `Graph.draw`."""
    suffix = Path(options.path("draw", path)).suffix.lower()
    if suffix not in (".svg", ".png"):
        got = shown(os.fspath(path))
        raise OptionError(f"draw: need a path that ends in .svg or .png; got {got}")
    scene = scene_of(graph, collapse, layout)
    if suffix == ".svg":
        Path(path).write_text(to_svg(scene), encoding="utf-8")
    else:
        write_png(scene, os.fspath(path))


def svg_of(graph: Graph) -> str:
    """Return SVG for a notebook; the groups of a large graph are collapsed.

    One that is large even then is told of in words: a notebook keeps what it shows.
    """
    nodes = graph.nodes_topologically_sorted()
    large = len(nodes) > LARGE
    if large and len(Model(graph, collapse=True).items) > LARGE:
        return to_svg(in_words(graph, nodes))
    return to_svg(scene_of(graph, collapse=large))


def in_words(graph: Graph, nodes: list[Node]) -> Scene:
    """Return a scene that says what a graph is made of."""
    counts = Counter(node.op or type(node).__name__.lower() for node in nodes)
    most = ", ".join(f"{n:,} {op}" for op, n in counts.most_common(6))
    lines = [clean(repr(graph).strip("<>"), 100), most + (", ..." if len(counts) > 6 else ""),
             "Too large to be shown here: draw(path) writes a picture of all of it, and what is",
             "made in a cnn_core.group is shown as one box."]  # fmt: skip
    width = max(text_width(line, NAME_SIZE, bold=True) for line in lines)
    scene = Scene(lines[0], width + 24, len(lines) * NAME_SIZE * 1.5 + 20)
    scene.shapes.append(Box("paper", 0, 0, scene.width, scene.height, PAPER, "none"))
    scene.shapes += [Text("words", 12, 10 + (i + 0.8) * NAME_SIZE * 1.5, line, NAME_SIZE, INK,
                          anchor="start", bold=i == 0) for i, line in enumerate(lines)]  # fmt: skip
    return scene


def scene_of(graph: Graph, collapse: Collapse = (), layout: str = "auto") -> Scene:
    """Return the picture of ``graph`` as a scene."""
    options.choice("draw", layout, LAYOUTS, option="layout")
    with graph._lock:
        model, labels = Model(graph, collapse), Labels(graph)
        cells = {item: measure(item, model, labels) for item in model.items}
    placed = None
    program = graphviz.find_dot()
    if layout == "dot" and program is None:
        raise StateError("draw: need Graphviz's program dot on PATH for layout='dot'; got none")
    if program is not None and (layout == "dot" or (layout == "auto" and len(cells) <= LARGE)):
        placed = graphviz.lay_out(model.root, cells, program)
        if placed is None and layout == "dot":
            raise StateError(f"draw: need a layout by {program}; got an error or no answer from it")
    if placed is None:
        placed = layered.lay_out(model.root, cells.__getitem__)
    return compose(model, labels, placed)
