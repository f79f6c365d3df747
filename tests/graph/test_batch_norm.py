"""batch_norm in training, inference and steps that learn: whose statistics, and who writes them."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Graph, Input, Parameter, ParamStore, ops
from cnn_core.compile import schedule
from cnn_core.errors import DataError, GraphError, ShapeError
from cnn_core.ir.node import State
from cnn_core.optim import SGD
from cnn_core.run.program import Program

C, ROWS = 20, 50
RNG = np.random.default_rng(0)
SCALE, SHIFT = RNG.uniform(0.5, 2, C), RNG.standard_normal(C)
MEAN, VARIANCE = RNG.standard_normal(C), RNG.uniform(0.5, 2, C)
MOMENTUM, EPS = 0.25, 1e-5


def make(mean=None, variance=None, shape=(BATCH, C)):
    """A loss over batch_norm of x, and its output."""
    states = State("mean", MEAN), State("variance", VARIANCE)
    y = ops.batch_norm(Input("x", shape), Parameter("scale", SCALE), Parameter("shift", SHIFT),
                       *states, momentum=MOMENTUM, name="norm")  # fmt: skip
    return ops.mean(ops.square(y)), y


def expected(x, mean=None, variance=None):
    rows = x.reshape(-1, C)
    mean = rows.mean(axis=0) if mean is None else mean
    variance = rows.var(axis=0) if variance is None else variance
    return (x - mean) / np.sqrt(variance + EPS) * SCALE + SHIFT


def updated(x):
    rows = x.reshape(-1, C)
    return ((1 - MOMENTUM) * MEAN + MOMENTUM * rows.mean(axis=0),
            (1 - MOMENTUM) * VARIANCE + MOMENTUM * rows.var(axis=0, ddof=1))  # fmt: skip


def data(rows=ROWS, seed=1):
    return 3 * np.random.default_rng(seed).standard_normal((rows, C)) + 2


def running(graph):
    return graph.params["mean"].copy(), graph.params["variance"].copy()


def test_inference_takes_the_running_statistics_and_training_the_batchs():
    x = data()
    for training, right in ((False, expected(x, MEAN, VARIANCE)), (True, expected(x))):
        graph = Graph(make()[1], training=training)
        np.testing.assert_allclose(graph.forward(x=x), right, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(running(graph), (MEAN, VARIANCE))


def test_a_single_row_can_be_predicted():
    x = data(1)
    np.testing.assert_allclose(Graph(make()[1]).forward(x=x), expected(x, MEAN, VARIANCE),
                               rtol=1e-12)  # fmt: skip


def test_looking_at_a_graph_that_trains_changes_no_statistics():
    graph = Graph(make()[0], training=True)
    for _ in range(2):
        graph.forward(x=data())
        graph.backward()
    graph.forward_node(graph.nodes_topologically_sorted()[-1])
    np.testing.assert_array_equal(running(graph), (MEAN, VARIANCE))


def test_a_step_updates_the_running_statistics_once_and_nothing_else_trains_them():
    graph, x = Graph(make()[0], training=True), data()
    graph.step(SGD(lr=0.1, weight_decay=0.5), x=x)
    for found, right in zip(running(graph), updated(x), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12)



def test_a_step_that_fails_leaves_the_running_statistics():
    graph, x = Graph(make()[0], training=True), data()
    x[3, 4] = np.inf
    with pytest.raises(Exception, match="finite"):
        graph.step(SGD(lr=0.1), x=x)
    np.testing.assert_array_equal(running(graph), (MEAN, VARIANCE))


@pytest.mark.parametrize("rows", [1])
def test_a_batch_of_one_row_is_refused_while_training_and_changes_nothing(rows):
    graph = Graph(make()[0], training=True)
    for call in (graph.forward, lambda x: graph.step(SGD(lr=0.1), x=x)):
        with pytest.raises(DataError, match=r"norm: need at least 2 rows .*; got 1 "):
            call(x=data(rows))
    np.testing.assert_array_equal(running(graph), (MEAN, VARIANCE))


def test_one_row_of_several_places_has_statistics():
    x = RNG.standard_normal((1, 4, C))
    graph = Graph(make(shape=(BATCH, 4, C))[1], training=True)
    np.testing.assert_allclose(graph.forward(x=x), expected(x), rtol=1e-10, atol=1e-12)


def test_a_gradient_in_inference_does_not_go_through_the_statistics():
    x, (loss, _) = data(), make()
    graph = Graph(loss)
    graph.forward(x=x)
    found = graph.backward()
    dy, r = 2 * expected(x, MEAN, VARIANCE) / x.size, 1 / np.sqrt(VARIANCE + EPS)
    np.testing.assert_allclose(found["x"], dy * SCALE * r, rtol=1e-10)
    np.testing.assert_allclose(found["scale"], (dy * (x - MEAN) * r).sum(axis=0), rtol=1e-10)


@pytest.mark.parametrize("mean", [1e4, 3e5])
def test_a_large_mean_costs_no_digits_in_float32(mean):
    x = (RNG.standard_normal((1000, 3)) + mean).astype(np.float32)
    node = ops.batch_norm(Input("x", (BATCH, 3)))
    exact = Graph(node, dtype="float64").forward(x=x)
    np.testing.assert_allclose(Graph(node, dtype="float32").forward(x=x), exact, atol=2e-5)
    rows = np.ascontiguousarray(x.T)
    layer = ops.layer_norm(Input("x", (BATCH, 1000)))
    exact = Graph(layer, dtype="float64").forward(x=rows)
    np.testing.assert_allclose(Graph(layer, dtype="float32").forward(x=rows), exact, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads_and_statistics_use_them(dtype, monkeypatch, recwarn):
    monkeypatch.setattr(schedule, "MIN_FLOP", 1.0)
    x = Input("x", (BATCH, 40))
    w, scale = Parameter("w", RNG.standard_normal((40, 70))), Parameter("s", np.ones(70))
    states = State("mean", np.zeros(70)), State("variance", np.ones(70))
    y = ops.batch_norm(ops.dense(x, w), scale, Parameter("b", np.zeros(70)), *states)
    y = ops.layer_norm(ops.tanh(y), Parameter("s2", np.ones(70)), Parameter("b2", np.ones(70)))
    loss = ops.row_mean(ops.mse(y, ops.dense(x, w), reduction="none"))
    found = []
    for n_threads in (1, 2, 3):
        parameters = [w, scale, *[n for n in _leaves(loss) if n not in (w, scale)]]
        store = ParamStore(parameters, dtype)
        program = Program([loss], store, max_batch=201, seeds=[loss], targets=parameters,
                          training=True, learning=True)  # fmt: skip
        program.use_threads(n_threads)
        if n_threads > 1:
            splits = [program.steps[s[1]].which for s in program.schedule.segments if s[0] == 2]
            assert {-4, -5} <= set(splits)  # the statistics and the sums, divided by units
        program.feed({"x": np.random.default_rng(3).standard_normal((201, 40))})
        program.binding.run(0, program.n_steps, 201, n_thread=n_threads)
        found.append((program.value(loss).tobytes(), store.grad.tobytes()))
    assert found[0] == found[1] == found[2]


def _leaves(node, seen=None):
    seen = {} if seen is None else seen
    for x in node.inputs:
        if isinstance(x, Parameter):
            seen[x] = None
        _leaves(x, seen)
    return list(seen)


def test_refusals():
    x = Input("x", (BATCH, C))
    with pytest.raises(ShapeError, match=r"norm: need x \(\.\.\., C\), .*; got x \(B, 20\)"):
        ops.batch_norm(x, np.ones(3), name="norm")
    with pytest.raises(ShapeError, match="need x"):
        ops.batch_norm(Input("row", (BATCH,)))
    with pytest.raises(GraphError, match="norm: need mean and variance as a State each"):
        ops.batch_norm(x, mean=State("mean", MEAN), name="norm")
    with pytest.raises(GraphError, match="as a State each"):
        ops.batch_norm(x, mean=Parameter("mean", MEAN), variance=Parameter("variance", MEAN))
