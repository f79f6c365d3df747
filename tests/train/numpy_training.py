"""Training in plain NumPy, float64: an independent reference for whole runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray

_SELU = 1.0507009873554805, 1.6732632423543772


def _elu(x: Array, a: float = 1.0) -> Array:
    return np.where(x > 0, x, a * np.expm1(np.minimum(x, 0)))


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "linear": (lambda x: x, np.ones_like),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "elu": (_elu, lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0)))),
    "selu": (
        lambda x: _SELU[0] * _elu(x, _SELU[1]),
        lambda x: _SELU[0] * np.where(x > 0, 1, _SELU[1] * np.exp(np.minimum(x, 0))),
    ),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * (1 - _sigmoid(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "silu": (
        lambda x: x * _sigmoid(x),
        lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))),
    ),
    "softplus": (lambda x: np.logaddexp(0, x), _sigmoid),
}
"""Value and derivative by name."""


def softmax_rows(smoothing: float = 0.0, ignore: int | None = None) -> Callable:
    """Return loss(z, y) -> (l (B,), dl/dz (B, C), counts (B,)) for labels or target rows."""

    def loss(z: Array, y: Array) -> tuple[Array, Array, Array]:
        n, c = z.shape
        counts = np.ones(n)
        if y.ndim == 1:
            counts = np.ones(n) if ignore is None else (y != ignore) * 1.0
            t = np.zeros((n, c))
            t[np.arange(n), np.where(counts > 0, y, 0)] = 1
        else:
            t = y.astype(np.float64)
        t = (1 - smoothing) * t + smoothing / c
        shifted = z - z.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -(t * log_p).sum(1), t.sum(1, keepdims=True) * np.exp(log_p) - t, counts

    return loss


def elementwise(value: Callable, slope: Callable) -> Callable:
    """Return the loss of a row that is the mean of value(p, t) over its outputs."""

    def loss(z: Array, y: Array) -> tuple[Array, Array, Array]:
        t = y.reshape(z.shape).astype(np.float64)
        return value(z, t).mean(1), slope(z, t) / z.shape[1], np.ones(len(z))

    return loss


LOSSES = {
    "cross_entropy": softmax_rows(),
    "smoothed": softmax_rows(0.1),
    "ignoring": softmax_rows(0.0, -1),
    "smoothed_ignoring": softmax_rows(0.2, -1),
    "binary": elementwise(lambda z, t: np.logaddexp(0, z) - t * z, lambda z, t: _sigmoid(z) - t),
    "mse": elementwise(lambda p, t: (p - t) ** 2, lambda p, t: 2 * (p - t)),
    "mae": elementwise(lambda p, t: np.abs(p - t), lambda p, t: np.sign(p - t)),
    "huber": elementwise(
        lambda p, t: np.where(np.abs(p - t) <= 0.7, (p - t) ** 2 / 2, 0.7 * (np.abs(p - t) - 0.35)),
        lambda p, t: np.clip(p - t, -0.7, 0.7),
    ),
    "pinball": elementwise(
        lambda p, t: np.maximum(0.3 * (t - p), -0.7 * (t - p)),
        lambda p, t: np.where(t > p, -0.3, np.where(t < p, 0.7, 0.0)),
    ),
    "poisson": elementwise(lambda z, t: np.exp(z) - t * z, lambda z, t: np.exp(z) - t),
    "hinge": elementwise(
        lambda z, t: np.maximum(0, 1 - t * z), lambda z, t: np.where(t * z < 1, -t, 0.0)
    ),
}


class NumpyNet:
    """Dense layers, one activation between them, trained by SGD with momentum or by Adam."""

    def __init__(self, weights: list[Array], biases: list[Array], activation: str, loss: Callable):
        self.w = [w.astype(np.float64).copy() for w in weights]
        self.b = [b.astype(np.float64).copy() for b in biases]
        self.act, self.slope = ACTIVATIONS[activation]
        self.loss, self.steps = loss, 0
        self.state: dict = {}

    def gradients(self, x: Array, y: Array, weight: Array | None) -> tuple[float, list[Array]]:
        pre, values = [], [x.astype(np.float64)]
        for i, (w, b) in enumerate(zip(self.w, self.b, strict=True)):
            pre.append(values[-1] @ w + b)
            values.append(self.act(pre[-1]) if i + 1 < len(self.w) else pre[-1])
        rows, dz, counts = self.loss(values[-1], y)
        weight = counts if weight is None else counts * weight
        share = weight / weight.sum() if weight.sum() else weight
        d = dz * share[:, None]
        grads: list[Array] = []
        for i in reversed(range(len(self.w))):
            if i + 1 < len(self.w):
                d = d * self.slope(pre[i])
            grads = [values[i].T @ d, d.sum(0), *grads]
            d = d @ self.w[i].T
        return float(rows @ share), grads

    def params(self) -> list[Array]:
        return [p for pair in zip(self.w, self.b, strict=True) for p in pair]

    def sgd(self, grads: list[Array], lr: float, momentum: float) -> None:
        for i, (p, g) in enumerate(zip(self.params(), grads, strict=True)):
            v = self.state[i] = momentum * self.state.get(i, 0.0) + g
            p -= lr * v

    def adam(self, grads: list[Array], lr: float, beta1=0.9, beta2=0.999, eps=1e-8) -> None:
        t = self.steps + 1
        for i, (p, g) in enumerate(zip(self.params(), grads, strict=True)):
            m, v = self.state.get(i, (0.0, 0.0))
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            self.state[i] = m, v
            p -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)

    def step(self, x: Array, y: Array, weight: Array | None, optimizer: str, lr: float) -> float:
        loss, grads = self.gradients(x, y, weight)
        if optimizer == "adam":
            self.adam(grads, lr)
        else:
            self.sgd(grads, lr, 0.9)
        self.steps += 1
        return loss
