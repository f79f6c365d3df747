"""dense_forward and dense_backward: y = x w + b and its gradients."""

from __future__ import annotations

from cnn_core import options
from cnn_core._ext import core as _ext
from cnn_core.kernels.arrays import Array, T

_FUSED: dict[str, tuple[float | int, ...]] = {
    "relu": (), "leaky_relu": (0.01,), "elu": (1.0,), "selu": (), "sigmoid": (), "tanh": (),
    "gelu": (0,), "silu": (), "mish": (), "softplus": (),
}  # fmt: skip
"""The activations that the C operation takes, each with its default options."""


def dense_forward(
    x: Array[T],
    w: Array[T],
    b: Array[T] | None = None,
    *,
    activation: str | None = None,
    out: Array[T] | None = None,
) -> Array[T]:
    """Return f(x w + b), shape (B, O): x (B, I), w (I, O), b (O,) or None for 0.

    float32 or float64.  ``activation`` names f with its default options, one of relu,
    leaky_relu, elu, selu, sigmoid, tanh, gelu, silu, mish, softplus; None is the identity.
    Overwrites ``out`` (B, O).  Errors: see the module.

    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, -1.0]])
    >>> cnn.kernels.dense_forward(x, w, np.array([0.5, 0.5]))
    array([[ 1.5, -1.5]])
    >>> cnn.kernels.dense_forward(x, w, activation="relu")
    array([[1., 0.]])
    """
    fused = None
    if activation is not None:
        options.choice("dense_forward", activation, _FUSED, option="an activation")
        fused = (activation, _FUSED[activation])
    return _ext.dense_forward(x, w, b, fused, out)


def dense_backward(
    x: Array[T],
    w: Array[T],
    dy: Array[T],
    *,
    dx: Array[T] | None = None,
    dw: Array[T] | None = None,
    db: Array[T] | None = None,
) -> tuple[Array[T], Array[T], Array[T]]:
    """Return (dx, dw, db) = (dy w^T, x^T dy, column sums of dy): x (B, I), w (I, O), dy (B, O).

    The gradients of y = x w + b.  float32 or float64.  Overwrites ``dx`` (B, I), ``dw`` (I, O)
    and ``db`` (O,).  Errors: see the module.

    >>> x, w, dy = np.array([[1.0, 2.0]]), np.eye(2), np.array([[3.0, 4.0]])
    >>> dx, dw, db = cnn.kernels.dense_backward(x, w, dy)
    >>> dw
    array([[3., 4.],
           [6., 8.]])
    """
    return _ext.dense_backward(x, w, dy, dx, dw, db)
