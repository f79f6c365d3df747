"""The numbers behind curves: probabilities in bins, and the points of an ROC."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BINS = 15
"""Of a calibration curve, as of `cnn_core.tabular.calibration.calibration_error`."""


class Calibration(NamedTuple):
    """Bins that have rows: the mean probability, how often it came true, the share of rows."""

    said: np.ndarray
    true: np.ndarray
    share: np.ndarray


def calibration(p: np.ndarray, came: np.ndarray, w: np.ndarray) -> Calibration:
    """Return how often what was said with probability ``p`` came true, in `BINS` equal bins."""
    at = np.ceil(p * BINS).astype(np.intp)
    weight, said, true = (np.bincount(at, w * x, BINS + 1) for x in (np.ones(len(p)), p, came))
    has = weight > 0
    weight = weight[has]
    return Calibration(said[has] / weight, true[has] / weight, weight / weight.sum())


def roc(score: np.ndarray, yes: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of no and of yes at or above each score, from the largest down.

    NaN where there is none of one.  Points on a straight line between their neighbours are left
    out.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    made = []
    for weight in (w * ~yes, w * yes):
        above = np.cumsum(weight[order])
        share = above[ends] / above[-1] if above[-1] else np.full(len(ends), np.nan)
        made.append(np.concatenate([[0.0], share]))
    x, y = made
    dx, dy = np.diff(x), np.diff(y)
    keep = np.concatenate([[True], ~(np.abs(dx[:-1] * dy[1:] - dx[1:] * dy[:-1]) < 1e-15), [True]])
    return x[keep], y[keep]
