"""Gates that several tests use; importable, so that networks with them can be pickled."""

from __future__ import annotations

import numpy as np

import cnn_core as cnn

INIT = "glorot_uniform"


class Multiply(cnn.Gate):
    """The gate of the design page, letter by letter."""

    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, dz):
        return [self.y * dz, self.x * dz]


class Scale(cnn.Gate):
    """An option in its own __init__, which does not call that of Gate."""

    def __init__(self, factor=2.0):
        self.factor = factor

    def forward(self, x):
        return self.factor * x

    def backward(self, dy):
        return self.factor * dy


class Relu(cnn.Gate):
    """The arithmetic of ops.relu, to the bit."""

    def forward(self, x):
        self.positive = x > 0
        return np.where(x < 0, np.zeros_like(x), x)

    def backward(self, dy):
        return np.where(self.positive, dy, np.zeros_like(dy))


class Square(cnn.Gate):
    """Notes every value that it was given."""

    seen: tuple = ()

    def forward(self, x):
        self.x = x
        self.seen = (*self.seen, x)
        return x * x

    def backward(self, dy):
        return [2 * self.x * dy]


def wide_network(activation, seed=0):
    """Return a network large enough for two threads, and data for it."""
    layers = [cnn.Dense(64, activation=activation, init=INIT), cnn.Dense(64, activation, init=INIT),
              cnn.Dense(3)]  # fmt: skip
    net = cnn.Sequential(layers, inputs=32, seed=seed)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((256, 32)).astype(np.float32)
    return net, x, rng.integers(0, 3, 256).astype(np.int32)


def trainer_of(net, optimizer=None):
    return cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=optimizer or cnn.Adam())

