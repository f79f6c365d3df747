"""Losses: what is made small, as scikit-learn defines it, or as a user asks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.ir.node import BATCH, Input, Node
from cnn_core.nn import losses
from cnn_core.nn.losses import BinaryCrossEntropy, Loss, Poisson, SoftmaxCrossEntropy
from cnn_core.nn.losses.base import check_interval
from cnn_core.options import shown


class SquaredError(Loss):
    """l = sum_j (p_j - t_j)^2 / 2 over a row's outputs: what scikit-learn follows the gradient of.

    It reports the mean over the outputs.
    """

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        rows = ops.mse(output, target, reduction="none")
        return self.over_rows(ops.scale(rows, 0.5 * output.shape[1]), weight)


class PoissonDeviance(Poisson):
    """l = sum_j t_j log(t_j / e^z_j) - t_j + e^z_j, half the deviance, over a row's outputs."""

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        rows = ops.poisson(output, target, reduction="none")
        own = ops.where(ops.greater(target, 0.0), target * ops.log(target), 0.0) - target
        rows = rows + ops.mean(own, axis=1)
        return self.over_rows(ops.scale(rows, float(output.shape[1])), weight)


def _most(dtype: np.dtype) -> float:
    """Return what a row costs at most: scikit-learn clips probabilities by the machine epsilon."""
    return -float(np.log(np.finfo(dtype).eps))


class OneOf(SoftmaxCrossEntropy):
    """l = -log(softmax(z)_t) of the logits z (B, C) and labels t (B,), as scikit-learn reports it.
    """

    def __init__(self, dtype: np.dtype) -> None:
        super().__init__()
        self.most = _most(dtype)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.softmax_cross_entropy(output, target, weight=weight, most=self.most)


class Questions(BinaryCrossEntropy):
    """l = sum_j log(1 + e^z_j) - t_j z_j of the logits z, over a row's outputs; t is 0 or 1."""

    def __init__(self, dtype: np.dtype) -> None:
        super().__init__()
        self.most = _most(dtype)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        rows = ops.binary_cross_entropy(output, target, most=self.most, reduction="none")
        if output.shape[1] > 1:
            rows = ops.scale(rows, float(output.shape[1]))
        return self.over_rows(rows, weight)


ENDS = {"softmax": "softmax", "sigmoid": "logistic", "exp": "exp"}
"""scikit-learn's names by those of operations."""

NAMED: dict[str, Any] = {
    "squared_error": SquaredError,
    "poisson": PoissonDeviance,
    "huber": losses.Huber,
    "mae": losses.MAE,
    "pinball": losses.Pinball,
    "log_cosh": losses.LogCosh,
    "tweedie": losses.Tweedie,
}
"""What the regressor knows by name: scikit-learn's two, and this package's with their defaults."""


def of_classes(kind: str, dtype: np.dtype) -> Loss:
    """Return the classifier's loss for targets of a kind, in scikit-learn's terms."""
    return OneOf(dtype) if kind == "multiclass" else Questions(dtype)


def of_numbers(loss: Any, y: np.ndarray) -> Any:
    """Return a name's loss, or a copy of a user's own: training fixes the options of a loss.

    Raises `DataError` where targets ``y`` are outside of what it is of.
    """
    if isinstance(loss, str):
        loss = NAMED[loss]()
    elif isinstance(loss, Loss):
        loss = copy.deepcopy(losses.get(loss, "loss"))
    else:
        return loss
    check_interval(y, *loss.target_range, f"loss: need {loss.targets_are}", "y")
    return loss


def end_of(loss: Any) -> str:
    """Return scikit-learn's name of what makes predictions of the outputs of a loss."""
    if not isinstance(loss, Loss):
        return "identity"
    z = Input("z", (BATCH, 2))
    end = loss.prediction(z)
    if end is z:
        return "identity"
    if end.op not in ENDS:
        need = "one whose predictions are outputs, as many as the targets"
        raise OptionError(f"loss: need {need}; got {shown(loss)}")
    return ENDS[end.op]


def divisor(loss: Any, n_outputs: int) -> int:
    """Return what the loss that is made small is divided by to be reported."""
    return n_outputs if isinstance(loss, SquaredError) else 1
