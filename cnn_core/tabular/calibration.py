"""Probabilities that can be trusted: one temperature, and what is left of errors after it."""

from __future__ import annotations

from math import exp, inf, log
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers
from cnn_core.data.targets import as_labels, as_weights
from cnn_core.errors import DataError, LabelError, ShapeError
from cnn_core.tabular import figures
from cnn_core.tabular.table import listed
from cnn_core.tabular.targets import labels_of, places_of

FEWEST = 20
"""Rows that a temperature needs: from fewer it would be told by chance."""

WIDEST = log(20.0)
"""How far log T may be from 0."""

_BLOCK = 1 << 18
"""Numbers that are worked on at a time."""


def temperature_of(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, str]:
    """Return T, by which logits are divided, and a note where there was too little to find it.

    T makes small the log-loss of rows that were not trained on and the distance of T from 1,

        sum_i v_i -log(mean_m softmax(z_im / T)_y)  +  (log T)^2 / 2

    The second term counts as much as a row or so; without it T would be 0 where all rows are
    predicted rightly.  In double precision, by Newton's steps in log T.

    Parameters
    ----------
    logits
        (N, C), or (N, k, C) of k members whose probabilities are averaged.
    target
        Numbers of classes (N,).
    weight
        Of rows; v are those over their mean.

    Source: Guo, Pleiss, Sun, Weinberger 2017, "On calibration of modern neural networks".
    """
    z = logits if logits.ndim == 3 else logits[:, None]
    y = np.asarray(target).reshape(-1).astype(np.intp)
    v = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64).reshape(-1)
    used = np.flatnonzero(v > 0)
    if len(used) < FEWEST or np.ptp(y[used]) == 0:
        what = f"{len(used)} rows" if len(used) < FEWEST else "a single class"
        return 1.0, (f"probabilities are not calibrated: {what} in the validation part, and it "
                     f"needs {FEWEST} of two classes")  # fmt: skip
    if len(used) < len(y):
        z, y, v = z[used], y[used], v[used]
    return _least(z, y, v / v.mean()), ""


def _least(z: np.ndarray, y: np.ndarray, v: np.ndarray) -> float:
    """Return the temperature of the least loss, from T = 1 on."""
    u = 0.0  # log(1 / T)
    loss, slope, bend = _loss(u, z, y, v)
    for _ in range(60):
        step = -slope / bend if bend > 0 else inf * -np.sign(slope) if slope else 0.0
        step = float(np.clip(step, -1.0, 1.0))
        step = float(np.clip(u + step, -WIDEST, WIDEST)) - u
        while abs(step) > 1e-12:
            found = _loss(u + step, z, y, v)
            if found[0] <= loss:
                break
            step /= 4  # the loss of averages need not be convex
        else:
            break
        u, (loss, slope, bend) = u + step, found
        if abs(step) < 1e-9:
            break
    return exp(-u)


def _loss(u: float, z: np.ndarray, y: np.ndarray, v: np.ndarray) -> tuple[float, float, float]:
    """Return the loss at log(1 / T) = u, and its first and second derivative by u."""
    b = exp(u)
    total = np.zeros(3)
    n = max(1, _BLOCK // z[0].size)
    for at in range(0, len(y), n):
        zi, yi, vi = z[at : at + n].astype(np.float64), y[at : at + n], v[at : at + n]
        zi -= zi.max(-1, keepdims=True)
        s = np.exp(b * zi)
        sums = s.sum(-1, keepdims=True)
        s /= sums
        mean = (s * zi).sum(-1)  # of z by its own probabilities, (n, k)
        spread = (s * np.square(zi - mean[..., None])).sum(-1)
        own = np.take_along_axis(zi, yi[:, None, None], -1)[..., 0]
        logs = b * own - np.log(sums[..., 0])  # of the member's probability of the class
        top = logs.max(-1, keepdims=True)
        part = np.exp(logs - top)
        share = part.sum(-1, keepdims=True)
        part /= share  # of each member in the average
        a = own - mean
        first = (part * a).sum(-1)  # of log(average) by b
        second = (part * (a * a - spread)).sum(-1) - first * first
        value = top[:, 0] + np.log(share[:, 0] / z.shape[1])
        total += vi @ np.stack([-value, -b * first, -b * first - b * b * second], 1)
    loss, slope, bend = total.tolist()
    return loss + u * u / 2, slope + u, bend + 1.0


# -- what is measured -------------------------------------------------------------------------


def calibration_error(
    y: Any, p: Any, *, bins: int = 15, classes: Any = None, sample_weight: Any = None
) -> float:
    """Return the expected calibration error, sum_b (w_b / w) |accuracy_b - confidence_b|.

    Rows are put into ``bins`` intervals of equal width by the probability of their likeliest
    class; of each, ``accuracy`` is the share of rows of that class and ``confidence`` the mean of
    that probability.  0 is best.

    Parameters
    ----------
    y
        Classes (N,): numbers of columns of ``p``, or whatever ``classes`` holds.
    p
        Probabilities (N, C), or (N,) of the second of two classes.
    classes
        The class of each column, such as ``model.classes_``.
    sample_weight
        Of rows (N,).

    Raises `DataError` for what are no probabilities, `ShapeError` for other shapes, `LabelError`
    for a class that is not there.

    Example
    -------
    >>> calibration_error([1, 0, 1, 1], [0.9, 0.1, 0.9, 0.9], bins=10)
    0.1

    Source: Naeini, Cooper, Hauskrecht 2015; Guo et al. 2017, equation 3.
    """
    who = "calibration_error"
    bins = options.whole(who, bins, option="bins")
    p, codes, w = _checked(who, y, p, classes, sample_weight)
    return figures.calibration_error(codes, p, w, bins)


def _checked(
    who: str, y: Any, p: Any, classes: Any, weight: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities (N, C), numbers of classes (N,) and weights (N,), all looked through."""
    p = np.asarray(as_numbers(p, who=who, name="p"), np.float64)
    if p.ndim == 1:
        p = np.stack([1.0 - p, p], 1)
    if p.ndim != 2 or p.shape[1] < 2 or not len(p):
        raise ShapeError(f"{who}: need p of shape (N, C) or (N,), of one row or more; got "
                         f"{p.shape}")  # fmt: skip
    wrong = ~((p >= 0) & (p <= 1)).all(1) | (np.abs(p.sum(1) - 1.0) > 1e-3)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{who}: need probabilities in p, which add up to 1; got {p[row]} in row "
                        f"{row}")  # fmt: skip
    if classes is None:
        codes = as_labels(y, p.shape[1], who=who)
    else:
        labels = labels_of(classes, who, "classes")
        try:
            place = {label: i for i, label in enumerate(labels)}
        except TypeError:
            raise LabelError(f"{who}: need classes that can be hashed; got others") from None
        if not len(labels) == len(place) == p.shape[1]:
            raise ShapeError(f"{who}: need a class of its own for each of the {p.shape[1]} columns "
                             f"of p; got {listed(labels)}")  # fmt: skip
        codes = places_of(y, place, who)
    if len(codes) != len(p):
        raise ShapeError(f"{who}: need as many rows in y as in p; got {len(codes)} and {len(p)}")
    w = np.ones(len(p)) if weight is None else as_weights(weight, len(p), who=who)
    return p, codes, w.astype(np.float64)
