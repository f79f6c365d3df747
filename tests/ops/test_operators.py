"""Operators of nodes with numbers, lists and arrays of every kind on either side."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from cnn_core import Graph, Input, ops
from cnn_core.errors import DtypeError, ShapeError

POINT = np.array([[1.5, 2.5, 0.5], [3.0, 0.25, 2.0], [1.0, 4.0, 1.25]])
OTHERS = {
    "float": 2.5, "int": 3, "bool": True, "float16": np.float16(0.5), "float32": np.float32(1.5),
    "float64": np.float64(0.75), "int8": np.int8(2), "int64": np.int64(3), "uint8": np.uint8(200),
    "numpy_bool": np.bool_(True), "array_of_no_axis": np.array(2.0), "list": [1.0, 2.0, 4.0],
    "tuple": (1, 2, 3), "nested_list": [[1.0], [2.0], [3.0]], "ones": np.ones(3),
    "ints": np.arange(1, 10).reshape(3, 3), "bools": np.array([True, True, True]),
    "float32s": np.array([0.5, 1.5, 2.5], "f4"), "fortran": np.asfortranarray(POINT + 1),
    "strided": np.arange(1.0, 19.0).reshape(3, 6)[:, ::2], "wider": np.ones((2, 1, 3)),
}  # fmt: skip
ARITHMETIC = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "**": operator.pow,
}  # fmt: skip
RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def run(build) -> tuple[np.ndarray, Graph]:
    y = build(Input("x", POINT.shape))
    graph = Graph(y * 1.0)
    return graph.forward(x=POINT), graph


def wide(other):
    """The same numbers as float64, as they are in a graph of that dtype."""
    return np.asarray(other, np.float64)


@pytest.mark.parametrize("symbol", ARITHMETIC)
@pytest.mark.parametrize("kind", OTHERS)
def test_an_operand_of_any_kind_may_stand_on_either_side(kind, symbol):
    f, other = ARITHMETIC[symbol], OTHERS[kind]
    expected = {"right": f(POINT, wide(other)), "left": f(wide(other), POINT)}
    found = {"right": run(lambda x: f(x, other)), "left": run(lambda x: f(other, x))}
    for side, (value, graph) in found.items():
        np.testing.assert_allclose(value, wide(expected[side]), rtol=1e-14, err_msg=side)
        assert graph.check_gradients(), side


@pytest.mark.parametrize("symbol", RELATIONS)
@pytest.mark.parametrize("kind", OTHERS)
def test_a_comparison_may_have_any_kind_of_operand_on_either_side(kind, symbol):
    f, other = RELATIONS[symbol], OTHERS[kind]
    right, _ = run(lambda x: f(x, other))
    left, _ = run(lambda x: f(other, x))
    assert np.array_equal(right, f(POINT, wide(other)))
    assert np.array_equal(left, f(wide(other), POINT))


@pytest.mark.parametrize("kind", ["list", "tuple", "nested_list", "ints", "float32s", "fortran"])
def test_a_matrix_of_any_kind_may_stand_on_either_side(kind):
    other = OTHERS[kind]
    left = np.transpose(other).tolist() if kind == "nested_list" else other
    for build, expected in (
        (lambda x: x @ other, POINT @ wide(other)), (lambda x: left @ x, wide(left) @ POINT),
    ):  # fmt: skip
        value, graph = run(build)
        np.testing.assert_allclose(value, expected, rtol=1e-14)
        assert graph.check_gradients()


def test_the_sign_and_the_index_are_operators():
    value, graph = run(lambda x: (-x)[1:, np.int64(-1)])
    assert np.array_equal(value, -POINT[1:, -1])
    assert np.array_equal(graph.backward(np.ones(2))["x"], [[0, 0, 0], [0, 0, -1], [0, 0, -1]])


def test_arrays_leave_the_operator_to_the_node_as_a_whole():
    x = Input("x", (3,))
    for y in (np.ones(3) * x, np.ones((4, 3)) + x, np.float32(2) / x, np.ones((4, 3)) @ x):
        assert y.op in ("mul", "add", "div", "matmul")
        assert y.inputs[1] is x


NO_NUMBERS = ["a", None, 1j, np.complex64(1), object(), [1, "b"], [[1], [1, 2]]]


@pytest.mark.parametrize("other", NO_NUMBERS)
@pytest.mark.parametrize("symbol", [*ARITHMETIC, *RELATIONS])
def test_what_is_no_number_is_refused(symbol, other):
    x, f = Input("x", (3,)), {**ARITHMETIC, **RELATIONS}[symbol]
    for a, b in ((x, other), (other, x)):
        with pytest.raises((DtypeError, ShapeError), match=r": need real numbers.*; got "):
            f(a, b)


@pytest.mark.parametrize("symbol", [*ARITHMETIC, *RELATIONS])
def test_shapes_that_do_not_fit_are_named_with_their_nodes(symbol):
    x, y = Input("x", (3,)), Input("y", (4,))
    f = {**ARITHMETIC, **RELATIONS}[symbol]
    with pytest.raises(ShapeError, match=r": need shapes .*; got x \(3,\), y \(4,\)$"):
        f(x, y)
    with pytest.raises(ShapeError, match=r": need shapes .*; got x \(3,\), constant \(2,\)$"):
        f(x, np.ones(2))


def test_an_operation_is_called_by_its_own_name_where_it_has_one():
    with pytest.raises(ShapeError, match=r"^total: need shapes .*; got x \(3,\), y \(4,\)$"):
        ops.add(Input("x", (3,)), Input("y", (4,)), name="total")
