"""Both layouts: nothing overlaps, nothing is crossed, and the same graph looks the same."""

from __future__ import annotations

import pytest
import viz_geometry as geometry
import viz_graphs as graphs

import cnn_core as cnn
from cnn_core import ops
from cnn_core.errors import OptionError, StateError
from cnn_core.viz import graphviz
from cnn_core.viz.draw import scene_of
from cnn_core.viz.heights import _rising
from cnn_core.viz.svg import to_svg

MAKERS = {
    "circuit": lambda: (graphs.circuit(), ()),
    "neuron": lambda: (graphs.neuron(), ()),
    "network": lambda: (graphs.network(), ()),
    "network collapsed": lambda: (graphs.network(), True),
    "steps": lambda: (graphs.steps(), ()),
    "steps, inner groups collapsed": lambda: (graphs.steps(), "loss"),
    "steps collapsed": lambda: (graphs.steps(), True),
    "60 nodes": lambda: (graphs.tangle(), ()),
    "60 other nodes": lambda: (graphs.tangle(seed=8), ()),
}
needs_dot = pytest.mark.skipif(
    graphviz.find_dot() is None, reason="Graphviz's program dot is not installed"
)


@pytest.mark.parametrize("name", MAKERS)
def test_own_layout_keeps_everything_apart(name):
    scene = scene_of(*MAKERS[name](), layout="own")
    geometry.check_boxes_and_texts(scene)
    geometry.check_lines(scene)
    geometry.check_frames(scene)


@needs_dot
@pytest.mark.parametrize("name", MAKERS)
def test_graphviz_layout_keeps_everything_apart(name):
    scene = scene_of(*MAKERS[name](), layout="dot")
    geometry.check_boxes_and_texts(scene)
    # Its curves may graze the empty corner of a cell, where no text is.
    geometry.check_lines(scene, slack=4.0)
    geometry.check_frames(scene)


@pytest.mark.parametrize("name", MAKERS)
def test_own_layout_runs_from_left_to_right(name):
    scene = scene_of(*MAKERS[name](), layout="own")
    for line in scene.lines("edge", "wire", "stub", "output-edge"):
        xs = [x for x, _ in line.points()]
        assert xs == sorted(xs), line


@pytest.mark.parametrize("layout", ["own", pytest.param("dot", marks=needs_dot)])
@pytest.mark.parametrize("name", MAKERS)
def test_wires_connect(name, layout):
    """Each edge starts where its wire has come to: at a stub, or at the end of another piece."""
    scene = scene_of(*MAKERS[name](), layout=layout)
    pieces = scene.lines("edge", "wire", "stub")
    ends = {(p.node, _rounded(p.points()[-1])) for p in pieces}
    for piece in scene.lines("edge", "wire"):
        assert (piece.node, _rounded(piece.start)) in ends, piece


def _rounded(point):
    return round(point[0]), round(point[1])


@pytest.mark.parametrize("layout", ["own", pytest.param("dot", marks=needs_dot)])
def test_layout_is_deterministic(layout):
    first, second = (to_svg(scene_of(graphs.tangle(), layout=layout)) for _ in range(2))
    assert first == second


def test_small_circuit_has_no_crossing_and_level_rows():
    boxes = {b.node: b for b in geometry.vertices(scene_of(graphs.circuit(), layout="own"))}
    assert boxes["x"].y < boxes["add_0"].y < boxes["y"].y
    assert boxes["add_0"].x < boxes["mul_0"].x
    # z stands in the column of the sum, beside its use.
    assert boxes["z"].x > boxes["x"].x


def test_private_weights_stand_beside_their_layer():
    x = cnn.Input("x")
    for i in range(5):
        x = ops.tanh(x * cnn.Input(f"w{i}"))
    boxes = {b.node: b for b in geometry.vertices(scene_of(cnn.Graph(x), layout="own"))}
    assert boxes["w4"].x > boxes["mul_2"].x


def test_operands_enter_in_order():
    a, b, c = cnn.Input("a"), cnn.Input("b"), cnn.Input("c")
    scene = scene_of(cnn.Graph(ops.where(a, b, c)), layout="own")
    entries = {line.node: line.points()[-1][1] for line in scene.lines("edge")}
    assert entries["a"] < entries["b"] < entries["c"]


def test_shared_value_divides_at_a_dot():
    x = cnn.Input("x")
    scene = scene_of(cnn.Graph(x * x + ops.exp(x)), layout="own")
    assert len([line for line in scene.lines("edge") if line.node == "x"]) == 3
    assert scene.boxes("dot")
    geometry.check_lines(scene)


def test_large_graphs_are_laid_out_whole():
    x = cnn.Input("x")
    shared = cnn.Input("shared")
    for _ in range(300):
        x = ops.tanh(x * shared) + x
    scene = scene_of(cnn.Graph(x))
    assert len(geometry.vertices(scene)) == 902


def test_unknown_layout_is_refused_with_the_known_ones():
    with pytest.raises(OptionError, match=r"need layout among auto, dot, own; got 'circo'"):
        scene_of(graphs.circuit(), layout="circo")


def test_without_graphviz_the_own_layout_is_taken(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert to_svg(scene_of(graphs.circuit())) == to_svg(scene_of(graphs.circuit(), layout="own"))
    with pytest.raises(StateError, match="need Graphviz's program dot on PATH"):
        scene_of(graphs.circuit(), layout="dot")


def test_a_failing_graphviz_is_done_without(monkeypatch):
    monkeypatch.setattr(graphviz, "find_dot", lambda: "/no/such/program")
    assert to_svg(scene_of(graphs.circuit())) == to_svg(scene_of(graphs.circuit(), layout="own"))
    with pytest.raises(StateError, match="need a layout by /no/such/program"):
        scene_of(graphs.circuit(), layout="dot")


def test_rising_numbers_are_the_closest():
    assert _rising([1.0, 2.0, 3.0], [1.0] * 3) == [1.0, 2.0, 3.0]
    assert _rising([3.0, 1.0], [1.0, 3.0]) == [1.5, 1.5]
    assert _rising([0.0, 4.0, 2.0, 9.0], [1.0] * 4) == [0.0, 3.0, 3.0, 9.0]
