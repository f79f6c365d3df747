"""Node by node: the bits of whole runs, and what can be read when."""

from __future__ import annotations

import numpy as np
import pytest
from gates import Multiply, Square

from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import GraphError, StateError

RNG = np.random.default_rng(5)
X = RNG.standard_normal((4, 3))


def circuit():
    x, y, z = Input("x"), Input("y"), Input("z")
    return Graph(ops.mul(ops.add(x, y, name="q"), z, name="f")), {"x": -2.0, "y": 5.0, "z": -4.0}


def network():
    x, w = Input("x", (BATCH, 3)), Parameter("w", RNG.standard_normal((3, 3)))
    h = ops.tanh(ops.dense(x, w))
    return Graph(ops.sum(ops.dense(h, w) * h)), {"x": X}


def unrolled():
    w, h, feed = Parameter("w", RNG.standard_normal((3, 3))), None, {}
    for i in range(3):
        x = Input(f"x{i}", (1, 3))
        h = ops.tanh(ops.dense(x if h is None else x + h, w))
        feed[x.name] = X[i : i + 1]
    return Graph(ops.sum(h)), feed


def gated():
    x, w = Input("x", (BATCH, 3)), Parameter("w", RNG.standard_normal((3, 3)))
    return Graph(ops.sum(Square()(ops.dense(x, Multiply(w, w))) + ops.dense(x, w))), {"x": X}


def dropout():
    x = Input("x", (BATCH, 3))
    return Graph(ops.sum(ops.dropout(ops.exp(x), 0.5) * x), training=True), {"x": X}


def several():
    x = Input("x")
    a = ops.exp(x, name="a")
    b = ops.mul(a, 2.0, name="b")
    return Graph([a, b, ops.mul(a, b, name="c")]), {"x": 0.5}


GRAPHS = pytest.mark.parametrize("build", [circuit, network, unrolled, gated, dropout, several])


def walk(graph, feed):
    graph.feed(**feed)
    nodes = graph.nodes_topologically_sorted()
    for node in nodes:
        graph.forward_node(node)
    for node in reversed(nodes):
        graph.backward_node(node)


def everything(graph):
    nodes = graph.nodes_topologically_sorted()
    return [np.asarray(f(n)).tobytes() for n in nodes for f in (graph.value, graph.grad)]


@GRAPHS
def test_a_walk_gives_the_bits_of_whole_runs(build):
    graph, feed = build()
    graph.forward(**feed)
    graph.backward()
    expected = everything(graph)
    for _ in range(2):  # the second starts where the first has left its gradients
        walk(graph, feed)
        if build is not dropout:  # a walk draws no new mask
            assert everything(graph) == expected
    mask = everything(graph)
    graph.backward()
    assert everything(graph) == mask


@GRAPHS
def test_a_fresh_graph_can_be_walked_first(build):
    graph, feed = build()
    walk(graph, feed)
    assert graph.has_values
    assert graph.has_gradients
    by_hand = everything(graph)
    graph.backward()
    assert everything(graph) == by_hand


def test_a_walk_starts_from_the_seeds_of_the_last_backward():
    graph, feed = several()
    graph.forward(**feed)
    for seed in ({"a": 3.0, "c": -1.0}, None):
        graph.backward(seed)
        expected = everything(graph)
        for node in reversed(graph.nodes_topologically_sorted()):
            graph.backward_node(node)
        assert everything(graph) == expected


def test_values_of_each_node_come_back_as_they_are_made():
    graph, feed = circuit()
    graph.feed(**feed)
    found = [graph.forward_node(n) for n in graph.nodes_topologically_sorted()]
    assert found == [-2.0, 5.0, 3.0, -4.0, -12.0]
    assert graph.forward_node("q") == 3.0


def test_a_batch_that_grows_is_walked_as_well():
    graph, _ = network()
    for rows in (1, 5, 2):
        feed = {"x": RNG.standard_normal((rows, 3))}
        walk(graph, feed)
        by_hand = everything(graph)
        graph.forward(**feed)
        graph.backward()
        assert everything(graph) == by_hand


# -- what can be read when --------------------------------------------------------------------


def test_states_follow_the_walk():
    graph, feed = circuit()
    states = [(graph.has_values, graph.has_gradients)]
    graph.feed(**feed)
    for name in ("x", "q", "z", "f"):
        graph.forward_node(name)
        states.append((graph.has_values, graph.has_gradients))
    for name in ("f", "q"):
        graph.backward_node(name)
        states.append((graph.has_values, graph.has_gradients))
    graph.feed(**feed)
    states.append((graph.has_values, graph.has_gradients))
    none, values, all_ = (False, False), (True, False), (True, True)
    assert states == [none, none, none, none, values, values, all_, none]


def test_a_gradient_can_be_read_as_soon_as_it_is_complete():
    a = Input("a")
    left, right = ops.mul(a, 2.0, name="left"), ops.mul(a, 3.0, name="right")
    graph = Graph(ops.add(left, right, name="f"))
    graph.forward(a=1.0)
    with pytest.raises(StateError, match=r"grad 'f': need backward first; got values alone"):
        graph.grad("f")
    graph.backward_node("f")
    assert (graph.grad("f"), graph.grad("left"), graph.grad("right")) == (1.0, 1.0, 1.0)
    graph.backward_node("right")
    with pytest.raises(StateError, match="grad 'a': need backward first, or backward_node 'left'"):
        graph.grad("a")
    graph.backward_node("left")
    assert graph.grad("a") == 5.0


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_new_values_make_the_gradients_of_a_walk_unreadable(dtype):
    """Whichever way the new values come: fed as they are, or converted."""
    graph, feed = circuit()
    walk(graph, feed)
    assert graph.grad("x") == -4.0
    graph.forward(**{name: dtype(9.0) for name in feed})
    assert graph.has_values
    for name in ("x", "q", "f"):
        with pytest.raises(StateError, match=f"grad '{name}': need backward first.*; got values"):
            graph.grad(name)
    graph.backward_node("f")
    with pytest.raises(StateError, match="backward_node 'q'; got values alone"):
        graph.grad("x")


@pytest.mark.parametrize(
    ("ready", "call", "words"),
    [
        ("", "forward_node", "forward_node 'f': need inputs fed; got nothing fed yet"),
        ("", "backward_node", "backward_node 'f': need all values; got nothing fed yet"),
        ("feed", "backward_node", "backward_node 'f': need all values; got inputs without values"),
        ("feed", "grad", "grad 'f': need backward first; got inputs without values"),
        ("feed", "backward", "backward: need forward first; got inputs without values"),
        ("forward", "grad", "grad 'f': need backward first; got values alone"),
    ],
)
def test_a_call_too_early_says_what_is_there(ready, call, words):
    graph, feed = circuit()
    if ready:
        getattr(graph, ready)(**feed)
    with pytest.raises(StateError, match=words):
        getattr(graph, call)(*(["f"] if call != "backward" else []))


def test_part_of_the_values_is_not_all():
    graph, feed = circuit()
    graph.forward(**feed)
    graph.feed(x=1.0)
    graph.forward_node("f")  # from the old q
    assert not graph.has_values
    with pytest.raises(StateError, match="need all values"):
        graph.backward_node("f")
    graph.forward_node("q")
    assert graph.has_values


def test_a_failed_run_leaves_inputs_without_values():
    x, t = Input("x", (BATCH, 3)), Input("t", (BATCH,), "int32")
    graph = Graph(ops.softmax_cross_entropy(x, t))
    good = np.zeros(4, np.int32)
    graph.forward(x=X, t=good)
    graph.backward()
    for labels in (good + 3, (good + 3).tolist()):  # the short way and the long
        with pytest.raises(ValueError, match="labels from 0 to 2; got 3 at row 0"):
            graph.forward(x=X, t=labels)
        assert not graph.has_values
        with pytest.raises(StateError, match="inputs without values"):
            graph.grad("x")
    graph.forward(x=X, t=good)
    assert graph.has_values


# -- nodes by name ------------------------------------------------------------------------------


def test_nodes_are_found_by_name_and_are_themselves():
    x = Input("x")
    product = x * 2.0
    graph = Graph(product + 1.0)
    assert graph.node("mul_0") is product
    assert graph.node("x") is graph.node(x) is x
    assert graph.name_of("mul_0") == "mul_0"


@pytest.mark.parametrize("wrong", ["q", "", 3, None, Input("x"), "mul"])
def test_a_wrong_name_lists_the_nodes(wrong):
    graph = Graph(Input("x") * Input("y"))
    for call in (graph.node, graph.value, graph.forward_node, graph.backward_node, graph.name_of):
        with pytest.raises(GraphError, match=r"need one of its nodes \(x, y, mul_0\); got"):
            call(wrong)


def test_a_long_list_of_names_is_cut():
    total = sum(Input(f"x{i}") for i in range(20))
    with pytest.raises(GraphError, match=r"x\d+, .* and \d+ more\); got 'q'"):
        Graph(total).node("q")
