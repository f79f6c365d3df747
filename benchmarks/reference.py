"""The same training step in straightforward NumPy: what others are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from nets import BETA1, BETA2, EPS, LEARNING_RATE, Net


class NumpyNet:
    """A dense network with softmax cross-entropy, trained by SGD or Adam."""

    def __init__(self, net: Net, weights: list, optimizer: str, dtype: Any = np.float32) -> None:
        self.activation, self.optimizer = net.activation, optimizer
        self.lr = LEARNING_RATE[optimizer]
        self.params = [p.astype(dtype) for pair in weights for p in pair]
        self.mean = [np.zeros_like(p) for p in self.params]
        self.square_mean = [np.zeros_like(p) for p in self.params]
        self.t = 0

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the input and what each layer makes of it; the last are the logits."""
        values = [x]
        n = len(self.params) // 2
        for i in range(n):
            z = values[-1] @ self.params[2 * i] + self.params[2 * i + 1]
            if i < n - 1:
                z = np.maximum(z, 0) if self.activation == "relu" else np.tanh(z)
            values.append(z)
        return values

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        return cross_entropy(self.forward(x)[-1], y)

    def gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        values = self.forward(x)
        dz = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
        dz /= dz.sum(axis=1, keepdims=True)
        dz[np.arange(len(y)), y] -= 1
        dz /= len(y)
        found: list[np.ndarray] = []
        for i in reversed(range(len(self.params) // 2)):
            h = values[i]
            found = [h.T @ dz, dz.sum(axis=0), *found]
            if i:
                dh = dz @ self.params[2 * i].T
                dz = dh * (h > 0) if self.activation == "relu" else dh * (1 - h * h)
        return found

    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        """Make one optimizer step on the minibatch."""
        gradients = self.gradients(x, y)
        self.t += 1
        if self.optimizer == "sgd":
            for p, g in zip(self.params, gradients, strict=True):
                p -= self.lr * g
            return
        rate, root = self.lr / (1 - BETA1**self.t), (1 - BETA2**self.t) ** 0.5
        slots = zip(self.params, gradients, self.mean, self.square_mean, strict=True)
        for p, g, m, v in slots:
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * (g * g)
            p -= rate * m / (np.sqrt(v) / root + EPS)


def cross_entropy(z: np.ndarray, y: np.ndarray) -> float:
    """Return the mean softmax cross-entropy of the logits ``z`` (B, C)."""
    z = z.astype(np.float64)
    top = z.max(axis=1)
    total = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top
    return float((total - z[np.arange(len(y)), y]).mean())


def softmax(z: np.ndarray) -> np.ndarray:
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)
