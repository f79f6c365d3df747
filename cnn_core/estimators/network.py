"""Network: the layers of an estimator, their numbers, and what predicts with them."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from cnn_core import ops
from cnn_core.arrays import as_numbers
from cnn_core.errors import ShapeError
from cnn_core.nn.layers import Activation, Dense, Dropout, Layer
from cnn_core.nn.model import Model
from cnn_core.nn.norms import BatchNorm
from cnn_core.nn.sequential import Sequential

ENDS = {"softmax": ops.softmax, "logistic": ops.sigmoid, "exp": ops.exp}
"""What makes predictions of outputs, by scikit-learn's names; "identity" leaves them as they are.
"""


class Architecture(NamedTuple):
    """What a network is made of: plain values, which a pickle can hold."""

    units: tuple[int, ...]
    """Features, hidden units of each layer, outputs."""
    activations: tuple[str, ...]
    """Of the hidden layers."""
    end: str
    """scikit-learn's name of what makes predictions of the outputs."""
    dropout: float
    batch_norm: bool
    dtype: str


class Network:
    """The network of an architecture; its weights and biases are 0 until they are drawn or taken.

    ``coefs`` and ``intercepts`` are views of the numbers that it computes with.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        a = architecture
        self.net = Sequential(_layers(a), inputs=a.units[0], dtype=a.dtype, seed=0)
        self._predictor: Model | None = None if a.end in ENDS else self.net
        self.dtype = self.net.dtype
        params, n = self.net.params, len(a.units) - 1
        self.coefs = [params[f"dense_{i}.w"] for i in range(n)]
        self.intercepts = [params[f"dense_{i}.b"] for i in range(n)]

    def draw(self, rng: np.random.RandomState, last: str) -> None:
        """Draw weights and biases from U(-a, a), a = sqrt(6 / (fan in + fan out)) of each layer.

        Layer by layer, the weights first; with a factor of 2 in place of 6 where the activation is
        the logistic function.  The last layer counts as if its activation was ``last``.  (Glorot,
        Bengio 2010, and scikit-learn's rule, to the bit.)
        """
        names = (*self.architecture.activations, last)
        for name, w, b in zip(names, self.coefs, self.intercepts, strict=True):
            factor = 2.0 if name == "sigmoid" else 6.0
            bound = sqrt(factor / sum(w.shape))
            w[...] = rng.uniform(-bound, bound, w.shape)
            b[...] = rng.uniform(-bound, bound, b.shape)

    def follow(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> None:
        """Take the numbers of arrays that are not its own views: what a user has set."""
        for name, own, given in (("coefs_", self.coefs, coefs),
                                 ("intercepts_", self.intercepts, intercepts)):  # fmt: skip
            if len(given) != len(own):
                raise ShapeError(f"{name}: need {len(own)} arrays, one a layer; got {len(given)}")
            for i, (view, array) in enumerate(zip(own, given, strict=True)):
                if array is not view:
                    _take(view, array, f"{name}[{i}]")

    def numbers(self) -> dict[str, np.ndarray]:
        """Return copies of all numbers by name."""
        return {name: np.array(view) for name, view in self.net.params.items()}

    def predict(self, x: Any) -> np.ndarray:
        """Return the predictions (B, O) of dense or sparse rows ``x`` (B, I)."""
        if self._predictor is None:  # the same numbers, with predictions as its output
            end = ENDS[self.architecture.end]
            self._predictor = Model(end(self.net.output))
        return self._predictor.predict(x)


def _layers(a: Architecture) -> list[Layer]:
    layers: list[Layer] = []
    plain = {"init": "zeros", "bias_init": "zeros"}
    for units, activation in zip(a.units[1:-1], a.activations, strict=True):
        if a.batch_norm:
            layers += [Dense(units, **plain), BatchNorm()]
            layers += [] if activation == "linear" else [Activation(activation)]
        else:
            layers.append(Dense(units, activation, **plain))
        if a.dropout:
            layers.append(Dropout(a.dropout))
    return [*layers, Dense(a.units[-1], **plain)]


def _take(view: np.ndarray, given: Any, who: str) -> None:
    array = as_numbers(given, who=who)
    if array.shape != view.shape:
        raise ShapeError(f"{who}: need shape {view.shape}; got {array.shape}")
    view[...] = array

