"""The networks that every benchmark trains: sizes, data and initial weights.

All of it is a function of the network's name, so every process builds the same numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LEARNING_RATE = {"sgd": 1e-3, "adam": 1e-4}
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Net(NamedTuple):
    """A dense network and how it is trained.

    ``n_steps`` minibatches make one run, which is what is timed: enough that the cost of
    starting a run does not show.  The data holds as many rows, each used once per run.
    """

    sizes: tuple[int, ...]
    batch: int
    n_steps: int
    activation: str = "relu"

    @property
    def n_rows(self) -> int:
        return self.batch * self.n_steps

    @property
    def products(self) -> list[tuple[int, int, int]]:
        """The (m, n, k) of the matrix products of one step: forward, weights, inputs."""
        found = []
        for i, (n_in, n_out) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            found += [(self.batch, n_out, n_in), (n_in, n_out, self.batch)]
            if i:
                found.append((self.batch, n_in, n_out))
        return found

    def __str__(self) -> str:
        kind = "" if self.activation == "relu" else f" {self.activation}"
        return f"{'-'.join(map(str, self.sizes))}{kind}, batch {self.batch}"


# D1 is an epoch of scikit-learn's digits; S1 to M2 have the rows of MNIST.
NETS = {
    "T1": Net((4, 16, 16, 3), 32, 1024),
    "T2": Net((64, 64, 64, 10), 32, 512),
    "T3": Net((8, 64, 64, 4), 64, 512, "tanh"),
    "D1": Net((64, 128, 64, 10), 32, 56),
    "S1": Net((784, 128, 10), 64, 64),
    "M1": Net((784, 256, 128, 10), 128, 32),
    "M2": Net((784, 512, 512, 10), 256, 16),
    "L1": Net((784, 1024, 1024, 1024, 10), 512, 8),
    "L2": Net((3072, 2048, 2048, 10), 1024, 4),
}


class Rows(NamedTuple):
    """Training data: ``x`` (N, I) float32, ``y`` (N,) int64 and the order ``index`` (N,)."""

    x: np.ndarray
    y: np.ndarray
    index: np.ndarray


def make_rows(net: Net) -> Rows:
    """Return normal features, random labels and a random order of the rows."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((net.n_rows, net.sizes[0]), dtype=np.float32)
    y = rng.integers(0, net.sizes[-1], net.n_rows)
    return Rows(x, y, rng.permutation(net.n_rows))


def make_weights(net: Net) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return float32 weights (I, O), normal with variance 1 / I, and small biases (O,)."""
    rng = np.random.default_rng(2)
    weights = []
    for n_in, n_out in zip(net.sizes, net.sizes[1:], strict=False):
        w = rng.standard_normal((n_in, n_out), dtype=np.float32) / np.float32(n_in**0.5)
        weights.append((w, rng.standard_normal(n_out, dtype=np.float32) / 10))
    return weights
