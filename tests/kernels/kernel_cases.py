"""What the tests of cnn_core.kernels share: references, and one call of every kernel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnn_core import kernels

DTYPES = ["float32", "float64"]
LABELS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">i8"]
VALUE_TOL = {"float32": 1e-6, "float64": 1e-13}

erf = np.vectorize(math.erf, otypes=[np.float64])
S, ALPHA = 1.0507009873554805, 1.6732632423543772


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def log_softmax(x):
    u = x - x.max(axis=-1, keepdims=True)
    return u - np.log(np.exp(u).sum(axis=-1, keepdims=True))


def gelu(x, approximate="none"):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return x * 0.5 * (1 + (erf(x / math.sqrt(2)) if approximate == "none" else np.tanh(inner)))


class Case(NamedTuple):
    reference: Callable[..., Any]
    reads: str
    options: dict[str, Any] = {}
    along: bool = False


CASES = {
    "relu": Case(lambda x: np.maximum(x, 0), "y"),
    "leaky_relu": Case(lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), "y",
                       {"negative_slope": 0.2}),
    "elu": Case(lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)), "y", {"alpha": 1.5}),
    "selu": Case(lambda x: S * np.where(x > 0, x, ALPHA * np.expm1(x)), "y"),
    "sigmoid": Case(sigmoid, "y"),
    "tanh": Case(np.tanh, "y"),
    "gelu": Case(gelu, "x"),
    "gelu_tanh": Case(gelu, "x", {"approximate": "tanh"}),
    "silu": Case(lambda x: x * sigmoid(x), "x"),
    "mish": Case(lambda x: x * np.tanh(np.logaddexp(0, x)), "x"),
    "softplus": Case(lambda x: np.logaddexp(0, x), "x"),
    "softmax": Case(lambda x: np.exp(log_softmax(x)), "y", {}, True),
    "log_softmax": Case(log_softmax, "y", {}, True),
}  # fmt: skip
ELEMENTWISE = [name for name, case in CASES.items() if not case.along]


def functions(name):
    """Return a case, its kernel and its gradient kernel."""
    stem = name.removesuffix("_tanh")
    return CASES[name], getattr(kernels, stem), getattr(kernels, stem + "_backward")


def numbers(shape, dtype="float64", seed=0, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(dtype)


def relative(got, want):
    return np.abs(np.asarray(got, np.float64) - want).max() / max(np.abs(want).max(), 1e-30)


def central(f, x, dx, eps=1e-6):
    """Return the derivative of f at x along dx."""
    return (f(x + eps * dx) - f(x - eps * dx)) / (2 * eps)


class Call(NamedTuple):
    """A kernel, its arrays by name, the names of its outputs, and the rest of its arguments."""

    function: Callable[..., Any]
    arrays: dict[str, np.ndarray]
    outputs: tuple[str, ...]
    rest: dict[str, Any]

    def __call__(self, **changes):
        return self.function(**{**self.arrays, **self.rest, **changes})

    def results(self, **changes):
        got = self(**changes)
        found = [a for a in (got if isinstance(got, tuple) else (got,)) if not isinstance(a, float)]
        return dict(zip(self.outputs, found, strict=True))


def calls(dtype="float64"):
    """Return a call of every kernel of the module."""
    x, w, b = numbers((6, 5), dtype), numbers((5, 4), dtype, 1), numbers(4, dtype, 2)
    z, dy = numbers((6, 4), dtype, 3), numbers((6, 4), dtype, 4)
    t, rows, weight = np.array([0, 1, 2, 3, 0, 1], np.int32), np.abs(z), np.abs(z[:, 0]).copy()
    found = {
        "dense_forward": Call(kernels.dense_forward, {"x": x, "w": w, "b": b}, ("out",), {}),
        "dense_backward": Call(
            kernels.dense_backward, {"x": x, "w": w, "dy": dy}, ("dx", "dw", "db"), {}
        ),
        "cross_entropy": Call(
            kernels.softmax_cross_entropy, {"z": z, "weight": weight}, ("dz",), {"t": t}
        ),
        "cross_entropy_rows": Call(
            kernels.softmax_cross_entropy, {"z": z, "t": rows}, ("dz",), {}
        ),
    }  # fmt: skip
    for name in CASES:
        case, forward, backward = functions(name)
        found[name] = Call(forward, {"x": z}, ("out",), case.options)
        read = z if case.reads == "x" else forward(z, **case.options)
        found[name + "_backward"] = Call(
            backward, {case.reads: read, "dy": dy}, ("out",), case.options
        )
    return found


ALL = list(calls())
ARRAYS = [(name, array) for name, call in calls().items() for array in call.arrays]
OUTPUTS = [(name, output) for name, call in calls().items() for output in call.outputs]
