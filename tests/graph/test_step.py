"""Graph.step: forward, backward and update in one call."""

from __future__ import annotations

import numpy as np
import pytest
from gates import Multiply, Square

from cnn_core import BATCH, Graph, Input, Node, Parameter, ParamStore, ops
from cnn_core.ir.order import parameters_of
from cnn_core.optim import SGD, Adadelta, Adagrad, Adam, AdamW, NAdam, RMSProp

RNG = np.random.default_rng(11)
X, Y = RNG.standard_normal((6, 3)), RNG.standard_normal((6, 2))
LABELS = np.array([0, 1, 1, 0, 1, 0], np.int32)


def _w(*shape):
    return np.random.default_rng(list(shape)).standard_normal(shape)


def regression():
    x, y = Input("x", (BATCH, 3)), Input("y", (BATCH, 2))
    hidden = ops.tanh(ops.dense(x, Parameter("w", _w(3, 4)), Parameter("b", _w(4))))
    return ops.mse(ops.dense(hidden, Parameter("v", _w(4, 2))), y), {"x": X, "y": Y}


def classes():
    x, t = Input("x", (BATCH, 3)), Input("t", (BATCH,), "int32")
    logits = ops.dense(x, Parameter("w", _w(3, 2)), Parameter("b", _w(2)))
    return ops.softmax_cross_entropy(logits, t), {"x": X, "t": LABELS}


def recurrent():
    w, u, h = Parameter("w", _w(3, 3)), Parameter("u", _w(3, 3)), Parameter("h", _w(1, 3))
    state = h
    feed = {}
    for i in range(4):
        x = Input(f"x{i}", (1, 3))
        state = ops.tanh(ops.dense(x, w) + ops.dense(state, u))
        feed[x.name] = X[i : i + 1]
    return ops.sum(ops.square(state)), feed


def gated():
    w = Parameter("w", _w(3, 2))
    hidden = Square()(ops.dense(Input("x", (BATCH, 3)), Multiply(w, w)))
    return ops.mean(hidden + ops.sum(w)), {"x": X}


def scalars():
    a, b = Parameter("a", 1.5), Parameter("b", -0.5)
    return ops.square(a * Input("x") + b - Input("y")), {"x": 2.0, "y": 3.0}


GRAPHS = [regression, classes, recurrent, gated, scalars]
OPTIMIZERS = [
    lambda: SGD(lr=0.1), lambda: SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    Adam, lambda: AdamW(no_decay=("b*",)), RMSProp, Adagrad, Adadelta, NAdam,
    lambda: Adam(clip_norm=0.1), lambda: SGD(lr=lambda step: 0.1 / (step + 1)),
]  # fmt: skip


def _apart(outputs, dtype="float64"):
    """Return a graph with numbers of its own."""
    found = parameters_of([outputs] if isinstance(outputs, Node) else outputs)
    return Graph(outputs, params=ParamStore(found, dtype))


def apart(graph, optimizer, feed):
    value = graph.forward(**feed)
    graph.backward()
    optimizer.apply(graph.params)
    return value


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("build", GRAPHS)
def test_a_step_is_forward_backward_and_apply(build, make):
    loss, feed = build()
    needs_b = "b" in {n.name for n in Graph(loss).nodes_topologically_sorted()}
    if not needs_b:
        loss = loss + 0.0 * Parameter("b", 1.0)
    one, other, ours, theirs = _apart(loss), _apart(loss), make(), make()
    for _ in range(4):
        np.testing.assert_allclose(
            one.step(ours, **feed), apart(other, theirs, feed), rtol=1e-12, atol=1e-14
        )
    assert ours.step_count == theirs.step_count == 4
    for name in one.params:
        np.testing.assert_allclose(
            one.params[name], other.params[name], rtol=1e-10, atol=1e-12, err_msg=name
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("build", [regression, recurrent, scalars])
def test_the_gradients_of_a_step_are_those_of_backward(build, dtype):
    loss, feed = build()
    one, other = _apart(loss, dtype), _apart(loss, dtype)
    one.step(SGD(lr=0.0001), **feed)
    other.forward(**feed)
    other.backward()
    tiny = np.finfo(dtype).eps
    for name, grad in one.params.grads.items():
        expected = other.params.grads[name]
        np.testing.assert_allclose(grad, expected, rtol=0, atol=8 * tiny * np.abs(expected).max())


def test_a_schedule_sees_each_step():
    seen = []

    def lr(step):
        seen.append(step)
        return 0.5 / (step + 1)

    w = Parameter("w", 8.0)
    graph, optimizer = Graph(w * Input("x")), SGD(lr=lr)
    seen.clear()
    for _ in range(3):
        graph.step(optimizer, x=1.0)
    assert graph.params["w"] == 8 - 0.5 - 0.25 - 0.5 / 3
    assert optimizer.step_count == 3
    assert {0, 1, 2} <= set(seen)
    optimizer.step_count = 9
    graph.step(optimizer, x=0.0)
    assert seen[-1] == 9
    assert optimizer.step_count == 10


def test_dropout_is_at_work_and_drawn_anew():
    x, w = Input("x", (BATCH, 50)), Parameter("w", np.ones(50))
    kept = ops.dropout(x * w, 0.5)
    graph, optimizer = Graph([ops.sum(kept), kept]), SGD(lr=1e-300)
    masks = [graph.step(optimizer, x=np.ones((2, 50)))[1] for _ in range(2)]
    for mask in masks:
        assert set(np.unique(mask)) == {0.0, 2.0}
    assert (masks[0] != masks[1]).any()
    np.testing.assert_array_equal(graph.forward(x=np.ones((2, 50)))[1], np.ones((2, 50)))
    again = Graph([ops.sum(kept), kept])
    first = SGD(lr=1e-300)
    np.testing.assert_array_equal(again.step(first, x=np.ones((2, 50)))[1], masks[0])


CONVERSIONS = {
    "float64": np.float64, "float32": np.float32, "list": lambda a: a.tolist(),
    "fortran": np.asfortranarray, "strided": lambda a: np.repeat(a, 2, 1)[:, ::2],
    "big-endian": lambda a: a.astype(">f8"), "int64": lambda a: a.astype(np.int64),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("convert", CONVERSIONS.values(), ids=CONVERSIONS)
def test_inputs_are_converted_as_forward_converts_them(convert, dtype):
    loss, _ = classes()
    x = np.round(8 * X)
    one, other = _apart(loss, dtype), _apart(loss, dtype)
    found = one.step(SGD(lr=0.5), x=convert(x), t=LABELS.astype(np.int64).tolist())
    assert found == other.step(SGD(lr=0.5), x=x.astype(dtype), t=LABELS)
    assert one.params.value.tobytes() == other.params.value.tobytes()


def test_batches_may_grow_and_shrink():
    loss, _ = regression()
    graph, optimizer = _apart(loss), SGD(lr=1e-9)
    other = _apart(loss)
    for rows in (1, 4, 2, 9, 300, 3):
        x, y = RNG.standard_normal((rows, 3)), RNG.standard_normal((rows, 2))
        other.params.value[:] = graph.params.value
        found = graph.step(optimizer, x=x, y=y)
        assert found == pytest.approx(other.forward(x=x, y=y), rel=1e-13)
    assert optimizer.step_count == 6


@pytest.mark.parametrize("extra", ["exp of the loss", "a head", "a label", "a parameter"])
def test_further_outputs_are_those_before_the_update(extra):
    """Also those that wait for the loss, which a fused plan makes late."""
    loss, feed = classes()
    parts = {n.name or n.op: n for n in Graph(loss).nodes_topologically_sorted()}
    more = {
        "exp of the loss": lambda: ops.exp(loss) * 2.0, "a label": lambda: parts["t"],
        "a head": lambda: ops.softmax(parts["dense"]), "a parameter": lambda: parts["b"],
    }  # fmt: skip
    outputs = [loss, more[extra](), loss]
    graph, other, optimizer = _apart(outputs), _apart(outputs), SGD(lr=0.5)
    for scale in (1.0, 3.0):
        now = {**feed, "x": scale * feed["x"]}
        other.params.value[:] = graph.params.value
        expected, found = other.forward(**now), graph.step(optimizer, **now)
        assert isinstance(found, tuple)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
    assert not np.array_equal(graph.params["b"], other.params["b"])


def test_a_parameter_alone_can_be_minimised():
    graph = Graph(Parameter("w", 2.0))
    assert graph.step(SGD(lr=0.25)) == 2.0
    assert graph.step(SGD(lr=0.25)) == 1.75
    assert graph.params["w"] == 1.5


def test_results_are_new_arrays():
    loss, feed = classes()
    graph = Graph([loss, ops.dense(Input("z", (BATCH, 2)), Parameter("u", np.eye(2)))])
    first = graph.step(SGD(lr=0.1), **feed, z=np.ones((6, 2)))[1]
    graph.step(SGD(lr=0.1), **feed, z=np.zeros((6, 2)))
    np.testing.assert_array_equal(first, np.ones((6, 2)))


def test_values_and_gradients_still_show_the_run_before():
    loss, feed = regression()
    graph = Graph(loss)
    graph.forward(**feed)
    graph.backward()
    inner = [n for n in graph.nodes_topologically_sorted() if not isinstance(n, Parameter)]
    before = [(np.copy(graph.value(n)), np.copy(graph.grad(n))) for n in inner]
    graph.step(SGD(lr=0.1), x=3 * X, y=Y)
    for n, (value, grad) in zip(inner, before, strict=True):
        np.testing.assert_array_equal(graph.value(n), value)
        np.testing.assert_array_equal(graph.grad(n), grad)


def test_parameters_that_a_graph_does_not_reach_have_a_gradient_of_zero():
    """Not the one that another graph over the same store has left."""
    w, v, u = Parameter("w", 1.0), Parameter("v", 1.0), Parameter("u", 1.0)
    store = ParamStore([w, v, u], "float64")
    x = Input("x")
    whole = Graph(w * v * u * x, params=store)
    part = Graph([w * x + ops.greater(v, 0.0) * 1.0, u * 2.0], params=store)
    whole.forward(x=5.0)
    whole.backward()
    part.step(SGD(lr=0.125), x=2.0)
    assert dict(store) == {"w": 0.75, "v": 1.0, "u": 1.0}
    assert store.grads["v"] == store.grads["u"] == 0
    whole.step(SGD(lr=0.125), x=1.0)
    assert store["u"] == 1 - 0.125 * 0.75
