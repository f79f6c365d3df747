"""Lookups: the ONNX standard's own cases, sums over repeated indices, errors; bounds of clip."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Graph, Input, ops
from cnn_core.errors import LabelError, ShapeError

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
RNG = np.random.default_rng(0)


def run(build, x, index, axis, dtype="float64"):
    """Return the value with the indices fed, after checking that numbers give the same."""
    index = np.asarray(index)
    fed = Graph(build(Input("x", x.shape), Input("i", index.shape, "int32"), axis), dtype=dtype)
    found = fed.forward(x=x, i=index)
    fixed = Graph(build(Input("x", x.shape), index, axis), dtype=dtype).forward(x=x)
    assert np.array_equal(found, fixed)
    return found


GATHER = {
    "gather_0": (RNG.standard_normal((5, 4, 3, 2)), [0, 1, 3], 0),
    "gather_1": (RNG.standard_normal((5, 4, 3, 2)), [0, 1, 3], 1),
    "gather_2d_indices": (RNG.standard_normal((3, 3)), [[0, 2]], 1),
    "gather_negative_indices": (np.arange(10.0), [0, -9, -10], 0),
}
GATHER_ELEMENTS = {
    "gather_elements_0": ([[1, 2], [3, 4]], [[0, 0], [1, 0]], 1, [[1, 1], [4, 3]]),
    "gather_elements_1": ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 2, 0], [2, 0, 0]], 0,
                          [[4, 8, 3], [7, 2, 3]]),
    "gather_elements_negative_indices": (
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[-1, -2, 0], [-2, 0, 0]], 0, [[7, 5, 3], [4, 2, 3]]),
}  # fmt: skip


@DTYPES
@pytest.mark.parametrize("name", GATHER)
def test_take_gives_what_the_onnx_node_case_says(name, dtype):
    x, index, axis = GATHER[name]
    x = x.astype(dtype)
    assert np.array_equal(run(ops.take, x, index, axis, dtype), np.take(x, index, axis))


@DTYPES
@pytest.mark.parametrize("name", GATHER_ELEMENTS)
def test_take_along_axis_gives_what_the_onnx_node_case_says(name, dtype):
    x, index, axis, expected = GATHER_ELEMENTS[name]
    found = run(ops.take_along_axis, np.array(x, dtype), index, axis, dtype)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("build", [ops.take, ops.take_along_axis])
def test_repeated_indices_add_up_in_the_order_of_the_places(build):
    dy = np.array([1e8, 1, -1e8, 3, 1e-3], np.float32)  # another order gives another sum
    x, index = Input("x", (2,)), np.array([1, 1, 1, -1, 1])
    graph = Graph(build(x, index, 0), dtype="float32")
    graph.forward(x=np.zeros(2, np.float32))
    total = np.float32(0)
    for part in dy:
        total += part
    assert graph.backward(dy)["x"].tolist() == [0, total]


def test_a_batch_of_rows_is_picked_from_by_the_numbers_of_each_row():
    q, action = Input("q", (BATCH, 3)), Input("action", (BATCH,), "int32")
    graph = Graph(ops.sum(ops.take(q, action, axis=1)))
    rows = np.arange(12.0).reshape(4, 3)
    assert graph.forward(q=rows, action=[0, 2, -1, 1]) == 0 + 5 + 8 + 10
    assert np.array_equal(graph.backward()["q"], np.eye(3)[[0, 2, 2, 1]])


@pytest.mark.parametrize("build", [ops.take, ops.take_along_axis])
@pytest.mark.parametrize("wrong", [3, -4, 2**31 - 1, -(2**31)])
def test_an_index_out_of_a_row_is_named_with_its_place_in_the_batch(build, wrong):
    x, i = Input("x", (BATCH, 3)), Input("i", (BATCH, 2), "int32")
    graph = Graph(build(x, i, 1, name="pick"))
    with pytest.raises(LabelError, match=rf"^pick: need indices from -3 to 2; got {wrong} at .* 3"):
        graph.forward(x=np.ones((2, 3)), i=[[0, -3], [2, wrong]])


def test_rows_of_a_batch_are_not_picked():
    x = Input("x", (BATCH, 3))
    for build in (ops.take, ops.take_along_axis):
        with pytest.raises(ShapeError, match=r"axis other than the batch.* axis=-2 for x \(B, 3\)"):
            build(x, [[0]], -2)


@DTYPES
def test_clip_with_crossed_bounds_gives_a_max_as_numpy_does(dtype):
    x = np.array([-5.0, 2, 3, 9, np.inf, -np.inf, np.nan])
    graph = Graph(ops.clip(Input("x", (7,)), 4, 2), dtype=dtype)
    assert np.array_equal(graph.forward(x=x), np.clip(x, 4, 2), equal_nan=True)
    assert not graph.backward(np.ones(7))["x"].any()
