"""Losses of numbers, element by element."""

from __future__ import annotations

import numpy as np

from cnn_core import ops, options
from cnn_core.ir.node import Node
from cnn_core.nn.losses.base import Loss
from cnn_core.nn.meaning import LOGARITHMS


class MSE(Loss):
    """l = (p - t)^2, averaged over a row's outputs."""

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.mse(output, target, reduction="none"), weight)


class MAE(Loss):
    """l = |p - t|, averaged over a row's outputs.  The subgradient at 0 is 0."""

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.mae(output, target, reduction="none"), weight)


class Huber(Loss):
    """l = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), of e = p - t (Huber 1964)."""

    def __init__(self, delta: float = 1.0, *, reduction: str = "weighted_mean") -> None:
        super().__init__(reduction=reduction)
        self.delta = options.number("Huber", delta, 0, open_at="low", option="delta")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.huber(output, target, delta=self.delta, reduction="none"), weight)


class Pinball(Loss):
    """l = max(q e, (q - 1) e) of e = t - p: its minimum is the q-quantile (Koenker 1978).

    By default the median.
    """

    def __init__(self, q: float = 0.5, *, reduction: str = "weighted_mean") -> None:
        super().__init__(reduction=reduction)
        self.q = options.number("Pinball", q, 0, 1, open_at="low high", option="q")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.pinball(output, target, q=self.q, reduction="none"), weight)


class Poisson(Loss):
    """l = e^z - t z of the logarithm z of the rate; counts t >= 0."""

    outputs_are = LOGARITHMS
    twice = ("exp", "softplus")
    applies = "takes the logarithm of the rate and applies exp itself"
    target_range = (0.0, np.inf)
    targets_are = "counts"

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.poisson(output, target, reduction="none"), weight)
