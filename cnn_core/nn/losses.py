"""Losses: what `Trainer` makes small.

Each is a mean over the rows of a batch.  A loss knows which targets it takes, what outputs and
targets mean to it, and the node that computes it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cnn_core import ops, options
from cnn_core.arrays import as_numbers
from cnn_core.data.targets import as_labels, as_targets
from cnn_core.errors import DataError, DtypeError, OptionError, ShapeError
from cnn_core.ir.node import BATCH, Input, Node
from cnn_core.naming import Keywords, hint
from cnn_core.nn.meaning import (
    CLASSES,
    LOGARITHMS,
    LOGITS,
    MARGINS,
    REAL,
    Meaning,
    of_values,
    yes_or_no,
)

REDUCTIONS = {"weighted_mean": "mean", "sum_over_batch": "sum_over_batch"}
"""What a loss makes of its rows' losses, and what the operations call it."""


class Loss(Keywords, options.Fixable):
    """The base of all losses: a mean of l_r over the rows r of a batch.

    ``reduction="weighted_mean"`` is sum_r w_r l_r / sum_r w_r (scikit-learn): of sample weights
    only the ratios matter, and rows of weight 0 are as if they were not there.
    ``"sum_over_batch"`` is sum_r w_r l_r / B (Keras; PyTorch's reduction="none" with a mean after
    it): twice the weights are twice the loss and the gradients, and B counts all rows of the batch,
    also those of weight 0 or with an ignored label.  Without weights both are the mean.

    Once a `Trainer` has a loss, its options are fixed.
    """

    reduction: str = "weighted_mean"

    outputs_are: ClassVar[str] = ""
    """What outputs are to the loss: "logits", "margins", "logarithms" of what targets are, or,
    where this is empty, numbers close to their targets.  Metrics go by it."""

    twice: ClassVar[tuple[str, ...]] = ()
    """Operations that a network must not end in, since the loss ..."""
    applies: ClassVar[str] = ""
    """... does this to outputs, such as "applies a softmax itself"."""

    def __init__(self, *, reduction: str = "weighted_mean") -> None:
        who = type(self).__name__
        self.reduction = options.choice(who, reduction, REDUCTIONS, option="reduction")

    target_range: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    """The interval of valid targets that are numbers, ends included, ..."""
    targets_are: ClassVar[str] = "targets"
    """... and what they are called."""

    def takes_plain(self, target: Input) -> bool:
        """Tell whether `targets` changes none and refuses no finite number in `target_range`, and
        of labels only those beyond the classes."""
        return type(self).targets is Loss.targets

    @property
    def goes_by_shape(self) -> bool:
        """Whether `target_input` looks at nothing of targets but their shape: that of a class of
        one's own may look at all."""
        return type(self).target_input.__module__ == __name__

    def target_input(self, output: Node, y: Any) -> Input:
        """Return the input that targets such as ``y`` are fed to, for the network's ``output``."""
        return Input("y", output.shape)

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        """Return ``y`` checked and in the layout of ``target``; raise what is wrong with it."""
        who = type(self).__name__
        if target.dtype == "int32" and len(output.shape) == 2:
            ignored = getattr(self, "ignore_index", None)
            return as_labels(y, output.shape[1], name=target.name, who=who, ignore_index=ignored)
        rows = as_targets(y, target.shape[1:], dtype=dtype, name=target.name, who=who)
        _check_interval(rows, *self.target_range, f"{who}: need {self.targets_are}", target.name)
        return rows

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        """Return what outputs and the checked targets ``y`` mean: what `accuracy` and others ask.

        Here: what `outputs_are` says; where it is empty, that outputs come close to their targets,
        see `cnn_core.nn.meaning.of_values`.
        """
        if self.outputs_are in (LOGITS, MARGINS):
            labels = target.dtype == "int32"
            scale = self.outputs_are
            return Meaning(CLASSES, scale) if labels else yes_or_no(output, scale)
        if self.outputs_are == LOGARITHMS:
            return Meaning(REAL, LOGARITHMS)
        return of_values(output, target, y)

    def prediction(self, output: Node) -> Node:
        """Return what outputs predict of targets: the mean of the distribution that they stand for.

        Here: the sigmoid of logits, exp of logarithms, others as they are.
        """
        if self.outputs_are == LOGITS:
            return ops.sigmoid(output)
        return ops.exp(output) if self.outputs_are == LOGARITHMS else output

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        """Return the node of the loss: a scalar, or one number per row, (B,).

        Of rows the mean is taken that ``reduction`` asks for; a scalar must have used ``weight``
        itself, such as with `over_rows`, if there are weights.  Where the scalar is `over_rows`, an
        epoch's loss is that of all its rows; of any other scalar it is the mean over steps, each
        counted by its rows.
        """
        raise OptionError(f"{type(self).__name__}: need a loss that defines build; got none")

    def over_rows(self, rows: Node, weight: Node | None) -> Node:
        """Return the mean of one number per row, (B,), that ``reduction`` asks for."""
        return ops.row_mean(rows, weight, reduction=REDUCTIONS[self.reduction])

    def __repr__(self) -> str:
        found = {k: v for k, v in vars(self).items() if k[0] != "_"}
        if found.get("reduction") == Loss.reduction:
            del found["reduction"]
        options = ", ".join(f"{k}={v!r}" for k, v in found.items())
        return f"{type(self).__name__}({options})"


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
        shape = _shape(y, "SoftmaxCrossEntropy")
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
            shape = _shape(y, "Hinge")
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


LOSSES: dict[str, type[Loss]] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mse": MSE,
    "mae": MAE,
    "huber": Huber,
    "hinge": Hinge,
    "pinball": Pinball,
    "poisson": Poisson,
}
"""The losses by name."""


def get(loss: str | Loss) -> Loss:
    """Return ``loss``, or a new one with default options for a name such as "mse"."""
    if isinstance(loss, Loss):
        if type(loss).build is Loss.build:
            raise options.refuse("Trainer", "a loss whose class defines build", loss)
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    meant = hint(loss, LOSSES)
    if isinstance(loss, type) and issubclass(loss, Loss):
        meant = f": write {loss.__name__}(...)"
    raise OptionError(
        f"Trainer: need a loss such as cnn.MSE() or one of {', '.join(LOSSES)}; "
        f"got {options.shown(loss)}{meant}"
    )


def _shape(y: Any, who: str) -> tuple[int, ...]:
    """Return the shape of targets; () for what are no numbers: the door for labels says why."""
    try:
        return as_numbers(y, who=who, name="y").shape
    except DtypeError:
        return ()


def _check_interval(rows: np.ndarray, low: float, high: float, need: str, name: str) -> None:
    if (low == -np.inf or rows.min() >= low) and (high == np.inf or rows.max() <= high):
        return
    wrong = (rows < low) | (rows > high)
    row = int(np.argmax(wrong.any(axis=tuple(range(1, rows.ndim)))))
    value = rows[row][wrong[row]].flat[0]
    where = f"in [{low:g}, {high:g}]" if high < np.inf else f">= {low:g}"
    raise DataError(f"{need} {where}; got {value} in row {row} of {name}")
