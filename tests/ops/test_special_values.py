"""IEEE results, ties, operators and refusals of the operations on nodes."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Constant, Graph, Input, ops
from cnn_core.errors import DataError, DtypeError, LabelError, OptionError, ShapeError
from cnn_core.ir.binary import Comparison

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
INF, NAN = np.inf, np.nan
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, INF, -INF, NAN, -3.0, 4.0])


def value(build, dtype, **arrays):
    """Return the value of ``build`` at arrays of any shape, fed as unbatched inputs."""
    nodes = {k: Input(k, np.shape(a)) for k, a in arrays.items()}
    out = build(**nodes)
    if isinstance(out, Comparison):
        out = out + 0.0  # the output of a graph needs a gradient
    return Graph(out, dtype=dtype).forward(**arrays)


def gradients(build, dtype, **arrays):
    nodes = {k: Input(k, np.shape(a)) for k, a in arrays.items()}
    graph = Graph(build(**nodes), dtype=dtype)
    y = graph.forward(**arrays)
    return graph.backward(np.ones(np.shape(y)))


# -- IEEE results -------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("op", ["log", "log1p", "sqrt", "exp", "reciprocal", "abs", "square"])
def test_unary_edges_are_those_of_numpy(op, dtype):
    with np.errstate(all="ignore"):
        expected = getattr(np, op)(EDGES)
    found = value(getattr(ops, op), dtype, x=EDGES)
    np.testing.assert_allclose(found, expected, rtol=3e-7)
    zeros = expected == 0
    assert np.array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))


@DTYPES
@pytest.mark.parametrize("p", [0, 1, 2, 3, -1, -2, -3, 0.5, -0.5, 1.5, 33, 34, -33, 40.5])
def test_power_edges_are_those_of_numpy(p, dtype):
    with np.errstate(all="ignore"):
        of_number, of_array = EDGES ** float(p), np.power(EDGES, np.full(11, float(p)))
    np.testing.assert_allclose(value(lambda x: x**p, dtype, x=EDGES), of_number, rtol=5e-6)
    found = value(lambda x: ops.power(x, np.full(1, p)), dtype, x=EDGES)
    np.testing.assert_allclose(found, of_array, rtol=5e-6)


@DTYPES
def test_a_power_of_nodes_has_the_edges_of_numpy(dtype):
    x, p = (a.ravel() for a in np.meshgrid(EDGES, [*EDGES, 0.5, 3.0, -3.0]))
    with np.errstate(all="ignore"):
        expected = x**p
    np.testing.assert_allclose(value(lambda x, p: x**p, dtype, x=x, p=p), expected, rtol=5e-6)


@DTYPES
def test_the_gradients_of_a_power_at_0_are_finite(dtype):
    found = gradients(lambda x, p: x**p, dtype, x=np.zeros(2), p=np.array([1.0, 2.0]))
    assert np.array_equal(found["x"], [1, 0])
    assert np.array_equal(found["p"], [0, 0])


@DTYPES
@pytest.mark.parametrize("op", ["div", "sub", "maximum", "minimum", "greater", "less",
                                "greater_equal", "less_equal", "equal", "not_equal"])  # fmt: skip
def test_binary_edges_are_those_of_numpy(op, dtype):
    a, b = (x.ravel() for x in np.meshgrid(EDGES, EDGES))
    reference = {"div": np.divide, "sub": np.subtract}.get(op) or getattr(np, op)
    with np.errstate(all="ignore"):
        expected = reference(a, b)
    np.testing.assert_allclose(value(getattr(ops, op), dtype, a=a, b=b), expected, rtol=3e-7)


@DTYPES
@pytest.mark.parametrize("op", ["max", "min", "sum", "mean"])
@pytest.mark.parametrize("axis", [0, 1])
def test_nan_propagates_through_reductions(op, axis, dtype):
    x = np.array([[1.0, NAN, 3.0], [4.0, 5.0, 6.0]])
    expected = getattr(np, op)(x, axis=axis)
    np.testing.assert_array_equal(value(lambda x: getattr(ops, op)(x, axis), dtype, x=x), expected)


@DTYPES
def test_logsumexp_of_infinities(dtype):
    x = np.array([[-INF, -INF], [INF, 1.0], [-INF, 2.0], [NAN, 1.0], [1000.0, 1000.0]])
    found = value(lambda x: ops.logsumexp(x, 1), dtype, x=x)
    np.testing.assert_allclose(found, [-INF, INF, 2, NAN, 1000 + np.log(2)], rtol=1e-6)


def test_the_finite_check_names_the_log_of_0():
    graph = Graph(ops.log(Input("x"), name="the_log") * 2.0)
    with pytest.raises(DataError, match="the_log"):
        graph.forward(x=0.0, check_finite=True)


# -- ties and kinks -----------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("op", ["maximum", "minimum"])
def test_at_a_tie_the_first_operand_takes_the_gradient(op, dtype):
    x = np.array([1.0, -2.0, 0.0])
    found = gradients(getattr(ops, op), dtype, a=x, b=x)
    assert np.array_equal(found["a"], np.ones(3))
    assert np.array_equal(found["b"], np.zeros(3))


@DTYPES
@pytest.mark.parametrize("op", ["max", "min"])
@pytest.mark.parametrize(("axis", "places"), [
    (None, [(0, 0)]), (0, [(0, 0), (0, 1), (0, 2)]), (1, [(0, 0), (1, 0)]),
])  # fmt: skip
def test_at_a_tie_the_first_of_a_group_takes_the_gradient(op, axis, places, dtype):
    dx = gradients(lambda x: getattr(ops, op)(x, axis), dtype, x=np.full((2, 3), 7.0))["x"]
    expected = np.zeros((2, 3))
    for place in places:
        expected[place] = 1
    assert np.array_equal(dx, expected)


@DTYPES
def test_the_first_of_a_long_group_takes_the_gradient(dtype):
    x = np.zeros((3, 2, 300))
    x[1, 1, 299] = x[2, 0, 0] = x[2, 1, 5] = 1
    dx = gradients(lambda x: ops.max(x, (0, 2)), dtype, x=x)["x"]
    assert {tuple(map(int, at)) for at in np.argwhere(dx)} == {(2, 0, 0), (1, 1, 299)}


@DTYPES
def test_the_first_nan_takes_the_gradient(dtype):
    dx = gradients(lambda x: ops.max(x, 0), dtype, x=np.array([1.0, NAN, NAN, 2.0]))["x"]
    assert np.array_equal(dx, [0, 1, 0, 0])


@DTYPES
@pytest.mark.parametrize(("build", "x", "slope"), [
    (ops.abs, 0.0, 0.0), (lambda x: ops.clip(x, 0, 1), 0.0, 1.0),
    (lambda x: ops.clip(x, 0, 1), 1.0, 1.0), (lambda x: ops.norm(x), 0.0, 0.0),
])  # fmt: skip
def test_the_subgradient_is_the_documented_one(build, x, slope, dtype):
    assert gradients(build, dtype, x=x)["x"] == slope


@DTYPES
def test_what_where_does_not_take_leaves_no_trace(dtype):
    found = gradients(lambda x: ops.where(x > 0, ops.log(x), 0.0), dtype, x=np.array([2.0]))
    assert found["x"] == pytest.approx(0.5)
    assert value(lambda x: ops.where(x > 0, ops.log(x), -1.0), dtype, x=0.0) == -1


NOT_TAKEN = {
    "sqrt below 0": (lambda x: ops.where(x > 0, ops.sqrt(x), x), -1.0, 1.0),
    "sqrt at 0": (lambda x: ops.where(x > 0, ops.sqrt(x), x), 0.0, 1.0),
    "log at 0": (lambda x: ops.where(x > 0, ops.log(x), 3.0 * x), 0.0, 3.0),
    "log1p at -1": (lambda x: ops.where(x > -1, ops.log1p(x), x), -1.0, 1.0),
    "1 / x at 0": (lambda x: ops.where(x > 0, 1 / x, x), 0.0, 1.0),
    "1 / x^2 at 0": (lambda x: ops.where(x > 0, x**-2, x), 0.0, 1.0),
    "x^1.5 below 0": (lambda x: ops.where(x > 0, x**1.5, 0.0), -1.0, 0.0),
    "x^p below 0": (lambda x: ops.where(x > 0, x ** (0.5 * ops.exp(x * 0)), 0.0), -1.0, 0.0),
    "0 / 0": (lambda x: ops.where(x > 0, ops.sqrt(x) / x, x), 0.0, 1.0),
    "exp that overflows": (lambda x: ops.where(x < 10, ops.exp(x), x), 1e4, 1.0),
    "square that overflows": (lambda x: ops.where(x < 10, ops.square(ops.exp(x)), x), 1e4, 1.0),
    "norm under a floor": (lambda x: ops.maximum(ops.sqrt(ops.square(x)), 1e-10), 0.0, 0.0),
    "1 / x under a roof": (lambda x: ops.minimum(1 / ops.abs(x), 5.0), 0.0, 0.0),
    "1 / x clipped": (lambda x: ops.clip(1 / x, -5.0, 5.0), 0.0, 0.0),
    "log clipped": (lambda x: ops.clip(ops.log(x), -5.0, 5.0), 0.0, 0.0),
    "masked by a product": (lambda x: ops.sqrt(x) * 0.0 + x, 0.0, 1.0),
}  # fmt: skip


@DTYPES
@pytest.mark.parametrize("name", NOT_TAKEN)
def test_what_is_not_taken_has_the_gradient_0_however_steep_it_is(name, dtype):
    build, x, slope = NOT_TAKEN[name]
    for shape in ((), (1,), (37,)):  # alone, and in vectors
        found = gradients(build, dtype, x=np.full(shape, x))["x"]
        np.testing.assert_array_equal(found, np.full(shape, slope))


@DTYPES
def test_a_masked_row_adds_nothing_whatever_its_softmax_or_norm(dtype):
    x = np.array([[1.0, 2.0, 3.0], [INF, 1.0, NAN], [-INF, -INF, -INF]])
    keep = np.array([[1.0], [0.0], [0.0]])
    for op in (ops.softmax, ops.log_softmax, lambda x: ops.reshape(ops.logsumexp(x, 1), (3, 1)),
               lambda x: ops.reshape(ops.norm(x, 1), (3, 1))):  # fmt: skip
        found = gradients(lambda x, op=op: ops.where(keep, op(x), 0.0), dtype, x=x)["x"]
        assert np.isfinite(found).all()
        assert not found[1:].any()


@DTYPES
def test_logsumexp_of_only_minus_infinity_has_the_gradient_0(dtype):
    x = np.array([[-INF, -INF], [-INF, 2.0], [1.0, 1.0]])
    for axis in (0, 1):
        rows = x if axis else x.T
        dx = gradients(lambda x, axis=axis: ops.logsumexp(x, axis), dtype, x=rows)["x"]
        np.testing.assert_allclose(dx if axis else dx.T, [[0, 0], [0, 1], [0.5, 0.5]], rtol=1e-6)


@DTYPES
def test_a_logit_that_is_sure_and_right_costs_nothing(dtype):
    z, t = [INF, -INF, INF, -INF, 1000.0], [1.0, 0.0, 0.0, 1.0, 1.0]
    feed = {"z": np.array(z)[:, None], "t": np.array(t)[:, None]}
    nodes = {k: Input(k, (BATCH, 1)) for k in feed}
    graph = Graph(ops.binary_cross_entropy(**nodes, reduction="none"), dtype=dtype)
    assert np.array_equal(graph.forward(**feed), [0, 0, INF, INF, 0])
    assert np.array_equal(graph.backward(np.ones(5))["z"].ravel(), [0, 0, 1, -1, 0])


@DTYPES
def test_a_rate_of_0_costs_nothing_where_nothing_is_counted(dtype):
    nodes = {k: Input(k, (BATCH, 1)) for k in ("z", "t")}
    graph = Graph(ops.poisson(**nodes, reduction="none"), dtype=dtype)
    feed = {"z": np.array([[-INF], [-INF]]), "t": np.array([[0.0], [2.0]])}
    assert np.array_equal(graph.forward(**feed), [0, INF])
    assert np.array_equal(graph.backward(np.ones(2))["z"].ravel(), [0, -2])


@DTYPES
def test_the_slope_in_the_power_is_0_at_0_to_the_0(dtype):
    found = gradients(lambda x, p: x**p, dtype, x=np.zeros(3), p=np.array([0.0, 0.5, 2.0]))
    assert np.array_equal(found["p"], [0, 0, 0])
    assert gradients(lambda x, p: x**p, dtype, x=0.0, p=0.0)["p"] == 0


@DTYPES
def test_a_vector_of_zeros_is_similar_to_nothing(dtype):
    a, b = np.zeros(3), np.array([1.0, 2.0, 2.0])
    assert value(ops.cosine_similarity, dtype, a=a, b=b) == 0
    found = gradients(ops.cosine_similarity, dtype, a=a, b=b)
    assert np.isfinite(found["a"]).all()
    assert np.array_equal(found["b"], np.zeros(3))


# -- operators ----------------------------------------------------------------------------------

M = np.array([[1.0, 2.0], [3.0, 5.0]])
OPERATORS = {
    "add": lambda x: x + 2.0, "radd": lambda x: M + x, "sub": lambda x: x - M,
    "rsub": lambda x: 1 - x, "mul": lambda x: x * M, "rmul": lambda x: 3 * x,
    "div": lambda x: x / 4, "rdiv": lambda x: M / x, "pow": lambda x: x**2,
    "pow_array": lambda x: x**M, "rpow": lambda x: 2.0**x, "rpow_array": lambda x: M**x,
    "matmul": lambda x: x @ M, "rmatmul": lambda x: M @ x, "vector": lambda x: x @ M[0],
    "neg": lambda x: -x, "gt": lambda x: x > 1.5, "lt": lambda x: x < M.T, "ge": lambda x: x >= M,
    "le": lambda x: x <= M,
    "gt_array": lambda x: np.greater(M, 1) * (x > 1),
    "item": lambda x: x[1, ::-1], "both": lambda x: (x - 1) * x / (x + 1),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_those_of_numpy(name):
    x = np.array([[1.5, 2.5], [0.5, 3.0]])
    f = OPERATORS[name]
    np.testing.assert_allclose(value(f, "float64", x=x), np.asarray(f(x), float), rtol=1e-14)


def test_a_node_cannot_be_iterated():
    with pytest.raises(TypeError, match="not iterable"):
        list(Input("x", (3,)))


# -- refusals -----------------------------------------------------------------------------------

X, Y = Input("x", (BATCH, 3, 4)), Input("y", (BATCH, 2, 4))
W, V, L = Input("w", (4, 5)), Input("v", (3,)), Input("labels", (BATCH,), "int32")
REFUSED = {
    "sub": (lambda: X - Y, ShapeError, r"x \(B, 3, 4\), y \(B, 2, 4\)"),
    "where": (lambda: ops.where(X, Y, 0), ShapeError, r"x \(B, 3, 4\), y \(B, 2, 4\)"),
    "matmul": (lambda: X @ Y, ShapeError, r"x \(B, 3, 4\) and y \(B, 2, 4\)"),
    "matmul_scalar": (lambda: X @ 2.0, ShapeError, "need a"),
    "matmul_rows": (lambda: X[:, 0] @ Y[:, 0], ShapeError, "need a"),
    "matmul_stack": (lambda: X[:, 0] @ ops.transpose(Y, (0, 2, 1)), ShapeError, "None"),
    "outer": (lambda: ops.outer(L, V), DtypeError, "labels"),
    "cosine": (lambda: ops.cosine_similarity(X, V), ShapeError, r"x \(B, 3, 4\) and v \(3,\)"),
    "convolution": (lambda: ops.circular_convolution(X, Y), ShapeError, "broadcast"),
    "center": (lambda: ops.circular_convolution(X, V, -1), OptionError, "center"),
    "eps": (lambda: ops.cosine_similarity(X, X, 0), OptionError, "eps"),
    "axis": (lambda: ops.sum(X, 3), OptionError, r"from -3 to 2; got 3 for x \(B, 3, 4\)"),
    "axis_twice": (lambda: ops.mean(X, (1, -2)), OptionError, "once"),
    "no_axis": (lambda: ops.max(X, ()), OptionError, "at least one axis"),
    "axis_kind": (lambda: ops.norm(X, 1.0), OptionError, "integer"),
    "softmax_scalar": (lambda: ops.softmax(Input("s")), ShapeError, "at least one axis"),
    "transpose": (lambda: ops.transpose(X, (1, 0, 2)), ShapeError, "batch axis first"),
    "transpose_some": (lambda: ops.transpose(X, (0, 1)), OptionError, "all 3 axes"),
    "reshape": (lambda: ops.reshape(X, (BATCH, 5)), ShapeError, "rows of 12"),
    "reshape_rows": (lambda: ops.reshape(X, (3, 4)), ShapeError, "BATCH first"),
    "reshape_free": (lambda: ops.reshape(X, (BATCH, -1, -1)), ShapeError, "at most one"),
    "slice_rows": (lambda: X[0], ShapeError, "batch axis"),
    "slice_range": (lambda: X[:, 3], LabelError, "from -3 to 2 on axis 1; got 3"),
    "slice_empty": (lambda: X[:, 3:], ShapeError, "at least one element"),
    "slice_step": (lambda: X[:, ::0], OptionError, "zero"),
    "slice_many": (lambda: X[0, 0, 0, 0], ShapeError, "at most 3"),
    "slice_array": (lambda: X[[0, 1]], OptionError, "take"),
    "slice_mask": (lambda: X[X > 0], OptionError, "take"),
    "concat": (lambda: ops.concat([X, Y], 2), ShapeError, r"x \(B, 3, 4\) and y \(B, 2, 4\)"),
    "concat_batch": (lambda: ops.concat([X, X]), ShapeError, "batch axis"),
    "concat_none": (lambda: ops.concat([]), ShapeError, "at least one"),
    "concat_mixed": (lambda: ops.concat([X, W], 1), ShapeError, "one shape"),
    "stack": (lambda: ops.stack([X, Y], 1), ShapeError, "one shape"),
    "stack_first": (lambda: ops.stack([X, X]), ShapeError, "batch axis"),
    "split": (lambda: ops.split(X, 2, 1), ShapeError, "divides 3"),
    "split_places": (lambda: ops.split(X, [2, 2], 1), ShapeError, "rise"),
    "split_batch": (lambda: ops.split(X, 2), ShapeError, "batch axis"),
    "take_real": (lambda: ops.take(W, V), DtypeError, "int32"),
    "take_batch": (lambda: ops.take(X, L), ShapeError, "axis other than the batch, such as axis=1"),
    "take_late": (lambda: ops.take(W, L, 1), ShapeError, "batch axis first"),
    "take_axis": (lambda: ops.take(W, 0, 2), OptionError, r"axis.* from -2 to 1; got 2 for w"),
    "power": (lambda: X**INF, OptionError, "finite"),
    "scale": (lambda: ops.scale(X, "2"), OptionError, "finite"),
    "integers": (lambda: ops.exp(L), DtypeError, "labels"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_what_came(name):
    build, error, match = REFUSED[name]
    with pytest.raises(error, match=match):
        build()


@DTYPES
@pytest.mark.parametrize("index", [-5, 4, -(2**31), 2**31 - 1])
def test_take_names_position_and_index_out_of_range(index, dtype):
    graph = Graph(
        ops.take(Input("x", (4, 2)), Input("i", (BATCH, 3), "int32"), name="lookup"), dtype=dtype
    )
    with pytest.raises(LabelError, match=rf"lookup: .* -4 to 3; got {index} at position 4"):
        graph.forward(x=np.ones((4, 2)), i=[[0, 1, 2], [3, index, 0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [1e19, -1e19, 1e300, 2.0**63, np.nan])
def test_huge_exponents_give_what_pow_gives(p, dtype):
    x = np.array([0.5, 1.0, 2.0, 0.0, -2.0], dtype)
    node = Input("x", (5,))
    graph = Graph(node ** (p if np.isfinite(p) else Constant(p)), dtype=dtype)
    with np.errstate(all="ignore"):
        expected = np.power(x.astype("f8"), p)
    np.testing.assert_array_equal(graph.forward(x=x), expected.astype(dtype))
