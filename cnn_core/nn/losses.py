"""Losses: what `Trainer` makes small.

Each is the mean over the rows of a batch, weighted where sample weights are given: sum_r w_r l_r
/ sum_r w_r.  A loss knows which targets it takes and the node that computes it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cnn_core import ops, options
from cnn_core.arrays import as_numbers
from cnn_core.data.targets import as_labels, as_targets
from cnn_core.errors import DataError, DtypeError, OptionError, ShapeError
from cnn_core.graph.node import BATCH, Input, Node
from cnn_core.naming import Keywords, hint
from cnn_core.nn.meaning import Meaning, of_values, yes_or_no


class Loss(Keywords, options.Fixable):
    """The base of all losses.  Once a `Trainer` has one, its options are fixed."""

    @property
    def any_finite_target(self) -> bool:
        """Whether every finite number of the right shape is a valid target: as `targets` has it."""
        return type(self).targets is Loss.targets

    twice: ClassVar[tuple[str, ...]] = ()
    """Operations that a network must not end in, since the loss ..."""
    applies: ClassVar[str] = ""
    """... does this to outputs, such as "applies a softmax itself"."""

    def target_input(self, output: Node, y: Any) -> Input:
        """Return the input that targets such as ``y`` are fed to, for the network's ``output``."""
        return Input("y", output.shape)

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        """Return ``y`` checked and in the layout of ``target``; raise what is wrong with it."""
        return as_targets(y, target.shape[1:], dtype=dtype, who=type(self).__name__)

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        """Return what outputs and the checked targets ``y`` mean: what `accuracy` and others ask.

        Here: that outputs come close to their targets, see `cnn_core.nn.meaning.of_values`.
        """
        return of_values(output, target, y)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        """Return the node of the loss: a scalar, or one number per row, (B,).

        Of rows the mean is taken, weighted by the sample weights; a scalar must have used
        ``weight`` itself, such as `cnn_core.ops.mse` does, if there are weights.  Where the
        scalar is a weighted mean of rows (`cnn_core.ops.row_mean`), an epoch's loss is that of
        all its rows; of any other scalar it is the mean over steps, each counted by its rows.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no build")

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k[0] != "_")
        return f"{type(self).__name__}({options})"


class SoftmaxCrossEntropy(Loss):
    """l_r = -sum_c t_rc log(softmax(z_r)_c) of the logits z (B, C).

    Targets are class labels (B,) from 0 to C - 1, or rows (B, C) of probabilities.  With
    ``label_smoothing`` s the target is (1 - s) t + s / C.  Rows labelled ``ignore_index`` count
    nothing.  The network ends in logits: a softmax layer before this loss would be one too many.
    """

    twice = ("softmax", "log_softmax", "sigmoid")
    applies = "applies a softmax itself"

    def __init__(self, label_smoothing: float = 0.0, ignore_index: int | None = None) -> None:
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

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        who = "SoftmaxCrossEntropy"
        if target.dtype == "int32":
            return as_labels(y, output.shape[1], who=who, ignore_index=self.ignore_index)
        rows = as_targets(y, target.shape[1:], dtype=dtype, who=who)
        _check_interval(rows, who, "probabilities")
        return rows

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return Meaning("classes", "logits")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.softmax_cross_entropy(
            output, target, weight=weight, label_smoothing=self.label_smoothing,
            ignore_index=self.ignore_index if target.dtype == "int32" else None, name="loss",
        )  # fmt: skip


class BinaryCrossEntropy(Loss):
    """l = log(1 + e^z) - t z of the logits z, averaged over a row's outputs; t in [0, 1]."""

    twice = ("sigmoid", "softmax", "log_softmax")
    applies = "applies a sigmoid itself"

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        rows = super().targets(target, output, y, dtype)
        _check_interval(rows, "BinaryCrossEntropy", "targets")
        return rows

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return yes_or_no(output, "logits")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.binary_cross_entropy(output, target, weight=weight, name="loss")


class MSE(Loss):
    """l = (p - t)^2, averaged over a row's outputs."""

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.mse(output, target, weight=weight, name="loss")


class MAE(Loss):
    """l = |p - t|, averaged over a row's outputs.  The subgradient at 0 is 0."""

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.mae(output, target, weight=weight, name="loss")


class Huber(Loss):
    """l = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), of e = p - t (Huber 1964)."""

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = options.number("Huber", delta, 0, open_at="low", option="delta")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.huber(output, target, weight=weight, delta=self.delta, name="loss")


class Hinge(Loss):
    """l = max(0, 1 - t z), averaged over a row's outputs, with targets -1 and +1.

    Class labels 0 and 1 with one output count as -1 and +1.  With labels and C >= 2 outputs,
    l = max(0, 1 + max_{c != t} z_c - z_t) (Crammer and Singer 2001).
    """

    twice = ("sigmoid", "softmax", "log_softmax")
    applies = "compares scores of any size with a margin of 1"

    def target_input(self, output: Node, y: Any) -> Input:
        if len(output.shape) == 2 and output.shape[1] > 1:
            shape = _shape(y, "Hinge")
            if len(shape) == 1 or shape[1:] == (1,):
                return Input("y", (BATCH,), dtype="int32")
        return Input("y", output.shape)

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        if target.dtype == "int32":
            return as_labels(y, output.shape[1], who="Hinge")
        rows = super().targets(target, output, y, dtype)
        if np.isin(rows, (0, 1)).all():
            rows = 2 * rows - 1
        wrong = np.abs(rows) != 1
        if wrong.any():
            row = int(np.argmax(wrong.any(axis=tuple(range(1, rows.ndim)))))
            raise DataError(
                f"Hinge: need targets -1 and 1, or 0 and 1; got {rows[row]} in row {row} of y"
            )
        return rows

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        if target.dtype == "int32":
            return Meaning("classes", "logits")
        return yes_or_no(output, "logits", middle=0.0)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.hinge(output, target, weight=weight, name="loss")


class Pinball(Loss):
    """l = max(q e, (q - 1) e) of e = t - p: its minimum is the q-quantile (Koenker 1978)."""

    def __init__(self, q: float) -> None:
        self.q = options.number("Pinball", q, 0, 1, open_at="low high", option="q")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.pinball(output, target, q=self.q, weight=weight, name="loss")


class Poisson(Loss):
    """l = e^z - t z of the logarithm z of the rate; counts t >= 0."""

    twice = ("exp", "softplus")
    applies = "takes the logarithm of the rate and applies exp itself"

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        rows = super().targets(target, output, y, dtype)
        if rows.min() < 0:
            row = int(np.argmax((rows < 0).any(axis=tuple(range(1, rows.ndim)))))
            raise DataError(f"Poisson: need counts >= 0; got {rows[row].min()} in row {row} of y")
        return rows

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return Meaning("real", "values")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return ops.poisson(output, target, weight=weight, name="loss")


LOSSES: dict[str, type[Loss]] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mse": MSE,
    "mae": MAE,
    "huber": Huber,
    "hinge": Hinge,
    "poisson": Poisson,
}
"""The losses by name, all but `Pinball`, which needs its quantile."""


def get(loss: str | Loss) -> Loss:
    """Return ``loss``, or a new one with default options for a name such as "mse"."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    meant = hint(loss, LOSSES)
    if isinstance(loss, type) and issubclass(loss, Loss):
        meant = f": write {loss.__name__}(...)"
    if isinstance(loss, str) and loss == "pinball":
        meant = ": write Pinball(q)"
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


def _check_interval(rows: np.ndarray, who: str, what: str) -> None:
    wrong = (rows < 0) | (rows > 1)
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=tuple(range(1, rows.ndim)))))
        value = rows[row][wrong[row]].flat[0]
        raise DataError(f"{who}: need {what} in [0, 1]; got {value} in row {row} of y")
