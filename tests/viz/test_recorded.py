"""`frame_of`: the numbers of a graph, and what each path adds to a gradient."""

from __future__ import annotations

import numpy as np
import pytest
from viz_graphs import circuit, network, neuron, steps, tangle

import cnn_core as cnn
from cnn_core import ops
from cnn_core.errors import StateError
from cnn_core.viz.page.recorded import frame_of, paths_of


class Twice(cnn.Gate):
    """y = a b + a, of which a may be b."""

    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b + a

    def backward(self, dy):
        return [dy * (self.b + 1), dy * self.a]


def users(dtype="float64"):
    """Several users of a node, among them one that has it twice, and a gate in Python."""
    x, w = cnn.Input("x", (cnn.BATCH, 4)), cnn.Parameter("w", np.linspace(-1, 1, 12).reshape(4, 3))
    b, c = cnn.Parameter("b", np.array([0.1, 0.2, -0.3])), cnn.Parameter("c", 0.7)
    h = ops.tanh(x @ w + b)
    h = Twice(h, h) + h * h * c + ops.softmax(h) @ cnn.Parameter("v", np.eye(3))
    graph = cnn.Graph([ops.mean(h), ops.sum(h * h, name="squares"), ops.sigmoid(c)], dtype=dtype)
    graph.forward(x=np.random.default_rng(0).normal(size=(5, 4)))
    graph.backward({"squares": 0.3, graph.outputs[0]: -1.7})
    return graph


def large():
    """A graph that keeps no more than it returns, until somebody looks."""
    x = cnn.Input("x", (cnn.BATCH, 4096))
    h = ops.tanh(x)
    graph = cnn.Graph(ops.mean(h * h + ops.exp(h) * x))
    graph.forward(x=np.random.default_rng(0).normal(size=(512, 4096)))
    graph.backward()
    return graph


MADE = {
    "circuit": circuit, "neuron": neuron, "network": network, "steps": steps, "tangle": tangle,
    "users": users, "float32": lambda: users("float32"), "large": large,
}  # fmt: skip


def added_up(graph, frame):
    """Return the gradients as sums of what comes in, in the order of `Graph.backward`."""
    nodes = graph.nodes_topologically_sorted()
    number = {node: i for i, node in enumerate(nodes)}
    sums = {i: array.copy() for i, array in frame.given.items()}
    for i, k in paths_of(graph):
        to, part = number[nodes[i].inputs[k]], frame.contributions[i][k]
        sums[to] = sums[to] + part if to in sums else part.copy()
    return sums


def product_sums(graph):
    """Return the nodes whose gradient several products add to, each from where the last ended."""
    givers = [x for node in graph.nodes_topologically_sorted() if node.op in ("dense", "matmul")
              for x in node.inputs]  # fmt: skip
    return {x for x in givers if givers.count(x) > 1}


@pytest.mark.parametrize("name", MADE)
def test_contributions_add_up_to_the_gradients(name):
    graph = MADE[name]()
    frame = frame_of(graph)
    sums, loose = added_up(graph, frame), product_sums(graph)
    assert (name == "steps") == bool(loose)
    for i, node in enumerate(graph.nodes_topologically_sorted()):
        if i not in sums:
            continue
        assert sums[i].dtype == graph.dtype
        if node in loose:
            np.testing.assert_allclose(sums[i], frame.gradients[i], rtol=1e-14, atol=1e-15)
        else:
            assert np.array_equal(sums[i], frame.gradients[i]), node


@pytest.mark.parametrize("name", MADE)
def test_a_frame_shows_what_the_graph_shows_and_leaves_it_so(name):
    graph = MADE[name]()
    nodes = graph.nodes_topologically_sorted()
    values = [graph.value(n) for n in nodes]
    frame = frame_of(graph)
    for i, node in enumerate(nodes):
        assert np.array_equal(frame.values[i], values[i])
        assert np.array_equal(frame.values[i], graph.value(node))
        if frame.gradients[i] is None:
            assert not np.any(graph.grad(node)), node  # as of constants
        else:
            assert np.array_equal(frame.gradients[i], graph.grad(node)), node
    again = frame_of(graph)
    for i in range(len(nodes)):
        for a, b in zip(frame.contributions[i], again.contributions[i], strict=True):
            assert (a is None and b is None) or np.array_equal(a, b)


def test_both_operands_of_a_gate_that_has_one_node_twice_have_their_own_path():
    x = cnn.Input("x")
    graph = cnn.Graph(Twice(x, x, name="y"))
    graph.forward(x=3.0)
    assert graph.backward() == {"x": 7.0}
    assert [float(c) for c in frame_of(graph).contributions[1]] == [4.0, 3.0]


def test_parameters_keep_their_gradients_to_the_bit():
    graph = steps()
    before = {k: v.copy() for k, v in graph.params.grads.items()}
    frame_of(graph)
    assert all(np.array_equal(before[k], v) for k, v in graph.params.grads.items())


def test_before_backward_there_are_values_alone():
    graph = circuit()
    graph.forward(x=1.0, y=2.0, z=3.0)
    frame = frame_of(graph)
    assert [float(v) for v in frame.values] == [1, 2, 3, 3, 9]
    assert frame.gradients == [None] * 5
    assert frame.given == {}
    graph.backward_node("mul_0")
    assert [g is not None for g in frame_of(graph).gradients] == [False, False, True, True, True]


def test_the_dropout_of_a_run_is_that_of_its_paths():
    x = cnn.Input("x", (cnn.BATCH, 8))
    h = ops.dropout(x, 0.5, name="drop")
    graph = cnn.Graph(ops.sum(h * h + x), training=True, seed=3)
    graph.forward(x=np.ones((4, 8)))
    graph.backward()
    frame, nodes = frame_of(graph), graph.nodes_topologically_sorted()
    drop = frame.contributions[nodes.index(graph.node("drop"))][0]
    assert np.array_equal(drop != 0, graph.value("drop") != 0)
    assert set(np.unique(drop)) == {0.0, 8.0}


def test_without_a_run_it_says_what_is_missing():
    with pytest.raises(StateError, match="frame_of: need forward first; got nothing fed yet"):
        frame_of(circuit(run=False))
