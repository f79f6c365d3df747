"""Graph: the public behaviour, and its errors."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Constant, Graph, Input, Parameter, ParamStore, ops
from cnn_core.errors import (
    DataError,
    DtypeError,
    GraphError,
    LabelError,
    OptionError,
    ShapeError,
    StateError,
)

RNG = np.random.default_rng(3)


def _circuit():
    x, y, z = Input("x"), Input("y"), Input("z")
    return Graph((x + y) * z, dtype="float64")


def test_the_classic_circuit():
    graph = _circuit()
    assert graph.forward(x=-2.0, y=5.0, z=-4.0) == -12.0
    assert isinstance(graph.forward(), float)
    assert graph.backward() == {"x": -4.0, "y": -4.0, "z": 3.0}
    assert graph.value("add_0") == 3.0
    assert graph.grad("add_0") == -4.0
    assert [n.op for n in graph.nodes_topologically_sorted()] == ["", "", "add", "", "mul"]
    assert graph.check_gradients()


def test_backward_twice_does_not_add_up():
    graph = _circuit()
    graph.forward(x=1.0, y=2.0, z=3.0)
    assert graph.backward() == graph.backward()


def test_an_input_fed_before_may_be_left_out():
    graph = _circuit()
    graph.forward(x=1.0, y=2.0, z=3.0)
    assert graph.forward(z=10.0) == 30.0


def test_node_by_node():
    graph = _circuit()
    graph.feed(x=-2.0, y=5.0, z=-4.0)
    assert graph.forward_node("add_0") == 3.0
    assert graph.forward_node("mul_0") == -12.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_new_arrays_of_the_graphs_dtype(dtype):
    x = Input("x", (BATCH, 3))
    graph = Graph(ops.tanh(x), dtype=dtype)
    one = graph.forward(x=np.ones((2, 3)))
    two = graph.forward(x=np.zeros((2, 3)))
    assert one.dtype == dtype
    assert not np.shares_memory(one, two)
    assert one.all()


def test_any_layout_and_real_dtype_can_be_fed():
    x = Input("x", (BATCH, 3))
    graph = Graph(2.0 * x)
    base = RNG.integers(0, 9, (8, 6))
    for a in (base[:, :3], np.asfortranarray(base[:, :3]), base[::2, ::2], base[::-1, 3:],
              base[:, :3].astype(np.float32), base[:, :3].astype(np.uint8),
              base[:, :3] > 4, base[:, :3].tolist(), base[:, :3].astype(">f8")):  # fmt: skip
        np.testing.assert_array_equal(graph.forward(x=a), 2.0 * np.asarray(a))


def test_a_larger_batch_is_compiled_for():
    x, w = Input("x", (BATCH, 2)), Parameter("w", RNG.standard_normal((2, 2)))
    graph = Graph(ops.dense(x, w))
    graph.params["w"][...] = 1.0
    for rows in (1, 3, 2, 50, 7):
        value = RNG.standard_normal((rows, 2))
        np.testing.assert_allclose(graph.forward(x=value), value @ np.ones((2, 2)), rtol=1e-14)
        np.testing.assert_allclose(graph.backward(np.ones((rows, 2)))["x"], np.full((rows, 2), 2.0))


def test_several_outputs():
    x = Input("x")
    a = ops.tanh(x, name="a")
    graph = Graph([a, x * x, a])
    values = graph.forward(x=2.0)
    assert values == (np.tanh(2.0), 4.0, np.tanh(2.0))
    slope = 1 - np.tanh(2.0) ** 2
    assert graph.backward({"a": 3.0})["x"] == pytest.approx(3 * slope, rel=1e-14)
    assert graph.backward({"a": 1.0, "mul_0": 2.0})["x"] == pytest.approx(slope + 8, rel=1e-14)
    with pytest.raises(OptionError, match="seeds by output name"):
        graph.backward(2.0)


def test_leaves_can_be_outputs():
    p = Parameter("p", 2.0)
    graph = Graph([p, x := Input("x"), Constant(3.0)])
    assert graph.forward(x=1.0) == (2.0, 1.0, 3.0)
    assert graph.backward({"p": 5.0, x: 7.0}) == {"p": 5.0, "x": 7.0}


def test_constants_and_numbers_on_both_sides():
    x = Input("x")
    graph = Graph(2 + (x * 3 + 1) * 4)
    assert graph.forward(x=1.0) == 18.0
    assert graph.backward() == {"x": 12.0}
    y = Input("y", (2,))
    two = Graph(np.array([1.0, 2.0]) * y + np.array([1.0, 1.0]))
    np.testing.assert_array_equal(two.forward(y=[3.0, 4.0]), [4.0, 9.0])


def test_graphs_share_parameters():
    x, w = Input("x"), Parameter("w", 3.0)
    store = ParamStore([w], "float64")
    one, two = Graph(x * w, params=store), Graph(x + w, params=store)
    store["w"][...] = 5.0
    assert one.forward(x=2.0) == 10.0
    assert two.forward(x=2.0) == 7.0


def test_training_keeps_dropout_and_draws_anew_each_time():
    x = Input("x", (BATCH, 100))
    graph = Graph(ops.dropout(x, 0.5), training=True, seed=1)
    ones = np.ones((2, 100))
    first, second = graph.forward(x=ones), graph.forward(x=ones)
    assert set(np.unique(first)) == {0.0, 2.0}
    assert (first != second).any()
    np.testing.assert_array_equal(graph.backward(ones)["x"], second)
    again = Graph(ops.dropout(x, 0.5), training=True, seed=1)
    np.testing.assert_array_equal(again.forward(x=ones), first)


def test_metrics_grow_with_every_run():
    x = Input("x", (BATCH,))
    graph = Graph(ops.metric_mean(x))
    np.testing.assert_array_equal(graph.forward(x=np.array([1.0, 2.0])), [3.0, 2.0])
    np.testing.assert_array_equal(graph.forward(x=np.array([5.0])), [8.0, 3.0])


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feed", "error", "text"),
    [
        ({}, GraphError, "need a value for x, y; got none"),
        ({"x": np.ones((2, 3))}, GraphError, "need a value for y"),
        ({"x": np.ones((2, 3)), "y": 1.0, "q": 1.0}, GraphError, "input 'q': need one of the inp"),
        ({"x": np.ones((2, 4)), "y": 1.0}, ShapeError, r"'x': need shape \(B, 3\); got \(2, 4\)"),
        ({"x": np.ones(4), "y": 1.0}, ShapeError, "input 'x': need shape"),
        ({"x": np.ones((0, 3)), "y": 1.0}, ShapeError, "input 'x'"),
        ({"x": np.ones((2, 3)), "y": [1.0]}, ShapeError, "input 'y': need shape"),
        ({"x": np.ones((2, 3)) * 1j, "y": 1.0}, DtypeError, "input 'x': need real numbers"),
        ({"x": np.array([["a"] * 3]), "y": 1.0}, DtypeError, "input 'x': need real numbers"),
        ({"x": np.array([[None] * 3]), "y": 1.0}, DtypeError, "input 'x': need real numbers"),
    ],
)
def test_forward_names_what_is_wrong(feed, error, text):
    graph = Graph(Input("x", (BATCH, 3)) * Input("y"))
    with pytest.raises(error, match=text):
        graph.forward(**feed)


def test_an_input_left_out_must_fit_the_rows_of_the_others():
    graph = Graph(Input("a", (BATCH, 2)) + Input("b", (BATCH, 2)))
    graph.forward(a=np.ones((4, 2)), b=np.ones((4, 2)))
    graph.forward(a=np.ones((2, 2)), b=np.ones((2, 2)))
    with pytest.raises((GraphError, ShapeError), match="b"):
        graph.forward(a=np.ones((3, 2)))


def test_backward_needs_forward_and_a_seed():
    graph = Graph(Input("x", (BATCH, 3)) * 2.0)
    with pytest.raises(StateError, match="need forward first"):
        graph.backward(np.ones((1, 3)))
    graph.forward(x=np.ones((2, 3)))
    with pytest.raises(StateError, match="need backward first"):
        graph.grad("x")
    with pytest.raises(ShapeError, match="need a seed for mul_0"):
        graph.backward()
    for seed in (np.ones(3), np.ones((3, 3)), 1.0):
        with pytest.raises(ShapeError, match=r"need a seed of shape \(2, 3\)"):
            graph.backward(seed)
    with pytest.raises(GraphError, match="need one of its nodes"):
        graph.backward({"q": np.ones((2, 3))})


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0, 2**31 - 1]])
def test_a_label_out_of_range_is_named(labels):
    z, t = Input("z", (BATCH, 3)), Input("t", (BATCH,), "int32")
    graph = Graph(ops.softmax_cross_entropy(z, t))
    row = next(i for i, k in enumerate(labels) if not 0 <= k < 3)
    with pytest.raises(LabelError, match=f"labels from 0 to 2; got {labels[row]} at row {row}"):
        graph.forward(z=np.zeros((2, 3)), t=np.array(labels))


@pytest.mark.parametrize(
    "labels", [[0, 2**32 + 1], [0.0, 1.5], [0, -(2**40)], [0.0, float("nan")], [0.0, float("inf")]]
)
def test_labels_that_are_no_int32_are_refused(labels):
    z, t = Input("z", (BATCH, 3)), Input("t", (BATCH,), "int32")
    graph = Graph(ops.softmax_cross_entropy(z, t))
    with pytest.raises((LabelError, DtypeError), match="t"):
        graph.forward(z=np.zeros((2, 3)), t=np.array(labels))


def test_check_finite_names_the_first_node():
    x = Input("x", (BATCH, 2))
    graph = Graph(ops.mul(ops.relu(x), x, name="square"))
    value = np.array([[1.0, 2.0], [1e200, 3.0]])
    with pytest.raises(DataError, match="square: need finite values; made inf at element 2"):
        graph.forward(x=value, check_finite=True)
    assert np.isinf(graph.forward(x=value)[1, 0])


def test_outputs_must_be_nodes():
    for outputs in ([], [1.0], [Input("x"), "y"]):
        with pytest.raises(GraphError, match="need"):
            Graph(outputs)


def test_dtypes_must_be_real_and_agree():
    x, w = Input("x"), Parameter("w", 1.0)
    for dtype in ("float16", "int32", "complex128", "nonsense"):
        with pytest.raises(DtypeError, match="need dtype float32 or float64"):
            Graph(x, dtype=dtype)
    with pytest.raises(DtypeError, match="need params of float64; got float32"):
        Graph(x * w, params=ParamStore([w], "float32"), dtype="float64")
    with pytest.raises(GraphError, match="need params that hold w"):
        Graph(x * w, params=ParamStore([], "float64"))


def test_a_failed_forward_changes_no_parameter():
    x, w = Input("x", (BATCH, 2)), Parameter("w", RNG.standard_normal((2, 2)))
    graph = Graph(ops.dense(x, w))
    before = graph.params.value.copy()
    with pytest.raises(ShapeError):
        graph.forward(x=np.ones((2, 5)))
    np.testing.assert_array_equal(graph.params.value, before)
