"""Metric: the base of what training and evaluation report beside the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from cnn_core import options
from cnn_core.errors import DtypeError, OptionError
from cnn_core.ir.node import Node
from cnn_core.naming import Described
from cnn_core.nn.meaning import (
    BINARY,
    CLASSES,
    LOGARITHMS,
    LOGITS,
    MARGINS,
    MULTILABEL,
    PARAMETERS,
    PROBABILITIES,
    REAL,
    VALUES,
    Meaning,
)

_KINDS = {
    CLASSES: "classes",
    BINARY: "one yes-or-no question to a row",
    MULTILABEL: "a yes-or-no question to each output",
    REAL: "numbers",
}
_SCALES = {
    LOGITS: "logits",
    MARGINS: "margins",
    PROBABILITIES: "probabilities",
    VALUES: "other numbers",
    LOGARITHMS: "logarithms",
    PARAMETERS: "parameters of a distribution",
}
_INSTEAD = {
    CLASSES: "accuracy, top_<k>, log_loss or auc",
    BINARY: "accuracy, f1 or auc",
    MULTILABEL: "accuracy, f1 or auc",
    REAL: "mae, rmse or r2",
    LOGITS: "accuracy, log_loss or auc",
    MARGINS: "accuracy, log_loss or auc",
    PROBABILITIES: "accuracy, log_loss or auc",
    VALUES: "mae, rmse or r2",
    LOGARITHMS: "mae, rmse or r2",
    PARAMETERS: "mae, rmse or r2",
}
"""What fits outputs of this kind or scale."""


class Metric(Described, options.Fixable):
    """The base of all metrics.  ``name`` is its key in histories and results.

    ``higher_is_better`` says which way is better: True, False, or None for unknown, where
    `EarlyStopping` asks for its ``mode``.  ``kinds`` and ``scales`` say which outputs it fits, of
    those that a `Meaning` knows; any where they are empty.  Others are refused before the first
    step; where the scale does not fit, but that of the loss's `cnn_core.Loss.prediction` does,
    `build` gets this for the output.  With ``weighted`` rows count by their sample weights, else
    all of a weight above 0 alike.

    With ``needs_meaning``, `build` gets a fifth argument, the `Meaning` of outputs and targets,
    which the loss gives: whether they are classes, yes-or-no questions or numbers, and what is
    above which threshold.  Once a `Trainer` has a metric, its options are fixed.

    >>> class Bias(cnn.Metric):
    ...     name, higher_is_better = "bias", None
    ...     def build(self, output, target, weight, ignore):
    ...         rows = cnn.ops.mean(output - target, axis=1)
    ...         return cnn.ops.metric_mean(rows, weight)
    >>> net = cnn.Sequential([cnn.Scale()], inputs=1)
    >>> trainer = cnn.Trainer(net, loss="mse", metrics=[Bias()])
    >>> trainer.evaluate([[1.0], [2.0]], [[0.0], [0.0]])
    {'loss': 2.5, 'bias': 1.5}
    """

    name = ""
    higher_is_better: bool | None = None
    kinds: ClassVar[tuple[str, ...]] = ()
    scales: ClassVar[tuple[str, ...]] = ()
    weighted = True
    needs_meaning = False

    @property
    def asks(self) -> bool:
        """Whether it depends on what outputs and targets mean."""
        return self.needs_meaning or bool(self.kinds)

    def build(self, output: Node, target: Node, weight: Node | None, ignore: int | None) -> Node:
        """Return the node that adds up this metric's sums; rows labelled ``ignore`` count nothing.

        The node's ``finish(sums)`` makes a number of them: `cnn_core.ops.metric_mean` of one
        number per row, or another of the operations called metric.
        """
        raise OptionError(f"{type(self).__name__}: need a metric that defines build; got none")

    def finish(self, value: float) -> float:
        """Return the metric of what the node made of its sums: by default just that."""
        return value


class RowMetric(Metric):
    """The base of metrics that need all rows at once, and so no sums over batches.

    `Trainer.evaluate` and the validation of a fit collect the outputs, (N, outputs) numbers, and
    report them; a fit reports none for its training rows, whose outputs it does not keep.

    ``compute`` gets arrays.  A function of (targets, outputs) does too, and needs no class.

    >>> class Worst(cnn.train.RowMetric):
    ...     name, higher_is_better = "worst", False
    ...     def compute(self, targets, outputs, weights, meaning):
    ...         return float(np.abs(outputs - targets).max())
    >>> net = cnn.Sequential([cnn.Scale()], inputs=1)
    >>> trainer = cnn.Trainer(net, loss="mse", metrics=[Worst()])
    >>> trainer.evaluate([[1.0], [2.0]], [[0.0], [0.0]])
    {'loss': 2.5, 'worst': 2.0}
    """

    needs_meaning = True

    def check_weights(self) -> None:
        """Raise `OptionError` where the metric does not take weights of rows."""

    def compute(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None, meaning: Meaning
    ) -> float:
        """Return the metric of all rows that count: of a weight above 0, not ignored."""
        raise OptionError(f"{type(self).__name__}: need a metric that defines compute; got none")


def shown_output(output: Node) -> str:
    """Return what messages call an output: by its own name, or its layer's."""
    return f"the output {output.name or '.'.join(output.group) or output.label} {output.shape}"


def need_fit(metric: Metric, output: Node, scale: str, meaning: Meaning | None) -> None:
    """Raise `OptionError` unless the metric fits outputs of this scale and meaning."""
    shown = shown_output(output)
    if meaning is not None and metric.kinds and meaning.kind not in metric.kinds:
        if meaning.kind == REAL:
            need = "labels, or targets within [0, 1] or [-1, 1], to tell right from wrong"
            raise _misfit(metric, need, f"others for {shown}", REAL)
        need = " or ".join(_KINDS[kind] for kind in metric.kinds)
        need = "one of several classes" if metric.kinds == (CLASSES,) else need
        raise _misfit(metric, need, f"{shown}, {_KINDS[meaning.kind]}", meaning.kind)
    if metric.scales and scale not in metric.scales:
        need = "probabilities, from a softmax or sigmoid in the end or from a loss on logits"
        if VALUES in metric.scales:
            need = "outputs that are close to their targets"
        raise _misfit(metric, need, f"{shown}, {_SCALES[scale]}", scale)


def need_numbers(metric: Metric, output: Node, target: Node) -> None:
    """Raise `DtypeError` where a metric of numbers meets labels."""
    if target.dtype == "int32" and VALUES in metric.scales:
        raise DtypeError(
            f"{metric.name}: need real numbers; got {target.label}, the labels of "
            f"{shown_output(output)}: use {_INSTEAD[CLASSES]}"
        )


def _misfit(metric: Metric, need: str, got: str, what: str) -> OptionError:
    return OptionError(f"{metric.name}: need {need}; got {got}: use {_INSTEAD[what]}")


class FunctionMetric(RowMetric):
    """The metric ``function(targets, outputs) -> number`` of NumPy arrays of all rows.

    Outputs are those of `predict`, targets as the loss takes them: labels (N,), or (N, outputs).
    It goes by the function's name, and its ``higher_is_better``, if it has such an attribute.
    Rows with weights need a function with a third parameter, ``sample_weight``.
    """

    needs_meaning = False

    def __init__(self, function: Callable[..., float]) -> None:
        name = getattr(function, "__name__", None)
        if not isinstance(name, str):
            raise OptionError(f"metrics: need a function with a __name__; got {function!r}")
        takes = options.other_arguments(function, ("targets", "outputs"))
        if takes is not None:
            need = "a function that takes (targets, outputs)"
            raise OptionError(f"metrics: need {need}; got {name}, which takes ({takes})")
        self.function, self.name = function, name
        better = getattr(function, "higher_is_better", None)
        self.higher_is_better = (
            None if better is None else options.flag(name, better, option="higher_is_better")
        )

    def compute(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None, meaning: Meaning
    ) -> float:
        more = {} if weights is None else {"sample_weight": weights}
        return self.function(targets, outputs, **more)

    def check_weights(self) -> None:
        from inspect import signature

        try:
            found = signature(self.function).parameters
        except (TypeError, ValueError):  # a function of C may not tell
            return
        if "sample_weight" in found or any(p.kind is p.VAR_KEYWORD for p in found.values()):
            return
        raise OptionError(
            f"{self.name}: need a function with a parameter sample_weight, as the rows have "
            f"weights; got {self.function!r}"
        )


def rows_of(metrics: Iterable[Metric]) -> list[RowMetric]:
    """Return those that need all rows."""
    return [m for m in metrics if isinstance(m, RowMetric)]


def evaluate_rows(
    metrics: list[RowMetric], outputs: np.ndarray, targets: np.ndarray,
    weights: np.ndarray | None, ignore: int | None, meaning: Meaning | None,
) -> dict[str, float]:  # fmt: skip
    """Return each metric of the rows that count; NaN where none does."""
    counted = np.ones(len(targets), bool) if weights is None else weights > 0
    if ignore is not None:
        counted &= targets != ignore
    if not counted.all():
        outputs, targets = outputs[counted], targets[counted]
        weights = None if weights is None else weights[counted]
    if len(targets) == 0:
        return {m.name: float("nan") for m in metrics}
    if weights is not None:
        weights = weights.astype(np.float64)
    targets = targets.view()  # what a user's function writes there must not reach the data
    targets.flags.writeable = False
    found = {}
    for m in metrics:
        w = weights if m.weighted else None
        value: Any = m.compute(targets, outputs, w, meaning)  # type: ignore[arg-type]
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if not options.is_number(value):
            raise OptionError(f"{m.name}: need a number from it; got {options.shown(value)}")
        found[m.name] = float(value)
    return found
