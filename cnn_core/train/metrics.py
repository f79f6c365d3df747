"""Metrics: what training and evaluation report beside the loss.

Each is an operation that adds up sums over batches in C, and a formula that makes a number of
the sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from cnn_core import ops, options
from cnn_core.errors import OptionError
from cnn_core.graph.node import Node
from cnn_core.naming import Described, hint


class Metric(Described, options.Fixable):
    """The base of all metrics.  ``name`` is its key in histories and results.

    ``higher_is_better`` says which way is better: True, False, or None for unknown, where
    `EarlyStopping` asks for its ``mode``.  Once a `Trainer` has one, its options are fixed.
    """

    name = ""
    higher_is_better: bool | None = None

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        """Return the node that adds up this metric's sums; rows labelled ``ignore`` count nothing.

        The node's ``finish(sums)`` makes a number of them.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no build")

    def finish(self, value: float) -> float:
        """Return the metric of what the node made of its sums: by default just that."""
        return value


class Accuracy(Metric):
    """The share of rows whose largest output is at the label; of one output: whose sign fits."""

    name = "accuracy"
    higher_is_better = True

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_accuracy(output, target, weight=weight, ignore_index=ignore)


class TopK(Metric):
    """The share of rows whose label is among the ``k`` largest outputs."""

    higher_is_better = True

    def __init__(self, k: int = 5) -> None:
        self.k = options.whole("TopK", k, option="k")
        self.name = f"top_{self.k}"

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_top_k(output, target, self.k, weight=weight, ignore_index=ignore)


class LogLoss(Metric):
    """The mean of -log p of the target, p from the softmax or, of one output, the sigmoid."""

    name = "log_loss"
    higher_is_better = False

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        if output.shape[1:] in ((), (1,)):
            rows = ops.binary_cross_entropy(output, target, reduction="none")
            return ops.metric_mean(rows, weight)
        rows = ops.softmax_cross_entropy(output, target, ignore_index=ignore, reduction="none")
        if ignore is not None:
            weight = ops.label_weight(target, weight, ignore_index=ignore)
        return ops.metric_mean(rows, weight)


class MeanAbsoluteError(Metric):
    """The mean of |p - t| over all elements."""

    name = "mae"
    higher_is_better = False

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_mean(ops.mae(output, target, reduction="none"), weight)


class MeanSquaredError(Metric):
    """The mean of (p - t)^2 over all elements."""

    name = "mse"
    higher_is_better = False

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_mean(ops.mse(output, target, reduction="none"), weight)


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of (p - t)^2 over all elements."""

    name = "rmse"

    def finish(self, mean: float) -> float:
        return sqrt(mean)


class R2(Metric):
    """1 - sum (p - t)^2 / sum (t - mean t)^2, the mean over outputs (scikit-learn's r2_score)."""

    name = "r2"
    higher_is_better = True

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        return ops.metric_r2(output, target, weight=weight)


METRICS: dict[str, type[Metric]] = {
    m.name: m
    for m in (Accuracy, LogLoss, MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError, R2)
}


def get(metrics: Iterable[str | Metric]) -> list[Metric]:
    """Return a `Metric` for each name or metric; ``top_5`` and the like stand for `TopK`."""
    if isinstance(metrics, (str, Metric)):
        metrics = [metrics]
    if not isinstance(metrics, Iterable):
        raise OptionError(f"metrics: need a list of names or metrics; got {metrics!r}")
    found = [_get(m) for m in metrics]
    names = [m.name for m in found]
    if len(set(names)) < len(names):
        raise OptionError(f"metrics: need each once; got {', '.join(names)}")
    return found


def _get(metric: Any) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str) and metric.startswith("top_") and metric[4:].isdecimal():
        return TopK(int(metric[4:]))
    if not isinstance(metric, str) or metric not in METRICS:
        raise OptionError(
            f"metrics: need some of {', '.join(METRICS)}, top_<k>; got {metric!r}"
            f"{hint(metric, METRICS)}"
        )
    return METRICS[metric]()
