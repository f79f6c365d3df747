"""Checked data: features, targets and weights as the C core takes them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnn_core.arrays import REACH, as_numbers, check_finite, check_range, find_beyond, is_mapped
from cnn_core.data.arrays import as_features, check_lengths
from cnn_core.data.targets import NOT_FINITE, as_weights
from cnn_core.errors import DataError, LabelError, OptionError
from cnn_core.graph.node import Input
from cnn_core.nn.losses import Loss
from cnn_core.nn.meaning import Meaning
from cnn_core.nn.model import Model
from cnn_core.train.build import check_targets, ignored_label, target_input
from cnn_core.train.target_scale import TargetScale

_BLOCK = 1 << 20  # elements of rows picked out at a time


class Data(NamedTuple):
    """Features, targets and weights of the same rows, checked and ready for the C core."""

    x: np.ndarray
    y: np.ndarray
    w: np.ndarray | None
    target: Input
    meaning: Meaning | None = None
    """What outputs and targets mean, where metrics ask for it."""

    @property
    def target_key(self) -> tuple:
        """What tells targets of one kind from others."""
        return self.target.dtype, self.target.shape

    @property
    def key(self) -> tuple:
        """What a program for this data depends on."""
        return *self.target_key, self.w is not None, self.meaning


def check_data(
    net: Model, loss: Loss, x: Any, y: Any, w: Any, *, who: str, finite: bool | None,
    scale: TargetScale,
) -> Data:  # fmt: skip
    """Return ``x``, ``y`` and the weights ``w`` as `Data`; raise what is wrong with them.

    ``finite`` asks for finite features; None: for those that are in memory, not in a mapped file.
    Numbers that the network's dtype cannot hold are refused always.  Rows that count nothing may
    hold anything: where a sum would take it up, a copy holds other numbers there.
    """
    features, _ = as_features(x, net.input.shape[1:], who=who, dtype=net.dtype)
    if y is None:
        raise OptionError(f"{who}: need targets y; got None")
    target = target_input(loss, net.core_output, y)
    scale.check(net, features, y, target, who)
    if scale.changes:
        y = scale.apply(y, net.dtype, type(loss).__name__)
    weights = None
    if w is not None:
        ratios = loss.reduction == "weighted_mean"
        weights = as_weights(w, len(features), who=who, dtype=net.dtype, ratios=ratios)
    targets = _targets(net, loss, target, y, weights)
    check_targets(loss, target, targets)
    if len(features) != len(targets):
        check_lengths(who, x=len(features), y=len(targets))
    if finite is None:
        finite = not is_mapped(features)
    if features.dtype.kind == "f":
        idle = _Idle(ignored_label(loss, target), targets, weights)
        features = _finite_rows(net, features, x, idle, who=who, finite=finite)
    return Data(features, targets, weights, target)


def _targets(
    net: Model, loss: Loss, target: Input, y: Any, weights: np.ndarray | None
) -> np.ndarray:
    """Return the targets; those of rows without weight are replaced where the loss refuses them."""
    try:
        return loss.targets(target, net.core_output, y, net.dtype)
    except (DataError, LabelError):
        if weights is None or weights.all():
            raise
        rows = np.array(as_numbers(y, who=type(loss).__name__, name="y"))
        if len(rows) != len(weights):
            raise
        rows[weights == 0] = rows[np.argmax(weights > 0)]
        return loss.targets(target, net.core_output, rows, net.dtype)


class _Idle:
    """Knows which rows count nothing."""

    def __init__(
        self, ignored: int | None, targets: np.ndarray, weights: np.ndarray | None
    ) -> None:
        self.ignored, self.targets, self.weights = ignored, targets, weights

    def rows(self) -> np.ndarray:
        """Return their numbers: those without weight, and those with an ignored label."""
        all_count = self.weights is None and self.ignored is None
        idle = np.zeros(0 if all_count else len(self.targets), bool)
        if self.weights is not None:
            idle |= self.weights == 0
        if self.ignored is not None:
            idle |= self.targets == self.ignored
        return np.flatnonzero(idle)


def _finite_rows(
    net: Model, x: np.ndarray, source: Any, idle: _Idle, *, who: str, finite: bool
) -> np.ndarray:
    """Return features ``x``, which came as ``source``, after looking through them.

    One pass over all rows where finite ones are asked for or a conversion may overflow; else over
    those that count nothing.
    """
    reach = net.input_reach
    whole = finite or reach < REACH[x.dtype]
    wrong = whole and find_beyond(x, reach) >= 0
    if wrong or not whole:
        x = _without_idle(x, idle.rows(), reach)
    if wrong and finite:
        check_finite(x, "features x", who=who, dtype=net.dtype, reach=reach, source=source,
                     hint=f"{NOT_FINITE}, or pass check_finite=False")  # fmt: skip
    elif wrong:
        check_range(x, "features x", who=who, dtype=net.dtype, reach=reach, source=source)
    return x


def _without_idle(x: np.ndarray, rows: np.ndarray, reach: float) -> np.ndarray:
    """Return ``x``, or where its ``rows`` hold NaN or infinity a copy with zeros in them."""
    n = max(1, _BLOCK * len(x) // x.size)
    blocks = (x[rows[at : at + n]] for at in range(0, len(rows), n))
    if any(find_beyond(block, reach) >= 0 for block in blocks):
        x = np.array(x)
        x[rows] = 0
    return x
