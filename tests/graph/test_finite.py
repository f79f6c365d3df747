"""NaN and infinity in graphs: IEEE results, and the node that `check_finite` names."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Constant, Graph, Input, Parameter, ops
from cnn_core.errors import DataError

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
INF, NAN = np.inf, np.nan
MAKERS = {
    "log of zero": (lambda x: ops.log(x, name="maker"), 0.0, -INF),
    "log of a negative number": (lambda x: ops.log(x, name="maker"), -1.0, NAN),
    "log1p of -1": (lambda x: ops.log1p(x, name="maker"), -1.0, -INF),
    "root of a negative number": (lambda x: ops.sqrt(x, name="maker"), -4.0, NAN),
    "power of a negative number": (lambda x: ops.power(x, 0.5, name="maker"), -4.0, NAN),
    "power by a node": (lambda x: ops.power(x, 0.0 * x + 0.5, name="maker"), -4.0, NAN),
    "negative power of zero": (lambda x: ops.power(x, -1, name="maker"), 0.0, INF),
    "division by zero": (lambda x: ops.div(1.0, x, name="maker"), 0.0, INF),
    "zero by zero": (lambda x: ops.div(x, x, name="maker"), 0.0, NAN),
    "reciprocal of zero": (lambda x: ops.reciprocal(x, name="maker"), -0.0, -INF),
    "overflow": (lambda x: ops.exp(x, name="maker"), 1000.0, INF),
}


@DTYPES
@pytest.mark.parametrize("case", MAKERS)
def test_the_result_is_that_of_ieee_and_the_check_names_its_node(case, dtype):
    build, at, expected = MAKERS[case]
    graph = Graph(ops.exp(ops.neg(build(Input("x")), name="after")), dtype=dtype)
    graph.forward(x=at)
    np.testing.assert_equal(graph.value("maker"), expected)
    with pytest.raises(DataError, match=rf"^maker: need finite values; made {expected}"):
        graph.forward(x=at, check_finite=True)


@DTYPES
def test_a_power_of_a_negative_number_by_a_whole_one_is_finite(dtype):
    graph = Graph(Input("x") ** 3, dtype=dtype)
    assert graph.forward(x=-2.0, check_finite=True) == -8


@DTYPES
def test_the_first_of_several_nodes_is_named_with_its_element(dtype):
    x = Input("x", (2, 3))
    a = ops.square(x, name="a")
    b = ops.log(a, name="b")
    graph = Graph(ops.sqrt(b, name="c") + ops.reciprocal(a, name="d"), dtype=dtype)
    values = np.ones((2, 3))
    values[1, 1] = 0
    with pytest.raises(DataError, match=r"^b: need finite values; made -inf at element 4"):
        graph.forward(x=values, check_finite=True)


def test_a_graph_that_was_refused_goes_on_with_other_numbers():
    w = Parameter("w", 2.0)
    graph = Graph(ops.log(Input("x")) * w)
    with pytest.raises(DataError):
        graph.forward(x=0.0, check_finite=True)
    assert graph.params["w"] == 2
    assert graph.forward(x=1.0, check_finite=True) == 0
    assert graph.backward() == {"x": 2.0, "w": 0.0}


@DTYPES
@pytest.mark.parametrize("value", [NAN, INF])
def test_the_leaf_that_holds_what_is_not_finite_is_named(value, dtype):
    x, w = Input("x", (BATCH, 2)), Parameter("w", [1.0, 2.0])
    graph = Graph(ops.sum(ops.tanh(x * w), axis=1), dtype=dtype)
    bad = np.array([[1.0, 2.0], [3.0, value]], dtype)
    with pytest.raises(DataError, match=rf"^input 'x': need finite .* got {value} at row 1, col"):
        graph.forward(x=bad, check_finite=True)
    graph.params["w"][1] = value
    with pytest.raises(DataError, match=rf"^parameter 'w': need finite .* got {value} at row 1"):
        graph.forward(x=np.ones((2, 2)), check_finite=True)
    graph.params["w"][1] = 1
    assert np.isfinite(graph.forward(x=np.ones((2, 2)), check_finite=True)).all()


def test_a_constant_may_be_infinite_and_not_nan():
    graph = Graph(ops.minimum(Input("x"), Constant(INF)))
    assert graph.forward(x=3.0, check_finite=True) == 3
    graph = Graph(Input("x") * Constant([0.0, NAN], name="c"))
    with pytest.raises(DataError, match=r"^constant 'c': need numbers; got nan at row 1"):
        graph.forward(x=3.0, check_finite=True)
