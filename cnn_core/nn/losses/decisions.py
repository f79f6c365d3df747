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

    A label outside raises `LabelError`.  (torch.nn.CrossEntropyLoss.)

    >>> net = cnn.Sequential([cnn.Dense(3)], inputs=3, seed=0)
    >>> loss = cnn.SoftmaxCrossEntropy(label_smoothing=0.1, ignore_index=-1)
    >>> trainer = cnn.Trainer(net, loss=loss, optimizer=cnn.Adam(lr=0.1))
    >>> history = trainer.fit(np.eye(3), [2, 0, -1], epochs=50, progress=False)
    >>> trainer.predict_classes(np.eye(3)[:2])
    array([2, 0])
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
    """l = log(1 + e^z) - t z of the logits z, averaged over a row's outputs; t in [0, 1].

    z and t are (B, N), or (B,).  Targets outside [0, 1] raise `DataError`.  (torch.nn's
    BCEWithLogitsLoss.)

    >>> net = cnn.Sequential([cnn.Dense(1, init="ones", bias_init="zeros")], inputs=1)
    >>> trainer = cnn.Trainer(net, loss=cnn.BinaryCrossEntropy())
    >>> round(trainer.evaluate([[0.0]], [[1]])["loss"], 4)       # log 2: a logit of 0 says p = 1/2
    0.6931
    >>> trainer.predict_proba([[0.0]])
    array([[0.5]], dtype=float32)
    """

    outputs_are = LOGITS
    twice = ("sigmoid", "softmax", "log_softmax")
    applies = "applies a sigmoid itself"
    target_range = (0.0, 1.0)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.binary_cross_entropy(output, target, reduction="none"), weight)


class Hinge(Loss):
    """l = max(0, 1 - t z), averaged over a row's outputs, with targets -1 and +1.

    z and t are (B, N).  Targets 0 and 1 count as -1 and +1; others raise `DataError`.  With labels
    (B,) and C >= 2 outputs,
    l = max(0, 1 + max_{c != t} z_c - z_t) (Crammer and Singer 2001).

    >>> z, t = cnn.Input("z", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
    >>> graph = cnn.Graph(cnn.Hinge().build(z, t, None))
    >>> graph.forward(z=[[0.5], [2.0]], t=[[1], [1]])            # 0.5 and 0: the margin is kept
    0.25
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

    >>> z, t = cnn.Input("z", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
    >>> graph = cnn.Graph(cnn.SquaredHinge().build(z, t, None))
    >>> graph.forward(z=[[0.5], [2.0]], t=[[1], [1]])
    0.125
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

    >>> z, t = cnn.Input("z", (cnn.BATCH, 4)), cnn.Input("t", (cnn.BATCH,), dtype="int32")
    >>> graph = cnn.Graph(cnn.MultiMargin().build(z, t, None))
    >>> graph.forward(z=[[0.5, 1.0, 0.25, 0.0]], t=[1])          # (0.5 + 0.25 + 0) / 4
    0.1875
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

    >>> z, t = cnn.Input("z", (cnn.BATCH, 2)), cnn.Input("t", (cnn.BATCH,), dtype="int32")
    >>> easy, hard = {"z": [[3, 0]], "t": [0]}, {"z": [[3, 0]], "t": [1]}
    >>> for loss in (cnn.SoftmaxCrossEntropy(), cnn.Focal(gamma=2)):
    ...     graph = cnn.Graph(loss.build(z, t, None))
    ...     print(round(graph.forward(**easy), 4), round(graph.forward(**hard), 4))
    0.0486 3.0486
    0.0001 2.7663
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
    """l = -alpha_t (1 - p_t)^gamma log p_t, the mean over a row, of logits z (B, N).

    p_t is sigmoid(z) where the target t is 1, else 1 - sigmoid(z); alpha_t is ``alpha`` where t is
    1, else 1 - alpha; with None both are 1.  A target in between is that share of both.  Source:
    Lin et al. 2017 (torchvision's sigmoid_focal_loss, which has alpha=0.25).

    >>> z, t = cnn.Input("z", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
    >>> graph = cnn.Graph(cnn.BinaryFocal(gamma=2, alpha=0.25).build(z, t, None))
    >>> round(graph.forward(z=[[3]], t=[[1]]), 5), round(graph.forward(z=[[3]], t=[[0]]), 5)
    (3e-05, 2.07471)
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

    >>> z, t = cnn.Input("z", (cnn.BATCH, 2)), cnn.Input("t", (cnn.BATCH, 2))
    >>> graph = cnn.Graph(cnn.KLDivergence().build(z, t, None))
    >>> round(graph.forward(z=[[0, 0]], t=[[1, 0]]), 4)          # log 2
    0.6931
    >>> round(abs(graph.forward(z=[[0, 0]], t=[[0.5, 0.5]])), 12)
    0.0
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
