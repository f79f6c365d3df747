"""How good predictions are: figures of classes and of numbers, with weights.

N rows, C classes.  Targets of classes are int (N,), 0 .. C - 1, probabilities p (N, C); all else
is (N,), in double precision.  A weight counts as that many rows; without rows a figure is NaN.
They equal scikit-learn's of the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import frexp, nan, sqrt

import numpy as np

from cnn_core.nn.meaning import BINARY, CLASSES, PROBABILITIES, Meaning
from cnn_core.train.row_metrics import AUC

Weight = np.ndarray | None

_TINY = float(np.finfo(np.float64).eps)
"""A probability below this counts as this: one sure mistake does not decide over all rows."""


def mean(values: np.ndarray, weight: Weight = None) -> float:
    """sum w v / sum w."""
    total = len(values) if weight is None else weight.sum()
    if not total:
        return nan
    return float((values.sum(dtype=np.float64) if weight is None else values @ weight) / total)


# -- classes --------------------------------------------------------------------------------


def accuracy(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> float:
    """The share of rows whose largest probability is that of their class."""
    return mean((p.argmax(axis=1) == y).astype(np.float64), weight)


def log_loss(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> float:
    """The mean of -log p_y, with p_y at least 2^-52."""
    return mean(-np.log(np.maximum(p[np.arange(len(y)), y], _TINY)), weight)


def auc(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> float:
    """The chance that a row of a class has a larger p than another, ties counting half.

    Of more than two classes the mean over them, each against all others (roc_auc_score with
    multi_class="ovr"); classes of none or of all of the rows are left out.
    """
    if not len(y):
        return nan
    two = p.shape[1] == 2
    meaning = Meaning(BINARY if two else CLASSES, PROBABILITIES)
    return AUC().compute(y.astype(np.int64), p[:, 1] if two else p, weight, meaning)


def brier(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> float:
    """The mean of sum_c (p_c - [y = c])^2; of two classes half of it, (p_1 - y)^2."""
    squares = np.square(p).sum(axis=1) - 2 * p[np.arange(len(y)), y] + 1
    return mean(squares / 2 if p.shape[1] == 2 else squares, weight)


def calibration_error(
    y: np.ndarray, p: np.ndarray, weight: Weight = None, bins: int = 15
) -> float:
    """The mean of |accuracy - confidence| over intervals of the largest p: see
    `cnn_core.tabular.calibration_error`."""
    sure = p.max(axis=1)
    off = (p.argmax(axis=1) == y) - sure
    place = np.minimum(np.ceil(sure * bins).astype(np.intp), bins)
    gaps = np.bincount(place, off if weight is None else weight * off, bins + 1)
    total = len(y) if weight is None else weight.sum()
    return float(np.abs(gaps).sum() / total) if total else nan


def confusion(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> np.ndarray:
    """(C, C): rows of class i for which class j is the most probable one."""
    n = p.shape[1]
    return np.bincount(y * n + p.argmax(axis=1), weight, n * n).reshape(n, n)


# -- numbers --------------------------------------------------------------------------------


def _size(values: np.ndarray) -> float:
    """Return a power of 2 by which values are divided without rounding: their squares are finite,
    and not all 0."""
    return 2.0 ** max(min(frexp(np.abs(values).max(initial=0.0))[1], 1000), -1000)


def rmse(y: np.ndarray, found: np.ndarray, weight: Weight = None) -> float:
    """The root of the mean of (found - y)^2."""
    off = found - y
    size = _size(off)
    return sqrt(mean(np.square(off / size), weight)) * size


def mae(y: np.ndarray, found: np.ndarray, weight: Weight = None) -> float:
    """The mean of |found - y|."""
    return mean(np.abs(found - y), weight)


def r2(y: np.ndarray, found: np.ndarray, weight: Weight = None) -> float:
    """1 - sum w (found - y)^2 / sum w (y - mean y)^2; where all y are equal, 1 or 0 (r2_score)."""
    size = _size(y)
    off, over = (found / size - y / size), y / size
    over -= mean(over, weight)
    size = _size(over)
    left, there = (mean(np.square(x / size), weight) for x in (off, over))
    return 1 - left / there if there else float(left == 0) if left == left else nan


def pinball(y: np.ndarray, found: np.ndarray, q: float, weight: Weight = None) -> float:
    """The mean of max(q (y - found), (q - 1) (y - found)), which is least at the quantile q."""
    over = y - found
    return mean(np.maximum(q * over, (q - 1) * over), weight)


def pinballs(
    y: np.ndarray, found: np.ndarray, q: Sequence[float], weight: Weight = None
) -> float:  # fmt: skip
    """The mean of `pinball` over quantiles: ``found`` is (N, Q), or (1, Q) for all rows."""
    return sum(pinball(y, found[:, i], each, weight) for i, each in enumerate(q)) / len(q)


def quantiles(y: np.ndarray, q: Sequence[float], weight: Weight = None) -> np.ndarray:
    """The least y, (1, Q), up to which there is a share q or more of the rows."""
    order = np.argsort(y)
    rows = np.cumsum(np.ones(len(y)) if weight is None else weight[order])
    place = np.searchsorted(rows, np.multiply(q, rows[-1])).clip(0, len(y) - 1)
    return y[order][place][None]


def coverage(y: np.ndarray, low: np.ndarray, high: np.ndarray, weight: Weight = None) -> float:
    """The share of rows with low <= y <= high."""
    return mean(((low <= y) & (y <= high)).astype(np.float64), weight)


# -- all of them ----------------------------------------------------------------------------

Figure = Callable[[np.ndarray, np.ndarray, Weight], float]
OF_CLASSES: Sequence[Figure] = (accuracy, auc, log_loss, brier, calibration_error)
OF_NUMBERS: Sequence[Figure] = (rmse, mae, r2)


def of_classes(y: np.ndarray, p: np.ndarray, weight: Weight = None) -> dict[str, float]:
    """Return the figures of classes by name."""
    return {figure.__name__: figure(y, p, weight) for figure in OF_CLASSES}


def of_numbers(y: np.ndarray, found: np.ndarray, weight: Weight = None) -> dict[str, float]:
    """Return the figures of numbers by name."""
    return {figure.__name__: figure(y, found, weight) for figure in OF_NUMBERS}


def trivial(y: np.ndarray, n_classes: int = 0, weight: Weight = None) -> dict[str, float]:
    """Return the figures of whoever says the same of every row: the shares of the classes in
    ``y``, or the mean of the numbers."""
    if not n_classes:
        return of_numbers(y, np.full(len(y), mean(y, weight)), weight)
    counts = np.bincount(y, weight, n_classes)
    return of_classes(y, np.tile(counts / max(counts.sum(), _TINY), (len(y), 1)), weight)
