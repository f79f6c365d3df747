"""Metrics: what training and evaluation report beside the loss, by name.

Each here is an operation that adds up sums over batches in C, and a formula that makes a number
of the sums; `row_metrics` has those that need all rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from cnn_core import ops, options
from cnn_core.errors import OptionError
from cnn_core.ir.node import Node
from cnn_core.naming import hint
from cnn_core.nn.meaning import (
    CLASSES,
    DECISIONS,
    LOGITS,
    MARGINS,
    PROBABILITIES,
    VALUES,
    Meaning,
    as_numbers_of_yes,
    last_operation,
    yes_or_no,
)
from cnn_core.train.metric import FunctionMetric, Metric, RowMetric, shown_output
from cnn_core.train.row_metrics import AUC, F1, AveragePrecision, BalancedAccuracy

_TAKEN = ("loss", "seconds")
"""What a history holds besides metrics."""

_TINY = 2.0**-52


class Accuracy(Metric):
    """The share of decisions that are right.

    Classes: rows whose largest output is at the label, or at the largest target.  Yes-or-no
    questions, one or several to a row: outputs on that side of the threshold on which the target
    is, the mean over all elements (Keras' binary_accuracy).  The loss says which it is and where
    the threshold lies, see `cnn_core.nn.meaning`.  Refused for targets that are real numbers.
    """

    name = "accuracy"
    higher_is_better = True
    kinds = DECISIONS
    needs_meaning = True

    def build(
        self, output: Node, target: Node, weight: Node | None, ignore: int | None,
        meaning: Meaning | None = None,
    ) -> Node:  # fmt: skip
        m = meaning or _of_logits(output)
        return ops.metric_accuracy(
            output, target, weight=weight, ignore_index=ignore, columns=m.kind != CLASSES,
            threshold=m.threshold, middle=m.middle,
        )  # fmt: skip


class TopK(Metric):
    """The share of rows whose label, or largest target, is among the ``k`` largest outputs (B, C).

    By name "top_<k>".  For classes alone; ``k`` is a whole number from 1 on; others raise
    `OptionError`.

    >>> net = cnn.Sequential([cnn.Scale()], inputs=4)            # gives its scores as they are
    >>> trainer = cnn.Trainer(net, loss="softmax_cross_entropy", metrics=["accuracy", cnn.TopK(2)])
    >>> scores, labels = [[4, 3, 2, 1], [4, 3, 2, 1]], [1, 3]
    >>> found = trainer.evaluate(scores, labels)
    >>> found["accuracy"], found["top_2"]
    (0.0, 0.5)
    """

    higher_is_better = True
    kinds = (CLASSES,)

    def __init__(self, k: int = 5) -> None:
        self.k = options.whole("TopK", k, option="k")
        self.name = f"top_{self.k}"

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_accuracy(output, target, k=self.k, weight=weight, ignore_index=ignore)


class LogLoss(Metric):
    """The mean of -log p of the target.

    Of classes p comes from a softmax, of yes-or-no questions from a sigmoid, the mean over a
    row's questions; from the network's own if it ends in one and the loss takes probabilities.
    Targets -1 and 1 count as 0 and 1.  Label smoothing is left out.
    """

    name = "log_loss"
    higher_is_better = False
    kinds = DECISIONS
    scales = (LOGITS, MARGINS, PROBABILITIES)
    needs_meaning = True

    def build(
        self, output: Node, target: Node, weight: Node | None, ignore: int | None,
        meaning: Meaning | None = None,
    ) -> Node:  # fmt: skip
        m = meaning or _of_logits(output)
        logits, classes = self._logits(output, m)
        if target.dtype == "real":
            target = as_numbers_of_yes(m, target)
        if not classes:
            rows = ops.binary_cross_entropy(logits, target, reduction="none")
            return ops.metric_mean(rows, weight)
        rows = ops.softmax_cross_entropy(logits, target, ignore_index=ignore, reduction="none")
        if ignore is not None:
            weight = ops.label_weight(target, weight, ignore_index=ignore)
        return ops.metric_mean(rows, weight)

    def _logits(self, output: Node, m: Meaning) -> tuple[Node, bool]:
        """Return the logits, and whether a softmax makes probabilities of them, or a sigmoid."""
        if m.scale in (LOGITS, MARGINS):
            return output, m.kind == CLASSES
        last = last_operation(output)
        softmax = last.op == "softmax" and m.kind == CLASSES
        if m.scale == PROBABILITIES and (softmax or last.op == "sigmoid"):
            return last.inputs[0], softmax
        raise OptionError(
            f"{self.name}: need probabilities, from a softmax or sigmoid in the end or from a loss "
            f"on logits; got {shown_output(output)}, which ends in neither: use accuracy or auc"
        )


class _Closeness(Metric):
    """A metric of how close outputs are to their targets.

    Where they are logits or logarithms it is that of `Loss.prediction`: of the probabilities or
    rates that the loss makes of them.  Margins are not close to anything, and labels no numbers.
    """

    higher_is_better = False
    scales = (VALUES, PROBABILITIES)


class MeanAbsoluteError(_Closeness):
    """The mean of |p - t| over all elements."""

    name = "mae"

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_mean(ops.mae(output, target, reduction="none"), weight)


class MeanAbsolutePercentageError(_Closeness):
    """The mean of |p - t| / max(|t|, 2^-52) over all elements: 0.1 for a tenth.

    (scikit-learn's mean_absolute_percentage_error.)
    """

    name = "mape"

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        share = ops.abs(output - target) / ops.maximum(ops.abs(target), _TINY)
        axes = tuple(range(1, len(output.shape)))
        return ops.metric_mean(ops.mean(share, axis=axes) if axes else share, weight)


class MeanSquaredError(_Closeness):
    """The mean of (p - t)^2 over all elements."""

    name = "mse"

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_mean(ops.mse(output, target, reduction="none"), weight)


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of (p - t)^2 over all elements."""

    name = "rmse"

    def finish(self, mean: float) -> float:
        return sqrt(mean)


class R2(_Closeness):
    """1 - sum (p - t)^2 / sum (t - mean t)^2, the mean over outputs (scikit-learn's r2_score)."""

    name = "r2"
    higher_is_better = True

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_r2(output, target, weight=weight)


METRICS: dict[str, type[Metric]] = {
    m.name: m
    for m in (
        Accuracy, LogLoss, MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError, R2,
        MeanAbsolutePercentageError, AUC, AveragePrecision, BalancedAccuracy, F1,
    )
}  # fmt: skip


def get(metrics: Iterable[Any]) -> list[Metric]:
    """Return a `Metric` for each name, metric or function (targets, outputs) -> number.

    ``top_5`` and the like stand for `TopK`.
    """
    if isinstance(metrics, (str, Metric)) or callable(metrics):
        metrics = [metrics]
    found = [_get(m) for m in options.items("metrics", metrics, "names or metrics", "list")]
    names = [m.name for m in found]
    for name in names:
        if not isinstance(name, str) or not name or name in _TAKEN or name.startswith("val_"):
            raise OptionError(
                f"metrics: need names other than {', '.join(_TAKEN)} and val_...; got {name!r}"
            )
    if len(set(names)) < len(names):
        raise OptionError(f"metrics: need each once; got {', '.join(names)}")
    return found


def _get(metric: Any) -> Metric:
    if isinstance(metric, Metric):
        base, method = Metric, "build"
        if isinstance(metric, RowMetric):
            base, method = RowMetric, "compute"
        if getattr(type(metric), method) is getattr(base, method):
            raise options.refuse("metrics", f"a metric whose class defines {method}", metric)
        return metric
    if isinstance(metric, str) and metric.startswith("top_") and metric[4:].isdecimal():
        return TopK(int(metric[4:]))
    if callable(metric) and not isinstance(metric, type):
        return FunctionMetric(metric)
    if not isinstance(metric, str) or metric not in METRICS:
        raise OptionError(
            f"metrics: need some of {', '.join(METRICS)}, top_<k>; got {options.shown(metric)}"
            f"{_meant(metric)}"
        )
    return METRICS[metric]()


def _meant(metric: Any) -> str:
    if isinstance(metric, type) and issubclass(metric, Metric):
        return f": write {metric.__name__}()"
    return hint(metric, METRICS)


def _of_logits(output: Node) -> Meaning:
    """Return what outputs mean where no loss has said it."""
    meaning = yes_or_no(output, LOGITS)
    return meaning if meaning.kind == "binary" else Meaning(CLASSES, LOGITS)
