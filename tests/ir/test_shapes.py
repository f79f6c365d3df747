"""Shape inference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import BATCH, Constant, Input, Parameter, ops
from cnn_core.errors import DtypeError, GraphError, OptionError, ShapeError
from cnn_core.ir.shapes import row_size, with_rows

SHAPES = st.lists(st.integers(1, 3), max_size=5).map(tuple)


@given(SHAPES, SHAPES)
def test_shapes_broadcast_as_in_numpy(a, b):
    operands = Constant(np.zeros(a)), Constant(np.zeros(b))
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ShapeError, match="need shapes that broadcast together"):
            ops.add(*operands)
    else:
        assert ops.add(*operands).shape == expected


@given(SHAPES, SHAPES)
def test_the_batch_axis_broadcasts_as_a_length_of_its_own(a, b):
    x, y = Input("x", (BATCH, *a)), Constant(np.zeros(b))
    try:
        expected = np.broadcast_shapes((7, *a), b)
    except ValueError:
        expected = (0,)
    if len(expected) == len(a) + 1 and expected[0] == 7:
        assert ops.mul(x, y).shape == (BATCH, *expected[1:])
    else:  # the batch axis would not come first, or the shapes do not fit
        with pytest.raises(ShapeError):
            ops.mul(x, y)


def test_the_batch_axis_does_not_fit_a_fixed_length():
    with pytest.raises(ShapeError, match=r"x \(B, 2\)"):
        ops.add(Input("x", (BATCH, 2)), Constant(np.zeros((5, 2))))


def test_rows():
    assert row_size((BATCH, 3, 4)) == 12
    assert row_size((BATCH,)) == 1
    assert row_size(()) == 1
    assert with_rows((BATCH, 3), 5) == (5, 3)
    assert with_rows((2, 3), 5) == (2, 3)


@pytest.mark.parametrize("shape", [(0,), (-1,), (2, BATCH), (2.5,), ("a",), (1,) * 7])
def test_an_input_refuses_other_shapes(shape):
    with pytest.raises(ShapeError, match="x"):
        Input("x", shape)


def test_an_input_refuses_other_dtypes_and_empty_names():
    with pytest.raises(DtypeError, match="need dtype 'real' or 'int32'; got 'float16'"):
        Input("x", (), "float16")
    with pytest.raises(GraphError, match="need a name"):
        Input("")


@pytest.mark.parametrize("value", [np.zeros((0, 3)), np.zeros((1,) * 7)])
def test_a_parameter_refuses_empty_arrays_and_too_many_axes(value):
    with pytest.raises(ShapeError, match="Parameter 'p': need at most 6 axes, none empty"):
        Parameter("p", value)


@pytest.mark.parametrize("value", [1j, "a", object(), [1, None]])
def test_a_parameter_refuses_what_is_no_number(value):
    with pytest.raises(DtypeError, match="Parameter 'p'"):
        Parameter("p", value)


def test_a_parameter_refuses_rows_of_different_lengths():
    with pytest.raises(ShapeError, match="Parameter 'p': need real numbers in rows of equal"):
        Parameter("p", [[1, 2], [3]])


X, T = Input("x", (BATCH, 3)), Input("t", (BATCH,), "int32")


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: ops.dense(X, Parameter("w", np.zeros((4, 2)))), ShapeError),
        (lambda: ops.dense(X, Parameter("w", np.zeros((3, 2))), Constant([0.0])), ShapeError),
        (lambda: ops.dense(X, Parameter("w", np.zeros(3))), ShapeError),
        (lambda: ops.dense(X, X), ShapeError),
        (lambda: ops.softmax(Input("s")), ShapeError),
        (lambda: ops.softmax(Input("s", (BATCH,))), ShapeError),
        (lambda: ops.softmax(X, axis=1 - 2 - 2), OptionError),
        (lambda: ops.softmax(T), DtypeError),
        (lambda: ops.add(T, 1.0), DtypeError),
        (lambda: ops.mse(X, Input("y", (BATCH, 2))), ShapeError),
        (lambda: ops.mse(X, Parameter("y", np.zeros((1, 3)))), ShapeError),
        (lambda: ops.softmax_cross_entropy(X, Input("y", (BATCH, 2))), ShapeError),
        (lambda: ops.softmax_cross_entropy(Input("z", (BATCH, 2, 3)), T), ShapeError),
        (lambda: ops.softmax_cross_entropy(X, T, label_smoothing=1.5), OptionError),
        (lambda: ops.softmax_cross_entropy(X, T, reduction="sum"), OptionError),
        (lambda: ops.row_mean(X), ShapeError),
        (lambda: ops.dropout(X, 1.0), OptionError),
        (lambda: ops.dropout(X, float("nan")), OptionError),
        (lambda: ops.gaussian_noise(X, -1.0), OptionError),
        (lambda: ops.gaussian_noise(X, float("inf")), OptionError),
        (lambda: ops.elu(X, -1.0), OptionError),
        (lambda: ops.gelu(X, "erf"), OptionError),
        (lambda: ops.huber(X, X, 0.0), OptionError),
        (lambda: ops.pinball(X, X, 1.0), OptionError),
    ],
)  # fmt: skip
def test_operations_refuse_what_does_not_fit(build, error):
    with pytest.raises(error, match=": need "):
        build()


def test_every_loss_takes_a_row_and_a_column_as_the_same():
    p, t = Input("p", (BATCH, 1)), Input("t", (BATCH,))
    for loss in (ops.mse, ops.mae, ops.huber, ops.binary_cross_entropy, ops.hinge, ops.poisson):
        assert loss(p, t, reduction="none").shape == (BATCH,)
        assert loss(t, p).shape == ()
