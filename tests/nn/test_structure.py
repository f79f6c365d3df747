"""Layers that give a network its shape, against NumPy, with gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Input, ops
from cnn_core.errors import GraphError, OptionError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 2, 3))


def net(*layers, inputs=(2, 3)):
    return cnn.Sequential(list(layers), inputs, dtype="float64", seed=3)


def check_gradients(n):
    graph = cnn.Graph(ops.sum(ops.square(n.output)))
    graph.forward(x=X if len(n.input.shape) == 3 else X.reshape(5, 6))
    assert graph.check_gradients().ok


def test_flatten_and_reshape_keep_the_order():
    np.testing.assert_array_equal(net(cnn.Flatten()).predict(X), X.reshape(5, 6))
    for shape in ((3, 2), (-1, 2), [6], 6, -1, (1, 6, 1)):
        y = net(cnn.Reshape(shape)).predict(X)
        row = shape if np.iterable(shape) else (shape,)
        np.testing.assert_array_equal(y, X.reshape(5, *row))


def test_concat_takes_any_number_of_nodes():
    x = Input("x", (BATCH, 2, 3))
    for axis in (-1, 1, 2):
        made = cnn.Model(cnn.Concat(axis)([x, x, x * 2.0]), dtype="float64")
        np.testing.assert_array_equal(made.predict(X), np.concatenate([X, X, 2 * X], axis=axis))


@pytest.mark.parametrize("inner", [cnn.Dense(3, "tanh"), [cnn.Dense(7, "relu"), cnn.Dense(3)]])
def test_a_residual_adds_what_its_layers_make(inner):
    n = net(cnn.Residual(inner), cnn.Dense(2))
    part = cnn.Graph(n.output)
    p = n.params
    h = X @ p["residual_0.dense_0.w"] + p["residual_0.dense_0.b"]
    if "residual_0.dense_1.w" in p:
        h = np.maximum(h, 0) @ p["residual_0.dense_1.w"] + p["residual_0.dense_1.b"]
    else:
        h = np.tanh(h)
    right = (X + h) @ p["dense_0.w"] + p["dense_0.b"]
    np.testing.assert_allclose(part.forward(x=X), right, rtol=1e-12)
    check_gradients(n)
    weights = [a.reshape(-1)[:6] for name, a in p.items() if name.endswith(".w")]
    assert not any(np.allclose(a / a[0], b / b[0]) for a, b in itertools.pairwise(weights))


@pytest.mark.parametrize("use_bias", [False, True])
def test_scale_learns_a_factor_for_each_feature(use_bias):
    n = net(cnn.Scale(init=lambda shape, rng: np.arange(1.0, 7).reshape(shape), use_bias=use_bias))
    np.testing.assert_array_equal(n.predict(X), X * np.arange(1.0, 7).reshape(2, 3))
    assert list(n.params) == ["scale_0.s", "scale_0.b"][: 1 + use_bias]
    check_gradients(n)
    assert (net(cnn.Scale()).predict(X) == X).all()


def test_what_does_not_fit_is_refused():
    for make, error, text in (
        (lambda: net(cnn.Reshape((4, 2))), ShapeError, "reshape_0: need BATCH first"),
        (lambda: net(cnn.Residual(cnn.Dense(4))), ShapeError, "residual_0: need layers that keep"),
        (lambda: cnn.Residual([]), OptionError, "need a layer, or a list of layers"),
        (lambda: cnn.Residual("tanh"), OptionError, "need a layer, or a list of layers"),
        (lambda: cnn.Concat(1.5), OptionError, "Concat: need axis"),
        (lambda: net(cnn.Concat()), GraphError, "concat: need a list of nodes"),
        (lambda: cnn.Scale(use_bias=3), OptionError, "Scale: need use_bias"),
    ):
        with pytest.raises(error, match=text):
            make()
