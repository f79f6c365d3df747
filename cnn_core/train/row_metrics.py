"""Metrics of all rows at once: ranks of scores, counts of right and wrong by class.

They equal scikit-learn's of the same names.  Of labels and of probabilities as targets the
largest, or what is above the middle, counts.  A NaN among the outputs makes a metric NaN.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from cnn_core.nn.meaning import BINARY, CLASSES, DECISIONS, LOGITS, MARGINS, MULTILABEL, Meaning
from cnn_core.train.metric import RowMetric


class _Decisions(RowMetric):
    """What the metrics of decisions share."""

    higher_is_better = True
    kinds: ClassVar[tuple[str, ...]] = DECISIONS

    def compute(
        self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None, meaning: Meaning
    ) -> float:
        if np.isnan(outputs).any():
            return float("nan")
        w = np.ones(len(targets)) if weights is None else weights
        return self._of(targets, outputs, w, meaning)

    @abstractmethod
    def _of(self, targets: np.ndarray, outputs: np.ndarray, w: np.ndarray, m: Meaning) -> float:
        """Return the metric; ``w`` has a weight above 0 for each row."""


class _Ranking(_Decisions):
    """A metric of how scores rank yes before no, the mean over questions that have an answer.

    Two classes are one question, more are one question each: that class or another.
    """

    def _of(self, targets: np.ndarray, outputs: np.ndarray, w: np.ndarray, m: Meaning) -> float:
        truth, scores = _questions(targets, outputs, m)
        found = [self._one(scores[:, j], w * truth[:, j], w * ~truth[:, j])
                 for j in range(truth.shape[1])]  # fmt: skip
        defined = [value for value in found if not np.isnan(value)]
        return float(np.mean(defined)) if defined else float("nan")

    @staticmethod
    @abstractmethod
    def _one(scores: np.ndarray, yes: np.ndarray, no: np.ndarray) -> float:
        """Return the metric of one question; ``yes`` and ``no`` hold the weights of either."""


class AUC(_Ranking):
    """The chance that a yes has a larger score than a no, ties counting half.

    The area under the receiver operating characteristic (scikit-learn's roc_auc_score; of more
    than two classes with multi_class="ovr").  NaN without both a yes and a no.
    """

    name = "auc"

    @staticmethod
    def _one(scores: np.ndarray, yes: np.ndarray, no: np.ndarray) -> float:
        more, less = _by_score(scores, yes, no)
        total = more.sum() * less.sum()
        below = np.cumsum(less) - less
        return float(more @ (below + less / 2) / total) if total else float("nan")


class AveragePrecision(_Ranking):
    """sum_n (R_n - R_{n-1}) P_n over the scores as thresholds, from the largest down.

    R is the share of all yes that is above, P the share of yes in what is above (scikit-learn's
    average_precision_score).  NaN without a yes.
    """

    name = "average_precision"

    @staticmethod
    def _one(scores: np.ndarray, yes: np.ndarray, no: np.ndarray) -> float:
        more, less = (a[::-1] for a in _by_score(scores, yes, no))
        above = np.cumsum(more)
        total = above[-1]
        return float(more @ (above / (above + np.cumsum(less))) / total) if total else float("nan")


class F1(_Decisions):
    """2 tp / (2 tp + fp + fn) of the class 1; of more than two classes the mean over classes.

    Classes that are neither there nor guessed are left out.  Of several yes-or-no questions it
    is the mean over them (scikit-learn's f1_score, average="macro").  0 where nothing is there
    and nothing guessed.
    """

    name = "f1"

    def _of(self, targets: np.ndarray, outputs: np.ndarray, w: np.ndarray, m: Meaning) -> float:
        truth, guess = _decided(targets, outputs, m)
        if m.kind == CLASSES:
            classes = np.union1d(truth, guess) if outputs.shape[1] > 2 else np.array([1])
            truth, guess = truth[:, None] == classes, guess[:, None] == classes
        there, guessed, right = w @ truth, w @ guess, w @ (truth & guess)
        both = there + guessed
        return float(np.mean(np.where(both > 0, 2 * right / np.where(both > 0, both, 1), 0.0)))


class BalancedAccuracy(_Decisions):
    """The mean over classes of the share of their rows that is right; classes or one question.

    (scikit-learn's balanced_accuracy_score.)  Classes without rows are left out.
    """

    name = "balanced_accuracy"
    kinds = (CLASSES, BINARY)

    def _of(self, targets: np.ndarray, outputs: np.ndarray, w: np.ndarray, m: Meaning) -> float:
        truth, guess = (a.reshape(-1).astype(np.int64) for a in _decided(targets, outputs, m))
        total = np.bincount(truth, w)
        right = np.bincount(truth, w * (truth == guess))
        return float(np.mean(right[total > 0] / total[total > 0]))


def _decided(t: np.ndarray, z: np.ndarray, m: Meaning) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and guess: classes (N,), or yes and no (N, questions)."""
    if m.kind == CLASSES:
        return (t if t.dtype.kind == "i" else t.argmax(axis=1)), z.argmax(axis=1)
    middle = 0.5 if t.dtype.kind == "i" else m.middle
    return (t > middle).reshape(len(t), -1), (z > m.threshold).reshape(len(z), -1)


def _questions(t: np.ndarray, z: np.ndarray, m: Meaning) -> tuple[np.ndarray, np.ndarray]:
    """Return truth, yes or no, and scores in float64, both (N, questions)."""
    truth, z = _decided(t, z, m)[0], z.astype(np.float64)
    if m.kind in (BINARY, MULTILABEL):
        return truth, z.reshape(len(z), -1)
    if z.shape[1] == 2:
        return truth[:, None] == 1, z[:, 1:] - z[:, :1]
    if m.scale in (LOGITS, MARGINS):  # what ranks the rows of one class are probabilities
        z = np.exp(z - z.max(axis=1, keepdims=True))
        z /= z.sum(axis=1, keepdims=True)
    return truth[:, None] == np.arange(z.shape[1]), z


def _by_score(
    scores: np.ndarray, yes: np.ndarray, no: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of yes and no at each distinct score, in ascending order."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    return np.add.reduceat(yes[order], starts), np.add.reduceat(no[order], starts)
