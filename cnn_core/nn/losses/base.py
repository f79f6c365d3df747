"""Loss: the base of all losses."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cnn_core import ops, options
from cnn_core.arrays import as_numbers
from cnn_core.data.targets import as_labels, as_targets
from cnn_core.errors import DataError, DtypeError, OptionError
from cnn_core.ir.node import Input, Node
from cnn_core.naming import Described
from cnn_core.nn.meaning import (
    CLASSES,
    LOGARITHMS,
    LOGITS,
    MARGINS,
    PARAMETERS,
    REAL,
    Meaning,
    of_values,
    yes_or_no,
)

REDUCTIONS = {"weighted_mean": "mean", "sum_over_batch": "sum_over_batch"}
"""What a loss makes of its rows' losses, and what the operations call it."""


class Loss(Described, options.Fixable):
    """The base of all losses: a mean of l_r over the rows r of a batch.

    ``reduction="weighted_mean"`` is sum_r w_r l_r / sum_r w_r (scikit-learn): of sample weights
    only the ratios matter, and rows of weight 0 are as if they were not there.
    ``"sum_over_batch"`` is sum_r w_r l_r / B (Keras; PyTorch's reduction="none" with a mean after
    it): twice the weights are twice the loss and the gradients, and B counts all rows of the batch,
    also those of weight 0 or with an ignored label.  Without weights both are the mean.

    Once a `Trainer` has a loss, its options are fixed.  Sums over rows are made in double.  Targets
    that a loss cannot take raise `ShapeError`, `DtypeError`, `LabelError` or `DataError`, which
    name the row; a bad option raises `OptionError`.

    A loss of one's own defines `build`, of nodes:

    >>> class Quartic(cnn.Loss):
    ...     def build(self, output, target, weight):
    ...         rows = cnn.ops.mean(cnn.ops.square(cnn.ops.square(output - target)), axis=1)
    ...         return self.over_rows(rows, weight)
    >>> net = cnn.Sequential([cnn.Scale()], inputs=1, dtype="float64")
    >>> trainer = cnn.Trainer(net, loss=Quartic())
    >>> trainer.evaluate([[0.0], [2.0]], [[1.0], [0.0]])
    {'loss': 8.5}
    >>> trainer.evaluate([[0.0], [2.0]], [[1.0], [0.0]], sample_weight=[3, 1])
    {'loss': 4.75}
    """

    reduction: str = "weighted_mean"

    outputs_are: ClassVar[str] = ""
    """What outputs are to the loss: "logits", "margins", "logarithms" of what targets are,
    "parameters" of their distribution, or, where this is empty, numbers close to their targets.
    Metrics go by it."""

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
    def who(self) -> str:
        """What messages call it."""
        return type(self).__name__

    @property
    def goes_by_shape(self) -> bool:
        """Whether `target_input` looks at nothing of targets but their shape: that of a class of
        one's own may look at all."""
        return type(self).target_input.__module__.startswith(__package__)

    def target_input(self, output: Node, y: Any) -> Input:
        """Return the input that targets such as ``y`` are fed to, for the network's ``output``."""
        return Input("y", output.shape)

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        """Return ``y`` checked and in the layout of ``target``; raise what is wrong with it."""
        who = self.who
        if target.dtype == "int32" and len(output.shape) == 2:
            ignored = getattr(self, "ignore_index", None)
            return as_labels(y, output.shape[1], name=target.name, who=who, ignore_index=ignored)
        rows = as_targets(y, target.shape[1:], dtype=dtype, name=target.name, who=who)
        check_interval(rows, *self.target_range, f"{who}: need {self.targets_are}", target.name)
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
        if self.outputs_are in (LOGARITHMS, PARAMETERS):
            return Meaning(REAL, self.outputs_are)
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


def mean_of_row(x: Node) -> Node:
    """Return the mean of each row's elements, (B,)."""
    axes = tuple(range(1, len(x.shape)))
    return ops.mean(x, axis=axes) if axes else x


def shape_of(y: Any, who: str) -> tuple[int, ...]:
    """Return the shape of targets; () for what are no numbers: the door for labels says why."""
    try:
        return as_numbers(y, who=who, name="y").shape
    except DtypeError:
        return ()


def check_among(rows: np.ndarray, known: tuple[int, int], need: str, name: str) -> None:
    """Raise `DataError`, naming the row, unless each element is one of the two ``known``."""
    right = (rows == known[0]) | (rows == known[1])
    if not right.all():
        row = int(np.argmin(right.all(axis=tuple(range(1, rows.ndim)))))
        raise DataError(f"{need}; got {rows[row]} in row {row} of {name}")


def check_interval(rows: np.ndarray, low: float, high: float, need: str, name: str) -> None:
    if (low == -np.inf or rows.min() >= low) and (high == np.inf or rows.max() <= high):
        return
    wrong = (rows < low) | (rows > high)
    row = int(np.argmax(wrong.any(axis=tuple(range(1, rows.ndim)))))
    value = rows[row][wrong[row]].flat[0]
    where = f"in [{low:g}, {high:g}]" if high < np.inf else f">= {low:g}"
    raise DataError(f"{need} {where}; got {value} in row {row} of {name}")
