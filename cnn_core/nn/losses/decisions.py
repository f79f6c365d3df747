"""Losses of decisions: classes, and questions that yes or no answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import BATCH, Constant, Input, Node
from cnn_core.nn.losses.base import REDUCTIONS, Loss, check_among, mean_of_row, shape_of
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
        _need_classes(self, output, "BinaryCrossEntropy")
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
            shape = shape_of(y, type(self).__name__)
            if len(shape) == 1 or shape[1:] == (1,):
                return Input("y", (BATCH,), dtype="int32")
        return Input("y", output.shape)

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        rows = super().targets(target, output, y, dtype)
        if target.dtype == "int32":
            return rows
        if np.isin(rows, (0, 1)).all():
            rows = 2 * rows - 1
        need = f"{type(self).__name__}: need targets -1 and 1, or 0 and 1"
        check_among(rows, (-1, 1), need, target.name)
        return rows

    def takes_plain(self, target: Input) -> bool:
        return type(self).targets is Hinge.targets and target.dtype == "int32"

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return super().meaning(output, target, y)._replace(middle=0.0)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.hinge(output, target, reduction="none"), weight)


class SquaredHinge(Hinge):
    """l = max(0, 1 - t z)^2, averaged over a row's outputs, with targets -1 and +1.

    Targets are those of `Hinge`; with labels and C >= 2 outputs l is the square of its loss.
    (Keras' squared_hinge.)
    """

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        if target.dtype == "int32":
            rows = ops.square(ops.hinge(output, target, reduction="none"))
        else:
            rows = mean_of_row(ops.square(ops.relu(1.0 - output * target)))
        return self.over_rows(rows, weight)


class MultiMargin(Loss):
    """l = sum_{c != t} max(0, margin - z_t + z_c)^p / C of the scores z (B, C); p is 1 or 2.

    Targets are class labels (B,) from 0 to C - 1.  (torch.nn.MultiMarginLoss; `Hinge` takes the
    largest term alone.)  Source: Weston, Watkins 1999.
    """

    outputs_are = MARGINS
    twice = ("sigmoid", "softmax", "log_softmax")
    applies = "compares scores of any size with a margin"

    def __init__(
        self, margin: float = 1.0, p: int = 1, *, reduction: str = "weighted_mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.margin = options.amount("MultiMargin", margin, open_at="low", option="margin")
        self.p = options.whole("MultiMargin", p, 1, 2, option="p")

    def target_input(self, output: Node, y: Any) -> Input:
        _need_classes(self, output, "Hinge")
        return Input("y", (BATCH,), dtype="int32")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        own = ops.reshape(ops.take(output, target, axis=1), (BATCH, 1))
        terms = ops.relu(output - own + self.margin)  # of the label too: margin, and no gradient
        terms = ops.square(terms) if self.p == 2 else terms
        c = output.shape[1]
        return self.over_rows(ops.mean(terms, axis=1) - self.margin**self.p / c, weight)


class Focal(Loss):
    """l = -alpha_t (1 - p_t)^gamma log p_t of the label t, with p = softmax(z) of logits z (B, C).

    Rows that are right already count less, the more so the larger ``gamma``; with 0 it is
    `SoftmaxCrossEntropy`.  ``alpha``, C numbers, weighs the classes; None: all alike.  Targets are
    class labels (B,).  Source: Lin et al. 2017.  For one output, or several questions of yes or
    no, `BinaryFocal`.
    """

    outputs_are = LOGITS
    twice = ("softmax", "log_softmax", "sigmoid")
    applies = "applies a softmax itself"

    def __init__(
        self, gamma: float = 2.0, alpha: Sequence[float] | None = None, *,
        reduction: str = "weighted_mean",
    ) -> None:  # fmt: skip
        super().__init__(reduction=reduction)
        self.gamma = options.amount("Focal", gamma, option="gamma")
        self.alpha = alpha
        if alpha is not None:
            found = options.items("Focal", alpha, "numbers, alpha")
            self.alpha = tuple(options.amount("Focal", a, option="alpha") for a in found)

    def target_input(self, output: Node, y: Any) -> Input:
        _need_classes(self, output, "BinaryFocal")
        if self.alpha is not None and len(self.alpha) != output.shape[1]:
            raise OptionError(
                f"Focal: need alpha, a number for each of {output.shape[1]} classes; got "
                f"{len(self.alpha)}"
            )
        return Input("y", (BATCH,), dtype="int32")

    def prediction(self, output: Node) -> Node:
        return ops.softmax(output)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        rows = cost = ops.softmax_cross_entropy(output, target, reduction="none")
        if self.gamma != 0:
            # 1 - p = 1 - e^-l, which would cancel where p is close to 1: tanh(l / 2) (1 + e^-l).
            missed = ops.tanh(cost * 0.5) * (ops.exp(-cost) + 1.0)
            rows = rows * (missed if self.gamma == 1 else ops.power(missed, self.gamma))
        if self.alpha is not None:
            rows = rows * ops.take(Constant(self.alpha), target)
        return self.over_rows(rows, weight)


class BinaryFocal(Loss):
    """l = -alpha_t (1 - p_t)^gamma log p_t, averaged over a row's outputs, of logits z.

    p_t is sigmoid(z) where the target t is 1, else 1 - sigmoid(z); alpha_t is ``alpha`` where t is
    1, else 1 - alpha; with None both are 1.  A target in between is that share of both.  Source:
    Lin et al. 2017 (torchvision's sigmoid_focal_loss, which has alpha=0.25).
    """

    outputs_are = LOGITS
    twice = ("sigmoid", "softmax", "log_softmax")
    applies = "applies a sigmoid itself"
    target_range = (0.0, 1.0)

    def __init__(
        self, gamma: float = 2.0, alpha: float | None = None, *, reduction: str = "weighted_mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.gamma = options.amount("BinaryFocal", gamma, option="gamma")
        self.alpha = alpha
        if alpha is not None:
            self.alpha = options.number("BinaryFocal", alpha, 0, 1, option="alpha")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        yes, no = ops.softplus(-output), ops.softplus(output)  # -log p, -log(1 - p) of any size
        terms = target * self._missed(yes, no, self.alpha)
        other = None if self.alpha is None else 1 - self.alpha
        terms = terms + (1.0 - target) * self._missed(no, yes, other)
        return self.over_rows(mean_of_row(terms), weight)

    def _missed(self, cost: Node, others: Node, share: float | None) -> Node:
        """Return ``share`` (1 - p)^gamma times the ``cost`` -log p; ``others`` is -log(1 - p)."""
        if self.gamma != 0:
            cost = cost * ops.exp(others * -self.gamma)
        return cost if share is None else cost * share


class KLDivergence(Loss):
    """l = sum_c t_c (log t_c - log softmax(z)_c) of the logits z (B, C); 0 log 0 counts as 0.

    Targets are rows (B, C) of probabilities.  The gradient is that of `SoftmaxCrossEntropy`; the
    value is 0 where the distributions are the same.  (torch.nn.KLDivLoss with
    reduction="batchmean" of log_softmax(z).)
    """

    outputs_are = LOGITS
    twice = ("softmax", "log_softmax", "sigmoid")
    applies = "applies a softmax itself"
    target_range = (0.0, 1.0)
    targets_are = "probabilities"

    def target_input(self, output: Node, y: Any) -> Input:
        _need_classes(self, output, "BinaryCrossEntropy")
        return Input("y", output.shape)

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return Meaning(CLASSES, LOGITS)

    def prediction(self, output: Node) -> Node:
        return ops.softmax(output)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        # The logarithm of what is no number in float32 is not asked for.
        known = ops.sum(target * ops.log(ops.maximum(target, 1e-37)), axis=1)
        crossed = ops.softmax_cross_entropy(output, target, reduction="none")
        return self.over_rows(crossed + known, weight)


def _need_classes(loss: Loss, output: Node, instead: str) -> None:
    """Raise `ShapeError` unless the output is (B, C), C >= 2; ``instead`` takes a single one."""
    if len(output.shape) != 2 or output.shape[1] < 2:
        raise ShapeError(
            f"{type(loss).__name__}: need an output (B, C) of at least 2 classes; got "
            f"{output.shape}; for one output use {instead}"
        )
