"""What is known of errors: the validation part's predictions, and intervals made of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError, StateError

FEWEST_A_SIDE = 5
"""Rows of the validation part that must lie beyond a quantile for it to be moved by them."""


class Held(NamedTuple):
    """What the validation part, of one network after the other, is predicted to be."""

    predicted: np.ndarray
    """Probabilities (N, C); or numbers (N,), or quantiles (N, Q), in units of the target."""
    target: np.ndarray
    """Numbers of classes, or numbers (N,)."""
    weight: np.ndarray | None


def check_quantiles(who: str, quantiles: object) -> tuple[float, ...]:
    """Return rising quantiles in (0, 1), one or more; raise `OptionError` for anything else."""
    found = tuple([options.number(who, q, 0, 1, open_at="low high", option="quantiles")
                   for q in options.items(who, quantiles, "numbers in (0, 1)")])  # fmt: skip
    if not found or list(found) != sorted(set(found)):
        raise OptionError(f"{who}: need rising quantiles, one or more; got {quantiles!r}")
    return found


def level(scores: np.ndarray, share: float, weight: np.ndarray | None = None) -> float:
    """Return the least score that, with one more row, a share of all do not exceed.

    Of N equal weights that is the ceil((N + 1) share)-th score in order: a new row like these
    stays below it with a chance of at least ``share``, and at most that and 1 / (N + 1).  In
    general it is the first at which the sum of weights reaches share times the sum of all and one
    more row of mean weight.  Infinite where there are too few rows.

    Source: Vovk, Gammerman, Shafer 2005; Tibshirani, Foygel Barber, Candes, Ramdas 2019 (weights).
    """
    n = len(scores)
    if weight is None:
        place = rank(n, share)
        return float(np.partition(scores, place - 1)[place - 1]) if 1 <= place <= n else np.inf
    order = np.argsort(scores, kind="stable")
    sums = np.cumsum(weight[order], dtype=np.float64)
    # A little less, as sums of weights are rounded.
    place = int(np.searchsorted(sums, share * sums[-1] * (1 + 1 / n) * (1 - 1e-12))) + 1
    return float(scores[order[place - 1]]) if place <= n else np.inf


def rank(n: int, share: float) -> int:
    """Return ceil((n + 1) share), with a share such as 0.9 as the decimal that it stands for."""
    return ceil((n + 1) * share - 1e-9)


# -- quantiles --------------------------------------------------------------------------------


def shifts(held: Held, quantiles: Sequence[float]) -> np.ndarray:
    """Return what is added to each quantile q (Q,): the `level` q of t - p over the held rows.

    Then their pinball loss is the least that such a number can make it, and a new target lies
    below the quantile with a chance of q.  0 where fewer than `FEWEST_A_SIDE` rows lie beyond.
    """
    off = held.target[:, None] - held.predicted
    found = []
    for q, own in zip(quantiles, off.T, strict=True):
        up = q >= 0.5
        size = level(own if up else -own, max(q, 1 - q), held.weight)
        few = len(own) * min(q, 1 - q) < FEWEST_A_SIDE or not np.isfinite(size)
        found.append(0.0 if few else size if up else -size)
    return np.array(found)


def middle(quantiles: Sequence[float]) -> np.ndarray:
    """Return factors (Q,) of the quantiles of which the sum is the median, or what is closest.

    That is 0.5 where it is among them, else what lies between its neighbours by their distances,
    else the first or the last.
    """
    return np.array([np.interp(0.5, quantiles, line) for line in np.eye(len(quantiles))])


# -- intervals --------------------------------------------------------------------------------


class Margin(NamedTuple):
    """Between which predictions an interval lies, and by how much it is wider: see `margin_of`."""

    low: int
    high: int
    size: float

    def ends(self, predicted: np.ndarray) -> np.ndarray:
        """Return (N, 2): predictions less the margin, and more; the middle where they cross."""
        first, last = _columns(predicted, self.low, self.high)
        low, high = first - self.size, last + self.size
        if self.size < 0:
            centre = first / 2 + last / 2
            low, high = np.minimum(low, centre), np.maximum(high, centre)
        return np.stack([low, high], 1)


def margin_of(
    held: Held | None, quantiles: Sequence[float], coverage: float, who: str
) -> Margin:
    """Return what a new target lies within with a chance of ``coverage``, or little more.

    Of predictions f: f - s and f + s, with s the `level` of |t - f| over the held rows (split
    conformal).  Of quantiles, with l and h those that are closest to the ends: l - s and h + s,
    with s the level of max(l - t, t - h), which may be below 0 (CQR).

    Raises `StateError` for fewer held rows than a coverage needs.

    Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018; Romano, Patterson, Candes 2019.
    """
    need, n = ceil(coverage / (1 - coverage) - 1e-9), 0 if held is None else len(held.target)
    if held is None or n < need:
        raise StateError(
            f"{who}: need {need} rows or more in the validation part for a coverage of "
            f"{coverage:g}; got {n}: fit with more rows, a larger validation_fraction, or X_val"
        )
    low, high = _pair(quantiles, coverage)
    first, last = _columns(held.predicted, low, high)
    off = np.maximum(first - held.target, held.target - last)
    return Margin(low, high, level(off, coverage, held.weight))


def _columns(predicted: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    two = predicted if predicted.ndim == 2 else predicted[:, None]
    return two[:, low], two[:, high]


def _pair(quantiles: Sequence[float], coverage: float) -> tuple[int, int]:
    """Return which quantiles are closest to the ends of an interval; of none, 0 and 0."""
    if not quantiles:
        return 0, 0
    q = np.array(quantiles)
    low, high = (int(np.abs(q - (1 + side * coverage) / 2).argmin()) for side in (-1, 1))
    return low, high
