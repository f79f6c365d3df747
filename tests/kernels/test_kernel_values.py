"""cnn_core.kernels: values and gradients against references; no graph anywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import (
    CASES,
    DTYPES,
    LABELS,
    VALUE_TOL,
    central,
    functions,
    log_softmax,
    numbers,
    relative,
)

from cnn_core import kernels
from cnn_core._ext.core import simd_names

SHAPES = [(), (1,), (5,), (2, 3), (17, 10), (3, 40), (2, 3, 4, 5)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "shape"), [(n, s) for n in CASES for s in SHAPES if s or not CASES[n].along]
)
def test_value_equals_float64_reference(name, dtype, shape):
    case, forward, _ = functions(name)
    x = np.asarray(numbers(shape, dtype, scale=3))
    before = x.copy()
    y = forward(x, **case.options)
    assert y.dtype == dtype
    assert y.shape == shape
    assert relative(y, case.reference(x.astype(np.float64), **case.options)) < VALUE_TOL[dtype]
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("shape", [(7,), (5, 10), (3, 40)], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_gradient_equals_central_difference(name, shape):
    case, forward, backward = functions(name)
    x, dy, direction = (numbers(shape, seed=i) for i in (1, 2, 3))
    read = x if case.reads == "x" else forward(x, **case.options)
    dx = backward(read, dy, **case.options)
    want = central(lambda v: np.sum(dy * case.reference(v, **case.options)), x, direction)
    assert np.sum(dx * direction) == pytest.approx(want, rel=1e-6)
    single = backward(read.astype("float32"), dy.astype("float32"), **case.options)
    assert single.dtype == np.float32
    assert relative(single, dx) < 1e-5


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 3, 4), (5, 64, 10), (17, 33, 65)], ids=str)
def test_dense_value_and_gradients_equal_references(sizes, dtype, bias):
    n_rows, n_in, n_out = sizes
    x, w, dy = (numbers(s, dtype, seed=i) for i, s in
                enumerate([(n_rows, n_in), (n_in, n_out), (n_rows, n_out)]))  # fmt: skip
    b = numbers(n_out, dtype, seed=3) if bias else None
    x64, w64, dy64 = (a.astype(np.float64) for a in (x, w, dy))
    tol = 10 * VALUE_TOL[dtype]
    assert relative(kernels.dense_forward(x, w, b), x64 @ w64 + (0 if b is None else b)) < tol
    dx, dw, db = kernels.dense_backward(x, w, dy)
    assert (dx.shape, dw.shape, db.shape) == (x.shape, w.shape, (n_out,))
    assert {a.dtype for a in (dx, dw, db)} == {np.dtype(dtype)}
    assert relative(dx, dy64 @ w64.T) < tol
    assert relative(dw, x64.T @ dy64) < tol
    assert relative(db, dy64.sum(axis=0)) < tol


def test_dense_gradients_equal_central_differences():
    x, w, dy, b = numbers((5, 4)), numbers((4, 3), seed=1), numbers((5, 3), seed=2), numbers(3)
    for i, grad in enumerate(kernels.dense_backward(x, w, dy)):
        values = [x, w, b]
        direction = numbers(values[i].shape, seed=5 + i)

        def f(v, i=i, values=values):
            return np.sum(dy * kernels.dense_forward(*values[:i], v, *values[i + 1 :]))

        assert np.sum(grad * direction) == pytest.approx(central(f, values[i], direction), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "gelu", "silu", "mish",
             "softplus"]
)
def test_fused_activation_equals_separate_call_bit_for_bit(name, dtype):
    x, w, b = numbers((9, 5), dtype), numbers((5, 20), dtype, 1), numbers(20, dtype, 2)
    fused = kernels.dense_forward(x, w, b, activation=name)
    np.testing.assert_array_equal(fused, getattr(kernels, name)(kernels.dense_forward(x, w, b)))


def reference_loss(z, t, weight=None, s=0.0, ignored=None):
    n, c = z.shape
    w = np.ones(n) if weight is None else weight.astype(np.float64)
    if t.ndim == 1:
        w = w * (t != ignored) if ignored is not None else w
        t = np.eye(c)[np.where((t < 0) | (t >= c), 0, t).astype(int)]
    target = (1 - s) * t + s / c
    rows = -np.sum(target * log_softmax(z.astype(np.float64)), axis=1)
    return float(w @ rows / w.sum())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["labels", "ignored", "rows"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("n", "c"), [(1, 2), (5, 3), (17, 10), (8, 40)])
def test_cross_entropy_equals_reference(n, c, smoothing, kind, weighted, dtype):
    rng = np.random.default_rng(n)
    z = numbers((n, c), dtype, scale=2)
    weight = rng.random(n).astype(dtype) if weighted else None
    t = rng.random((n, c)).astype(dtype) if kind == "rows" else rng.integers(0, c, n)
    ignored = None
    if kind == "ignored":
        t[1::3], ignored = -1, -1
    loss, dz = kernels.softmax_cross_entropy(
        z, t, weight=weight, label_smoothing=smoothing, ignore_index=ignored
    )
    args = (t, weight, smoothing, ignored)
    assert type(loss) is float
    assert loss == pytest.approx(reference_loss(z, *args), rel=3 * VALUE_TOL[dtype])
    assert dz.dtype == dtype
    direction = numbers(z.shape, seed=9)
    want = central(lambda v: reference_loss(v, *args), z.astype(np.float64), direction, 1e-5)
    assert np.sum(dz * direction) == pytest.approx(want, rel=1e-4 if dtype == "float32" else 1e-6,
                                                   abs=1e-7)  # fmt: skip


def test_cross_entropy_where_nothing_counts_is_nan_and_its_gradient_0():
    z = numbers((3, 4))
    for options in ({"weight": np.zeros(3)}, {"ignore_index": 2}):
        loss, dz = kernels.softmax_cross_entropy(z, np.full(3, 2), **options)
        assert np.isnan(loss)
        np.testing.assert_array_equal(dz, 0)


def test_cross_entropy_of_huge_logits_is_finite():
    z = np.array([[1000.0, -1000.0], [0.0, 1000.0]], np.float32)
    loss, dz = kernels.softmax_cross_entropy(z, np.array([1, 1]))
    assert loss == 1000
    np.testing.assert_array_equal(dz, [[0.5, -0.5], [0, 0]])


@pytest.mark.parametrize("dtype", LABELS)
def test_labels_of_every_integer_dtype_and_layout_are_taken(dtype):
    z, t = numbers((6, 3)), np.array([0, 1, 2, 2, 1, 0])
    want = kernels.softmax_cross_entropy(z, t.astype(np.int32))
    strided = np.repeat(t, 2).astype(dtype)[::2]
    for labels in (t.astype(dtype), strided):
        loss, dz = kernels.softmax_cross_entropy(z, labels)
        assert loss == want[0]
        np.testing.assert_array_equal(dz, want[1])


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(sorted(CASES)),
    shape=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    dtype=st.sampled_from(DTYPES),
)
def test_any_shape_keeps_its_shape_and_value(name, shape, dtype):
    case, forward, backward = functions(name)
    x = numbers(shape, dtype, scale=2)
    y = forward(x, **case.options)
    assert y.shape == tuple(shape)
    assert relative(y, case.reference(x.astype(np.float64), **case.options)) < VALUE_TOL[dtype]
    dx = backward(x if case.reads == "x" else y, x, **case.options)
    assert dx.shape == tuple(shape)
    assert np.isfinite(dx).all()


@settings(deadline=None, max_examples=60)
@given(sizes=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40)),
       dtype=st.sampled_from(DTYPES))  # fmt: skip
def test_dense_of_any_size(sizes, dtype):
    n_rows, n_in, n_out = sizes
    x, w, b = (
        numbers((n_rows, n_in), dtype),
        numbers((n_in, n_out), dtype, 1),
        numbers(n_out, dtype),
    )
    want = x.astype(np.float64) @ w.astype(np.float64) + b
    np.testing.assert_allclose(kernels.dense_forward(x, w, b), want, atol=1e2 * VALUE_TOL[dtype])
    dx, dw, db = kernels.dense_backward(x, w, np.ones((n_rows, n_out), dtype))
    np.testing.assert_allclose(dx[0], w.astype(np.float64).sum(axis=1), atol=1e-4)
    np.testing.assert_allclose(dw[:, 0], x.astype(np.float64).sum(axis=0), atol=1e-4)
    np.testing.assert_array_equal(db, n_rows)


@pytest.mark.skipif("CNN_CORE_SIMD" in os.environ, reason="one instruction set was asked for")
@pytest.mark.parametrize("simd", simd_names()[:-1])
def test_other_instruction_sets_pass_the_value_tests(simd):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__,
               "-k", "reference or difference or separate"]  # fmt: skip
    env = {**os.environ, "CNN_CORE_SIMD": simd}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
