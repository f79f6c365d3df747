"""Losses by their published formulas in NumPy: rows and their gradients, (z, t) -> (l, dl / dz)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import cnn_core as cnn

RNG = np.random.default_rng(7)
B = 23


class Case(NamedTuple):
    loss: Callable[..., cnn.Loss]
    options: dict[str, Any]
    z: np.ndarray
    y: np.ndarray
    formula: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

    def make(self, **more: Any) -> cnn.Loss:
        return self.loss(**self.options, **more)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def by_element(f: Callable) -> Callable:
    """A formula of elements, whose rows are means."""
    def rows(z, t):
        values, slopes = f(z, t)
        return values.mean(axis=1), slopes / z.shape[1]

    return rows


def log_cosh(z, t):
    e = z - t
    return np.log(np.cosh(e)), np.tanh(e)


def tweedie(p):
    def f(z, t):
        low, high = np.exp((1 - p) * z), np.exp((2 - p) * z)
        return high / (2 - p) - t * low / (1 - p), high - t * low

    return f


def squared_hinge(z, t):
    gap = np.maximum(0, 1 - t * z)
    return gap**2, -2 * t * gap


def binary_focal(gamma, alpha):
    def f(z, t):
        p = 1 / (1 + np.exp(-z))
        pt, sign = np.where(t == 1, p, 1 - p), np.where(t == 1, 1, -1)
        a = 1 if alpha is None else np.where(t == 1, alpha, 1 - alpha)
        slope = a * sign * (1 - pt) ** gamma * (gamma * pt * np.log(pt) + pt - 1)  # (Lin, B)
        return -a * (1 - pt) ** gamma * np.log(pt), slope

    return f


def focal(gamma, alpha):
    def f(z, t):
        p, own = softmax(z), np.eye(z.shape[1])[t]
        pt = p[np.arange(len(t)), t]
        a = 1 if alpha is None else np.asarray(alpha)[t]
        by_log = a * (1 - pt) ** (gamma - 1) * (gamma * pt * np.log(pt) + pt - 1)
        return -a * (1 - pt) ** gamma * np.log(pt), by_log[:, None] * (own - p)

    return f


def kl(z, t):
    logs = np.log(np.where(t > 0, t, 1))
    return (t * (logs - np.log(softmax(z)))).sum(axis=1), softmax(z) * t.sum(1, keepdims=True) - t


def multi_margin(margin, p):
    def f(z, t):
        rows, n = np.arange(len(t)), z.shape[1]
        gap = np.maximum(0, margin - z[rows, t][:, None] + z)
        gap[rows, t] = 0
        slope = p * np.where(gap > 0, gap ** (p - 1), 0) / n
        slope[rows, t] = -slope.sum(axis=1)
        return (gap**p).sum(axis=1) / n, slope

    return f


def squared_hinge_of_classes(z, t):
    own = np.eye(z.shape[1])[t] > 0
    others = np.where(own, -np.inf, z)
    gap = np.maximum(0, 1 + others.max(axis=1) - z[own])
    slope = 2 * gap[:, None] * ((others == others.max(axis=1, keepdims=True)) - 1.0 * own)
    return gap**2, slope


def gaussian(eps, full):
    def f(z, t):
        n = z.shape[1] // 2
        m, s = z[:, :n], z[:, n:]
        v = np.exp(s) + eps
        values = 0.5 * (np.log(v) + (m - t) ** 2 / v) + (0.5 * np.log(2 * np.pi) if full else 0)
        slopes = [(m - t) / v, 0.5 * np.exp(s) / v * (1 - (m - t) ** 2 / v)]
        return values.mean(axis=1), np.concatenate(slopes, axis=1) / n

    return f


def quantiles(q):
    def f(z, t):
        e = t[:, None] - z
        return np.maximum(q * e, (q - 1) * e), np.where(e > 0, -q, 1 - q)

    return by_element(f)


def cosine(z, t):
    length = np.linalg.norm(z, axis=1, keepdims=True)
    unit = t / np.linalg.norm(t, axis=1, keepdims=True)
    cos = (z * unit).sum(axis=1, keepdims=True) / length
    return 1 - cos[:, 0], (cos * z / length - unit) / length


Z, T = RNG.standard_normal((B, 4)) * 2, RNG.standard_normal((B, 4))
LABELS, BITS = RNG.integers(0, 4, B), RNG.integers(0, 2, (B, 4)).astype(float)
SHARES = RNG.dirichlet(np.ones(4), B) * (RNG.random((B, 4)) < 0.9)  # some are 0
COUNTS = RNG.poisson(1.0, (B, 4)) * RNG.random((B, 4))
Q, ALPHA = np.array([0.05, 0.5, 0.6, 0.99]), (0.1, 0.2, 0.7, 1.5)

CASES = {
    "log_cosh": Case(cnn.LogCosh, {}, Z, T, by_element(log_cosh)),
    "tweedie": Case(cnn.Tweedie, {}, Z, COUNTS, by_element(tweedie(1.5))),
    "tweedie 1.9": Case(cnn.Tweedie, {"power": 1.9}, Z, COUNTS, by_element(tweedie(1.9))),
    "squared_hinge": Case(cnn.SquaredHinge, {}, Z, 2 * BITS - 1, by_element(squared_hinge)),
    "squared_hinge of classes": Case(cnn.SquaredHinge, {}, Z, LABELS, squared_hinge_of_classes),
    "multi_margin": Case(cnn.MultiMargin, {}, Z, LABELS, multi_margin(1.0, 1)),
    "multi_margin p=2": Case(cnn.MultiMargin, {"p": 2, "margin": 0.3}, Z, LABELS,
                             multi_margin(0.3, 2)),
    "focal": Case(cnn.Focal, {}, Z, LABELS, focal(2, None)),
    "focal alpha": Case(cnn.Focal, {"gamma": 0.5, "alpha": ALPHA}, Z, LABELS, focal(0.5, ALPHA)),
    "focal 0": Case(cnn.Focal, {"gamma": 0}, Z, LABELS, focal(0, None)),
    "focal 1": Case(cnn.Focal, {"gamma": 1}, Z, LABELS, focal(1, None)),
    "binary_focal": Case(cnn.BinaryFocal, {"alpha": 0.25}, Z, BITS,
                         by_element(binary_focal(2, 0.25))),
    "binary_focal 0.3": Case(cnn.BinaryFocal, {"gamma": 0.3}, Z, BITS,
                             by_element(binary_focal(0.3, None))),
    "binary_focal of shares": Case(
        cnn.BinaryFocal, {"alpha": 0.3}, Z, SHARES, by_element(lambda z, t: [
            t * yes + (1 - t) * no for yes, no in zip(
                binary_focal(2, 0.3)(z, t * 0 + 1), binary_focal(2, 0.3)(z, t * 0), strict=True)
        ])),
    "kl_divergence": Case(cnn.KLDivergence, {}, Z, SHARES, kl),
    "gaussian_nll": Case(cnn.GaussianNLL, {}, Z, T[:, :2], gaussian(1e-6, False)),
    "gaussian_nll full": Case(cnn.GaussianNLL, {"full": True, "eps": 0.1}, Z[:, :2], T[:, 0],
                              lambda z, t: gaussian(0.1, True)(z, t[:, None])),
    "quantiles": Case(cnn.Quantiles, {"quantiles": Q}, Z, T[:, 0], quantiles(Q)),
    "cosine_distance": Case(cnn.CosineDistance, {}, Z, T, cosine),
}  # fmt: skip


def trainer_of(loss: Any, z: np.ndarray, dtype: str = "float64", **options: Any) -> cnn.Trainer:
    """A trainer of a network that gives ``z`` for the rows of a unit matrix, its parameters."""
    net = cnn.Sequential([cnn.Dense(z.shape[1], use_bias=False)], len(z), dtype=dtype)
    net.set_params({"dense_0.w": z})
    return cnn.Trainer(net, loss=loss, optimizer=cnn.SGD(lr=0.1), **options)
