"""Groups: framed, or each as one box."""

from __future__ import annotations

from collections import Counter

import pytest
import viz_geometry as geometry
import viz_graphs as graphs

import cnn_core as cnn
from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.viz.blocks import parts
from cnn_core.viz.draw import scene_of


def drawn(graph, collapse=()):
    scene = scene_of(graph, collapse, layout="own")
    geometry.check_boxes_and_texts(scene)
    geometry.check_lines(scene)
    geometry.check_frames(scene)
    return scene


def names(boxes):
    return sorted(box.node for box in boxes)


def test_groups_are_framed_with_their_names():
    scene = drawn(graphs.network())
    assert names(scene.boxes("frame")) == ["dense_0", "dense_1", "dense_2"]
    assert sorted(t.text for t in scene.texts("group")) == ["dense_0", "dense_1", "dense_2"]


def test_groups_hold_their_nodes_and_no_others():
    graph = graphs.network()
    scene = drawn(graph)
    frames = {b.node: geometry.around(b) for b in scene.boxes("frame")}
    boxes = {b.node: geometry.around(b) for b in geometry.vertices(scene)}
    for node in graph.nodes_topologically_sorted():
        for name, frame in frames.items():
            assert geometry.within(boxes[graph.name_of(node)], frame) == (name in node.group)


def test_collapse_true_takes_all_outermost_groups():
    scene = drawn(graphs.steps(), True)
    assert names(scene.boxes("group")) == ["step 0", "step 1", "step 2", "step 3"]
    assert not scene.boxes("frame")


def test_a_collapsed_group_keeps_the_edges_that_cross_its_border():
    scene = drawn(graphs.network(), ["dense_1"])
    crossing = Counter((p.node, p.target) for p in scene.lines("edge") if p.target == "dense_1")
    (source,) = [node for node, _ in crossing]
    assert source.startswith("relu")
    values = [t.text for t in scene.texts("value") if t.node.startswith("tanh")]
    assert values[0] == "(B=32, 128)"
    assert not [b for b in geometry.vertices(scene) if b.node.startswith("dense_1.")]


@pytest.mark.parametrize(
    ("collapse", "boxes"),
    [("loss", ["step 0/loss", "step 1/loss", "step 2/loss", "step 3/loss"]),
     (["step 1/loss"], ["step 1/loss"]),
     (["step 2", "loss"], ["step 0/loss", "step 1/loss", "step 2", "step 3/loss"])],
)  # fmt: skip
def test_inner_groups_collapse_by_name_and_by_path(collapse, boxes):
    assert names(drawn(graphs.steps(), collapse).boxes("group")) == boxes


def test_a_group_with_the_output_is_marked_and_has_the_arrow():
    x = cnn.Input("x")
    with cnn.group("all"):
        y = ops.exp(x) * x
    graph = cnn.Graph(y)
    graph.forward(x=1.0)
    scene = drawn(graph, True)
    assert [line.node for line in scene.lines("output-edge")] == ["mul_0"]
    (box,) = scene.boxes("group")
    assert box.line != drawn(graphs.steps(), "loss").boxes("group")[0].line


def test_unknown_group_is_refused_with_the_known_ones():
    with pytest.raises(OptionError, match=r"there are: dense_0, dense_1, dense_2\); got 'dense_9'"):
        drawn(graphs.network(), ["dense_9"])
    with pytest.raises(OptionError, match=r"there are: none\); got 'a'"):
        drawn(graphs.circuit(), "a")
    with pytest.raises(OptionError, match="need collapse as True or names of groups; got 3"):
        drawn(graphs.circuit(), 3)


def test_a_group_that_paths_leave_and_enter_again_is_cut():
    x = cnn.Input("x")
    with cnn.group("a"):
        first = ops.exp(x)
    between = ops.tanh(first)
    with cnn.group("a"):
        last = first + between
    graph = cnn.Graph(last)
    for collapse in ((), True):
        scene = drawn(graph, collapse)
        assert names(scene.boxes("frame", "group")) == ["a (1)", "a (2)"]


def test_groups_that_need_each_other_are_cut():
    x, y = cnn.Input("x"), cnn.Input("y")
    with cnn.group("a"):
        a1 = ops.exp(x)
    with cnn.group("b"):
        b1 = ops.tanh(y)
        b2 = b1 * a1
    with cnn.group("a"):
        a2 = a1 + b1
    graph = cnn.Graph([a2, b2])
    nodes = graph.nodes_topologically_sorted()
    found = parts(nodes, lambda n: n.group or n)
    assert sum(len(members) for _, members in found) == len(nodes)
    assert len(drawn(graph, True).boxes("group")) == 3
    drawn(graph)


def test_a_deep_nest_of_groups():
    x = cnn.Input("x")
    with cnn.group("a"), cnn.group("b"), cnn.group("c"):
        y = ops.exp(x)
    assert names(drawn(cnn.Graph(y)).boxes("frame")) == ["a", "b", "c"]
    assert names(drawn(cnn.Graph(y), "b").boxes("frame", "group")) == ["a", "a/b"]
