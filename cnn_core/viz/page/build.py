"""The page of a graph: one file of HTML that needs nothing else, with the graph's numbers in it."""

from __future__ import annotations

import json
import re
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.graph.recording import Recording, TrainingFrame
from cnn_core.io.files import replacing
from cnn_core.ir.node import Constant, Input, Node, Parameter
from cnn_core.viz.fonts import clean
from cnn_core.viz.labels import Labels
from cnn_core.viz.model import Collapse, Model, Path, closed_groups
from cnn_core.viz.page.drawing import drawing_of
from cnn_core.viz.page.plain import GRADIENT, LEAF, PART, VALUE, Pool, node_json
from cnn_core.viz.page.recorded import frame_of
from cnn_core.viz.page.shown import Shown, with_boxes

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph

MOST = 5000
"""Nodes of a page, all of which are drawn: a browser shows no more of them smoothly.  Of a graph
with more of them, folded groups are boxes without an inside."""

SCRIPTS = ("text.js", "state.js", "steps.js", "fold.js", "drawing.js", "heat.js", "panels.js",
           "inputs.js", "quiz.js", "player.js")  # fmt: skip
FIRST = ("tensor.js", "operations.js")


def write(graph: Graph, path: Any, *, collapse: Collapse = (), recording: Any = None) -> None:
    """Write the page of ``graph`` to ``path``; see `Graph.to_html`."""
    options.path("to_html", path)
    text = page_of(graph, collapse=collapse, recording=recording)
    with replacing(path, "to_html") as stream:
        stream.write(text.encode("utf-8"))


def page_of(graph: Graph, *, collapse: Collapse = (), recording: Any = None) -> str:
    """Return the page of ``graph`` as text."""
    closed = closed_groups(graph.nodes_topologically_sorted(), collapse, "to_html")
    model, shown = _seen(graph, collapse, closed)
    data = _data(graph, model, shown, closed, recording)
    title = clean(" and ".join(graph.name_of(n) for n in graph.outputs[:3]), 80)
    missing = f'<p class="missing">{escape(data["missing"])}</p>' if data["missing"] else ""
    parts = {
        "title": escape(f"Graph of {title}"), "summary": escape(data["summary"]),
        "missing": missing, "style": asset("page.css"), "script": script(),
        "data": in_script(json.dumps(data, allow_nan=False, separators=(",", ":"))),
    }  # fmt: skip
    return re.sub(r"\{\{(\w+)\}\}", lambda m: parts[m[1]], asset("page.html"))


def _seen(graph: Graph, collapse: Collapse, closed: set[Path]) -> tuple[Model, Shown]:
    """Return what is drawn and what the page has of it; raise `OptionError` where that is much."""
    nodes = graph.nodes_topologically_sorted()
    if len(nodes) <= MOST:
        return Model(graph), Shown(nodes)
    n = sum(not any(node.group[: i + 1] in closed for i in range(len(node.group)))
            for node in nodes)  # fmt: skip
    if n <= MOST:  # and, besides, what leaves the groups
        model = Model(graph, collapse)
        shown = with_boxes(model)
        n = len(shown.nodes)
    if n > MOST:
        raise OptionError(_too_many(graph, n))
    return model, shown


def _too_many(graph: Graph, n: int) -> str:
    """Return why a graph is refused of which ``n`` nodes would be drawn, and how to fold it."""
    nodes = graph.nodes_topologically_sorted()
    got = f"{len(nodes):,}" + f", {n:,} of them outside of folded groups" * (n < len(nodes))
    text = f"to_html: need at most {MOST:,} nodes, which a browser can draw; got {got}: "
    leaving = {x for node in nodes for x in node.inputs if x.group[:1] != node.group[:1]}
    leaving |= set(graph.outputs)
    left = sum(not node.group or node in leaving for node in nodes)
    if left <= min(MOST, n - 1):
        return text + f"collapse=True folds groups, which leaves about {left:,}"
    return text + (
        "put nodes into groups as they are made, `with cnn.group('step 1'): ...`, for "
        "collapse=True to fold; or cut the graph, as in Graph(node).to_html(path) for an inner node"
    )


def in_script(text: str) -> str:
    """Return JSON in which no markup begins or ends, whatever its strings hold."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def asset(name: str) -> str:
    """Return a file of the page."""
    return (resources.files(__package__) / "assets" / name).read_text("utf-8")


def script() -> str:
    """Return all scripts of the page, operations first."""
    folder = resources.files(__package__) / "assets"
    found = sorted(f.name for f in folder.iterdir() if f.name.startswith("op_"))
    return "\n".join(asset(name) for name in (*FIRST, *found, *SCRIPTS))


def _data(
    graph: Graph, model: Model, shown: Shown, closed: set[Path], recording: Any
) -> dict[str, Any]:
    nodes = shown.nodes
    number = {node: i for i, node in enumerate(nodes)}
    pool = Pool()
    frames = _recorded(graph, recording)
    if not frames and graph.has_values:
        frames = [frame_of(graph)]
    if shown.boxes:
        whole = {node: i for i, node in enumerate(model.users)}
        frames = [shown.frame(frame, whole) for frame in frames]
    has_gradients = any(g is not None for f in frames for g in f.gradients)
    drawing, frame_of_path = drawing_of(model, number)
    n = len(model.users)
    inside = f", of which {n - len(nodes):,} are in folded groups" if len(nodes) < n else ""
    return {
        "summary": clean(f"{n:,} nodes{inside}, {graph.dtype}"),
        "ran": 0 if not frames else 2 if has_gradients else 1,
        "missing": _missing(graph, frames, has_gradients),
        "nodes": [_node(graph, node, shown, number, bool(frames)) for node in nodes],
        "outputs": [number[n] for n in graph.outputs],
        "frames": [_frame(f, nodes, pool) for f in frames],
        "drawing": drawing, "folded": [i for p, i in frame_of_path if p in closed],
        "tensors": pool.json(),
    }  # fmt: skip


def _recorded(graph: Graph, recording: Any) -> list[Any]:
    """Return the frames of a training of this graph; none without one."""
    if recording is None:
        return []
    if not isinstance(recording, Recording):
        raise options.refuse("to_html", "recording, what Graph.record has made", recording)
    if not recording.belongs_to(graph):
        raise OptionError(f"to_html: need a recording of this graph; got {recording!r} of another")
    if not recording.frames:
        raise OptionError(f"to_html: need a recording of steps; got {recording!r}")
    return list(recording.frames)


def _missing(graph: Graph, frames: list[Any], has_gradients: bool) -> str:
    """Return which calls the page lacks, in words."""
    names = [n.name for n in graph.nodes_topologically_sorted() if isinstance(n, Input)]
    given = ", ".join(f"{clean(name, 40)}=..." for name in names[:6]) + ", ..." * (len(names) > 6)
    if not frames:
        return (
            f"This graph has not run: need graph.forward({given}) and graph.backward(), and then "
            f"graph.to_html(path) once more."
        )
    if not has_gradients:
        return (
            "There are values and no gradients: need graph.backward() after graph.forward(), and "
            "then graph.to_html(path) once more."
        )
    return ""


def _node(
    graph: Graph, node: Node, shown: Shown, number: dict[Node, int], ran: bool
) -> dict[str, Any]:
    made = node_json(graph, node, shown, number)
    kinds = ((Input, "input"), (Parameter, "parameter"), (Constant, "constant"))
    made["kind"] = next((kind for cls, kind in kinds if isinstance(node, cls)), "gate")
    made["group"] = [clean(key, 60) for key in node.group]
    made["title"] = Labels.title(graph, node)
    if isinstance(node, Constant) and not node.name:
        made["literal"] = True
    if not ran and node.batched:
        made["shape"][0] = "B"
        del made["batched"]
    return made


def _frame(frame: Any, nodes: list[Node], pool: Pool) -> dict[str, Any]:
    """Return the numbers of one time, each array by its number in the pool."""
    made = {
        "values": [pool.add(a, VALUE if n.inputs else LEAF)
                   for n, a in zip(nodes, frame.values, strict=True)],
        "gradients": [pool.add(a, GRADIENT) for a in frame.gradients],
        "parts": [[pool.add(a, PART) for a in parts] for parts in frame.contributions],
        "given": {i: pool.add(a, GRADIENT) for i, a in frame.given.items()},
        "label": _label(frame),
    }  # fmt: skip
    return made


def _label(frame: Any) -> str:
    if not isinstance(frame, TrainingFrame):
        return ""
    steps = f"{frame.step} step{'s' if frame.step != 1 else ''}"
    return f"After {steps} of training: loss {frame.loss:.6g}"
