"""Large graphs keep nothing that nobody looks at; and nobody can tell."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Constant, Graph, Input, Parameter, ops
from cnn_core.compile import stretches
from cnn_core.errors import LabelError, StateError
from cnn_core.graph import lean as lean_way
from cnn_core.graph.lean import GRADIENTS, NOTHING, VALUES

ROWS = 4000


@pytest.fixture(autouse=True)
def _small_cache(monkeypatch):
    """Of a size that these graphs exceed, on whatever machine; what is in blocks depends on it."""
    monkeypatch.setattr(lean_way, "LEAST_CACHES", 1 / 16)
    for module in (lean_way, stretches):
        monkeypatch.setattr(module, "cache_size", lambda: 1 << 20)


def nodes() -> list:
    """Return two outputs of a graph in which nearly all is row-wise, and drawn."""
    x, t = Input("x", (BATCH, 10)), Input("t", (BATCH,), dtype="int32")
    p, q = Parameter("p", np.linspace(0.5, 2, 10)), Parameter("q", np.linspace(-1, 1, 10))
    h = ops.square(ops.relu(x * p, name="inner"))
    h = ops.dropout(ops.abs(h - q), rate=0.3, key=5)
    h = ops.concat([h, ops.neg(h)], axis=1)
    losses = ops.softmax_cross_entropy(h * Constant(0.1), t, reduction="none")
    return [ops.mean(losses), ops.sum(h, axis=1)]


def made(dtype: str = "float64", **options) -> tuple[Graph, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    feed = {"x": rng.standard_normal((ROWS, 10)).astype(dtype),
            "t": rng.integers(0, 20, ROWS).astype(np.int32)}  # fmt: skip
    return Graph(nodes(), dtype=dtype, training=True, **options), feed


def keeps(graph: Graph) -> Graph:
    """Let a graph keep all from now on."""
    graph._lean.complete()
    graph._lean._wanted = False
    return graph


def looked_at(graph: Graph) -> dict[str, bytes]:
    reals = [n for n in graph.nodes_topologically_sorted() if n.dtype == "real"]
    found = {}
    for i, n in enumerate(reals):
        if not isinstance(n, Parameter):
            found[f"value {i} {n.op}"] = np.asarray(graph.value(n)).tobytes()
        found[f"gradient {i} {n.op}"] = np.asarray(graph.grad(n)).tobytes()
    return found


def test_large_graphs_are_lean_and_small_ones_not(monkeypatch):
    graph, feed = made()
    graph.forward(**feed)
    assert graph._lean._missing == VALUES
    assert np.array_equal(graph.forward(**{name: a[:3] for name, a in feed.items()})[1],
                          graph.value(graph.outputs[1]))  # fmt: skip
    monkeypatch.undo()
    small, _ = made()
    small.forward(**feed)
    assert not small._lean._wanted


def test_products_are_not_made_twice():
    rows, x, w = 5 * ROWS, Input("x", (BATCH, 16)), Parameter("w", np.eye(16) / 2)
    h = ops.relu(ops.dense(x, w), name="inner")
    graph = Graph(ops.sum(ops.tanh(h * Parameter("p", np.ones(16)) + x - x)))
    graph.forward(x=np.ones((rows, 16)))
    found = graph.backward()
    assert graph._lean._missing == GRADIENTS
    assert np.array_equal(graph.value("inner"), np.full((rows, 16), 0.5))
    assert graph._lean._missing == GRADIENTS
    before, found = graph.params.grads["w"].copy(), found["w"]
    graph.params["w"] *= 2
    slope = 1 - np.tanh(0.5) ** 2
    assert np.allclose(graph.grad("inner"), slope, rtol=1e-12)
    assert np.array_equal(graph.params.grads["w"], before)
    assert np.array_equal(found, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("change", ["nothing", "in place", "step"])
def test_what_is_looked_at_is_as_forward_found_it(dtype, change):
    found = []
    for missing in (VALUES, GRADIENTS, NOTHING):
        graph, feed = made(dtype)
        graph.forward(**feed)
        if missing == NOTHING:
            keeps(graph)
        else:
            graph._lean._ways = [missing == VALUES]
        outputs = graph.forward(**feed)
        gradients = graph.backward({graph.outputs[0]: 1.0})
        if change == "in place":
            graph.params["p"] *= 3
        elif change == "step":
            graph.step(cnn.SGD(lr=0.1), **feed)
        graph.params.grads["q"][...] = 7
        assert graph._lean._missing == missing
        found.append((outputs, gradients, looked_at(graph)))
        assert np.all(graph.params.grads["q"] == 7)
    for outputs, gradients, looked in found[1:]:
        for one, other in zip(found[0][0], outputs, strict=True):
            assert np.array_equal(one, other)
        for name, gradient in found[0][1].items():
            assert np.array_equal(gradient, gradients[name]), name
        assert found[0][2] == looked


@pytest.mark.parametrize("twice", [True, False])
def test_backward_from_other_seeds_and_parameters_is_as_if_all_were_kept(twice):
    found = []
    for lean in (True, False):
        graph, feed = made()
        graph.forward(**feed)
        graph = graph if lean else keeps(graph)
        if lean:
            graph._lean._ways = [twice]
        graph.forward(**feed)
        graph.backward({graph.outputs[0]: 1.0})
        graph.params["p"] += 0.5
        gradients = graph.backward({graph.outputs[1]: np.arange(float(ROWS))})
        found.append(gradients | looked_at(graph))
    assert found[0].keys() == found[1].keys()
    for name, one in found[0].items():
        assert np.array_equal(one, found[1][name]), name


def test_who_looks_once_has_all_kept():
    graph, feed = made()
    graph.forward(**feed)
    graph.value("inner")
    graph.forward(**feed)
    assert not graph._lean._missing


def test_outputs_inputs_and_returned_gradients_are_no_look():
    graph, feed = made()
    loss, total = graph.forward(**feed)
    found = graph.backward({graph.outputs[1]: np.ones(ROWS)})
    assert graph.value(graph.outputs[0]) == loss
    assert np.array_equal(graph.value(graph.outputs[1]), total)
    assert np.array_equal(graph.value("x"), feed["x"])
    assert np.array_equal(graph.grad("x"), found["x"])
    assert np.array_equal(graph.grad(graph.outputs[1]), np.ones(ROWS))
    assert graph._lean._missing


def test_nodes_run_by_themselves_after_a_lean_run():
    graph, feed = made()
    graph.forward(**feed)
    graph.backward({graph.outputs[0]: 1.0})
    graph.forward_node("inner")
    expected = np.maximum(feed["x"] * graph.params["p"], 0)
    assert np.array_equal(graph.value("inner"), expected)
    other, _ = made()
    other.forward(**feed)
    other.feed(x=2 * feed["x"])
    assert np.array_equal(other.value("inner"), expected)  # that of the run before
    with pytest.raises(StateError, match="need forward first"):
        other.backward()


def test_an_input_that_is_left_out_is_that_of_before():
    graph, feed = made()
    graph.forward(**feed)
    graph._counter = 0
    first = graph.forward(x=feed["x"] + 1)[0]
    graph._counter = 0
    assert keeps(graph).forward(x=feed["x"] + 1)[0] == first


def test_errors_are_those_of_a_graph_that_keeps_all():
    graph, feed = made()
    graph.forward(**feed)
    feed["t"][[77, 3000]] = 20, -1
    said = []
    for _ in range(2):
        with pytest.raises(LabelError, match="got 20 at row 77 of the batch") as caught:
            graph.forward(**feed)
        said.append(str(caught.value))
        assert not graph.has_values
        keeps(graph)
    assert said[0] == said[1]


def test_a_lean_run_that_is_broken_off_is_not_done(monkeypatch):
    graph, feed = made()
    graph.forward(**feed)

    def stop(**_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(graph._lean._gradients, "run_all", stop)
        with pytest.raises(KeyboardInterrupt):
            graph.backward({graph.outputs[0]: 1.0})
        assert (graph.has_values, graph.has_gradients) == (True, False)
        patch.setattr(graph._lean._values, "run_all", stop)
        with pytest.raises(KeyboardInterrupt):
            graph.forward(**feed)
    assert not graph.has_values
    with pytest.raises(StateError):
        graph.grad("inner")


def test_gradients_can_be_checked_and_drawn_after_a_lean_run():
    x = Input("x", (BATCH, 3))
    h = x * Parameter("p", np.ones(3))
    for _ in range(20):
        h = ops.sigmoid(ops.neg(h))
    graph = Graph(ops.mean(h, name="loss"))
    graph.forward(x=np.random.default_rng(0).standard_normal((ROWS, 3)))
    graph.backward()
    assert graph._lean._missing
    assert "loss" in graph.to_dot()
    assert graph.check_gradients().ok


@pytest.mark.parametrize("faster", [True, False])
def test_the_way_that_was_faster_is_taken(faster, monkeypatch):
    """After three calls in each; threads set anew are timed anew."""
    monkeypatch.setattr(lean_way, "perf_counter", lambda: 0.0)
    graph, feed = made()
    cnn.set_num_threads(1)
    ways = []
    for _ in range(12):
        graph.forward(**feed)
        ways.append(graph._lean._missing == VALUES)
        graph._lean._begun = 1.0 + (ways[-1] != faster)
        graph.backward({graph.outputs[0]: 1.0})
    assert ways == [True, False] * 3 + [faster] * 6
    cnn.set_num_threads(2)
    graph.forward(**feed)
    cnn.set_num_threads(None)
    assert graph._lean._missing


def test_a_graph_that_is_lean_is_pickled_and_copied():
    graph, feed = made()
    graph.forward(**feed)
    twin = copy.deepcopy(graph)
    assert twin.forward(**feed)[0] > 0
