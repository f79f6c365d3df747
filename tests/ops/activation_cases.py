"""Cases of the activations, softmax and log_softmax."""

from __future__ import annotations

from math import erfc, pi, sqrt

import numpy as np
from op_case import OpCase

from cnn_core import ops


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1, e) / (1 + e)


def _expm1_below(x):
    return np.expm1(np.minimum(x, 0))


def _gelu_tanh(x):
    # (1 + tanh(u)) / 2 = sigmoid(2 u), which keeps its digits for negative u
    return x * _sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x**3))


_erfc = np.vectorize(erfc, otypes=[float])


def _gelu(x):
    return 0.5 * x * _erfc(-x / sqrt(2))


_SELU_S, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _unary(build, reference, *kinks, shape=(3, 7), **options):
    return OpCase(build, {"x": shape}, reference, {"x": kinks} if kinks else {}, **options)


ACTIVATIONS = {
    "relu": _unary(lambda x: ops.relu(x), lambda x: np.maximum(x, 0), 0.0),
    "leaky_relu": _unary(lambda x: ops.leaky_relu(x), lambda x: np.where(x > 0, x, 0.01 * x), 0.0),
    "leaky_relu_0.3": _unary(
        lambda x: ops.leaky_relu(x, 0.3), lambda x: np.where(x > 0, x, 0.3 * x), 0.0
    ),
    "leaky_relu_0": _unary(lambda x: ops.leaky_relu(x, 0), lambda x: np.maximum(x, 0), 0.0),
    "elu": _unary(lambda x: ops.elu(x), lambda x: np.where(x > 0, x, _expm1_below(x))),
    "elu_0.5": _unary(
        lambda x: ops.elu(x, 0.5), lambda x: np.where(x > 0, x, 0.5 * _expm1_below(x)), 0.0
    ),
    "selu": _unary(
        lambda x: ops.selu(x),
        lambda x: _SELU_S * np.where(x > 0, x, _SELU_ALPHA * _expm1_below(x)),
        0.0,
    ),
    "sigmoid": _unary(lambda x: ops.sigmoid(x), _sigmoid),
    "tanh": _unary(lambda x: ops.tanh(x), lambda x: np.tanh(x)),
    "gelu": _unary(lambda x: ops.gelu(x), _gelu),
    "gelu_tanh": _unary(lambda x: ops.gelu(x, approximate="tanh"), _gelu_tanh),
    "silu": _unary(lambda x: ops.silu(x), lambda x: x * _sigmoid(x)),
    "mish": _unary(lambda x: ops.mish(x), lambda x: x * np.tanh(np.logaddexp(x, 0))),
    "softplus": _unary(lambda x: ops.softplus(x), lambda x: np.logaddexp(x, 0)),
    "sigmoid_scalar": OpCase(lambda x: ops.sigmoid(x), {"x": ("unbatched", ())}, _sigmoid),
    "tanh_unbatched": OpCase(
        lambda x: ops.tanh(x), {"x": ("unbatched", (5, 2))}, lambda x: np.tanh(x)
    ),
}

# -- softmax --------------------------------------------------------------------------------


def log_softmax(x):
    u = x - x.max(axis=-1, keepdims=True)
    rest = np.exp(u)
    top = np.argmax(u, axis=-1)[..., None]
    np.put_along_axis(rest, top, 0, axis=-1)
    return u - np.log1p(rest.sum(axis=-1, keepdims=True))


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


_GROUPS = {"": (10,), "_1": (1,), "_3x5": (3, 5), "_64": (64,), "_65": (65,), "_300": (300,)}

SOFTMAX = {
    **{f"softmax{k}": _unary(lambda x: ops.softmax(x), _softmax, shape=s)
       for k, s in _GROUPS.items()},
    **{f"log_softmax{k}": _unary(lambda x: ops.log_softmax(x), log_softmax, shape=s)
       for k, s in _GROUPS.items()},
    "softmax_unbatched": OpCase(
        lambda x: ops.softmax(x), {"x": ("unbatched", (4, 6))}, _softmax),
    "log_softmax_unbatched": OpCase(
        lambda x: ops.log_softmax(x), {"x": ("unbatched", (4, 6))}, log_softmax),
}  # fmt: skip
