"""Losses of decisions: classes, and questions that yes or no answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import DataError, ShapeError
from cnn_core.ir.node import BATCH, Input, Node
from cnn_core.nn.losses.base import REDUCTIONS, Loss, shape_of
from cnn_core.nn.meaning import CLASSES, LOGITS, MARGINS, Meaning


class SoftmaxCrossEntropy(Loss):
    """l_r = -sum_c t_rc log(softmax(z_r)_c) of the logits z (B, C).

    Targets are class labels (B,) from 0 to C - 1, or rows (B, C) of probabilities.  With
    ``label_smoothing`` s the target is (1 - s) t + s / C.  Rows labelled ``ignore_index`` count
    nothing.  The network ends in logits: a softmax layer before this loss would be one too many.
    """

    outputs_are = LOGITS
    twice = ("softmax", "log_softmax", "sigmoid")
    applies = "applies a softmax itself"
    target_range = (0.0, 1.0)
    targets_are = "probabilities"

    def __init__(
        self, label_smoothing: float = 0.0, ignore_index: int | None = None, *,
        reduction: str = "weighted_mean",
    ) -> None:  # fmt: skip
        super().__init__(reduction=reduction)
        who = "SoftmaxCrossEntropy"
        self.label_smoothing = options.number(who, label_smoothing, 0, 1, option="label_smoothing")
        self.ignore_index: int | None = None
        if ignore_index is not None:
            self.ignore_index = options.int32(who, ignore_index, option="ignore_index")

    def target_input(self, output: Node, y: Any) -> Input:
        if len(output.shape) != 2 or output.shape[1] < 2:
            raise ShapeError(
                f"SoftmaxCrossEntropy: need an output (B, C) of at least 2 classes; got "
                f"{output.shape}; for one output use BinaryCrossEntropy"
            )
        shape = shape_of(y, "SoftmaxCrossEntropy")
        if len(shape) == 2 and shape[1] == output.shape[1]:
            return Input("y", output.shape)
        return Input("y", (BATCH,), dtype="int32")

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return Meaning(CLASSES, LOGITS)

    def prediction(self, output: Node) -> Node:
        return ops.softmax(output)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.softmax_cross_entropy(
            output, target, weight=weight, label_smoothing=self.label_smoothing,
            ignore_index=self.ignore_index if target.dtype == "int32" else None,
            reduction=REDUCTIONS[self.reduction],
        )  # fmt: skip


class BinaryCrossEntropy(Loss):
    """l = log(1 + e^z) - t z of the logits z, averaged over a row's outputs; t in [0, 1]."""

    outputs_are = LOGITS
    twice = ("sigmoid", "softmax", "log_softmax")
    applies = "applies a sigmoid itself"
    target_range = (0.0, 1.0)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.binary_cross_entropy(output, target, reduction="none"), weight)


class Hinge(Loss):
    """l = max(0, 1 - t z), averaged over a row's outputs, with targets -1 and +1.

    Class labels 0 and 1 with one output count as -1 and +1.  With labels and C >= 2 outputs,
    l = max(0, 1 + max_{c != t} z_c - z_t) (Crammer and Singer 2001).
    """

    outputs_are = MARGINS
    twice = ("sigmoid", "softmax", "log_softmax")
    applies = "compares scores of any size with a margin of 1"

    def target_input(self, output: Node, y: Any) -> Input:
        if len(output.shape) == 2 and output.shape[1] > 1:
            shape = shape_of(y, "Hinge")
            if len(shape) == 1 or shape[1:] == (1,):
                return Input("y", (BATCH,), dtype="int32")
        return Input("y", output.shape)

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        rows = super().targets(target, output, y, dtype)
        if target.dtype == "int32":
            return rows
        if np.isin(rows, (0, 1)).all():
            rows = 2 * rows - 1
        wrong = np.abs(rows) != 1
        if wrong.any():
            row = int(np.argmax(wrong.any(axis=tuple(range(1, rows.ndim)))))
            raise DataError(
                f"Hinge: need targets -1 and 1, or 0 and 1; got {rows[row]} in row {row} of "
                f"{target.name}"
            )
        return rows

    def takes_plain(self, target: Input) -> bool:
        return type(self).targets is Hinge.targets and target.dtype == "int32"

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return super().meaning(output, target, y)._replace(middle=0.0)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.hinge(output, target, reduction="none"), weight)
