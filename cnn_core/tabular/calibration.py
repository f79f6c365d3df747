"""Probabilities that can be trusted: one temperature, and what is left of errors after it."""

from __future__ import annotations

from math import exp, inf, log, nan
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

_TINY = float(np.finfo(np.float64).tiny)
"""A probability below this counts as this where its logarithm is taken."""

SOFT = 8.0
"""How sharply probabilities end at those that label smoothing leaves: see `unsmoothed`."""


def unsmoothed(p: np.ndarray, smoothing: float) -> np.ndarray:
    """Return probabilities (..., C) from which label smoothing e is taken away: g(p) / sum g(p),

        g(p) = log(1 + exp(x)),   x = SOFT (p - e / C) / (e / C)

    Who is trained with e / C beside 1 - e says e / C + (1 - e) p of a class whose probability
    is p.  With max(0, x) for g this is undone; g is that but near 0, where it stays above it and
    rises, so that no probability becomes 0 and rows keep their order.
    """
    if not smoothing:
        return p
    g = np.logaddexp(0.0, SOFT * (p * (p.shape[-1] / smoothing) - 1.0))
    return g / g.sum(-1, keepdims=True)


def temperature_of(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None,
    smoothing: float = 0.0,
) -> tuple[float, str]:  # fmt: skip
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
    smoothing
        Of labels in training, which is taken away from each softmax: see `unsmoothed`.

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
    return exp(-_least(z, y, v / v.mean(), smoothing)), ""


def calibrated_loss(
    p: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, smoothing: float = 0.0
) -> float:
    """Return the mean log-loss of probabilities (N, C), log p / T for their logits.

    T is what `temperature_of` finds to a hundredth; 1 where it finds none.  By this the epochs of
    a training are compared: the share of wrong classes tells too little of few rows, and the
    log-loss at T = 1 prefers early epochs, since networks grow too sure, or, of smoothed labels,
    are not sure enough.
    """
    z = np.log(np.maximum(p, _TINY))[:, None]
    y = np.asarray(target).reshape(-1).astype(np.intp)
    v = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64).reshape(-1)
    if not v.any():
        return nan
    v = v / v.mean()
    u = 0.0
    if np.count_nonzero(v) >= FEWEST and np.ptp(y[v > 0]):
        u = _least(z, y, v, smoothing, near=1e-2)
    return (_loss(u, z, y, v, smoothing)[0] - u * u / 2) / len(y)


def _least(
    z: np.ndarray, y: np.ndarray, v: np.ndarray, smoothing: float, near: float = 1e-9
) -> float:
    """Return log(1 / T) of the least loss, from T = 1 on, where steps are below ``near``."""
    u = 0.0
    loss, slope, bend = _loss(u, z, y, v, smoothing)
    for _ in range(60):
        step = -slope / bend if bend > 0 else inf * -np.sign(slope) if slope else 0.0
        step = float(np.clip(step, -1.0, 1.0))
        step = float(np.clip(u + step, -WIDEST, WIDEST)) - u
        while abs(step) > 1e-12:
            found = _loss(u + step, z, y, v, smoothing)
            if found[0] <= loss:
                break
            step /= 4  # the loss of averages need not be convex
        else:
            break
        u, (loss, slope, bend) = u + step, found
        if abs(step) < near:
            break
    return u


def _loss(
    u: float, z: np.ndarray, y: np.ndarray, v: np.ndarray, smoothing: float
) -> tuple[float, float, float]:
    """Return the loss at log(1 / T) = u, and its first and second derivative by u."""
    b = exp(u)
    total = np.zeros(3)
    n = max(1, _BLOCK // z[0].size)
    for at in range(0, len(y), n):
        logs, first, second = _of_members(b, z[at : at + n], y[at : at + n], smoothing)
        top = logs.max(-1, keepdims=True)
        part = np.exp(logs - top)
        share = part.sum(-1, keepdims=True)
        part /= share  # of each member in the average
        slope = (part * first).sum(-1)  # of log(average) by b
        bend = (part * second).sum(-1) - slope * slope
        value = top[:, 0] + np.log(share[:, 0] / z.shape[1])
        total += v[at : at + n] @ np.stack([-value, -b * slope, -b * slope - b * b * bend], 1)
    loss, slope, bend = total.tolist()
    return loss + u * u / 2, slope + u, bend + 1.0


def _of_members(
    b: float, z: np.ndarray, y: np.ndarray, smoothing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log p, p' / p and p'' / p by b of each member's probability p of the class, (n, k)."""
    z = z.astype(np.float64)
    z -= z.max(-1, keepdims=True)
    s = np.exp(b * z)
    sums = s.sum(-1, keepdims=True)
    s /= sums
    a = z - (s * z).sum(-1, keepdims=True)  # s' / s
    square = a * a - (s * a * a).sum(-1, keepdims=True)  # s'' / s

    def own(x: np.ndarray) -> np.ndarray:
        return np.take_along_axis(x, y[:, None, None], -1)[..., 0]

    if not smoothing:
        return b * own(z) - np.log(sums[..., 0]), own(a), own(square)
    by = SOFT * z.shape[-1] / smoothing
    x = by * s - SOFT
    g, g1 = np.logaddexp(0.0, x), by / (1.0 + np.exp(-x))
    d1 = g1 * s * a
    d2 = g1 * (by - g1) * np.square(s * a) + g1 * s * square
    whole, rise, curve = g.sum(-1), d1.sum(-1), d2.sum(-1)
    rise, curve, up = rise / whole, curve / whole, own(d1) / own(g)
    second = own(d2) / own(g) - curve - 2 * rise * (up - rise)
    return np.log(own(g) / whole), up - rise, second


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
    >>> from cnn_core.tabular import calibration_error
    >>> round(calibration_error([1, 0, 1, 1], [0.9, 0.1, 0.9, 0.9], bins=10), 6)
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
