"""Targets: what a classifier's y says, as numbers and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from cnn_core.errors import LabelError

BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel-indicator"


class Classes(NamedTuple):
    """The classes of targets, and how outputs stand for them."""

    labels: np.ndarray
    kind: str
    """In scikit-learn's terms: binary, multiclass, multilabel-indicator."""
    sparse: bool = False
    """Whether the targets were a sparse matrix of questions, as decisions are then."""

    @property
    def n_outputs(self) -> int:
        return 1 if self.kind == BINARY else len(self.labels)

    def encode(self, y: Any) -> np.ndarray:
        """Return the number of each row's class (N,); 0 and 1 (N, O) where outputs answer
        questions."""
        if self.kind == MULTILABEL:
            dense = y.toarray() if sparse.issparse(y) else np.asarray(y)
            return np.ascontiguousarray(dense != 0, np.uint8)
        numbers = np.searchsorted(self.labels, y)
        if self.kind == MULTICLASS:
            return numbers.astype(np.int32)
        return numbers.astype(np.uint8)[:, None]

    def decide(self, p: np.ndarray) -> np.ndarray:
        """Return what probabilities (N, O) say, as `encode` gives it."""
        if self.kind == MULTICLASS:
            return p.argmax(axis=1)
        return p > 0.5

    def decode(self, p: np.ndarray) -> Any:
        """Return the labels that probabilities (N, O) decide for."""
        decided = self.decide(p)
        if self.kind == MULTICLASS:
            return self.labels.take(decided)
        if self.kind == BINARY:
            if len(self.labels) == 1:
                return np.repeat(self.labels[0], len(p))
            return self.labels.take(decided[:, 0])
        answers = decided.astype(int)
        return sparse.csr_matrix(answers) if self.sparse else answers

    def probabilities(self, p: np.ndarray) -> np.ndarray:
        """Return outputs (N, O) as float64 (N, classes), of which a row adds up to 1, or (N,
        questions)."""
        if self.kind == MULTICLASS:
            if p.dtype != np.float64:
                p = p.astype(np.float64)
                p /= p.sum(axis=1, keepdims=True)
            return p
        p = p.astype(np.float64, copy=False)
        if self.kind == MULTILABEL:
            return p
        if len(self.labels) == 1:
            return np.ones_like(p)
        return np.hstack([1 - p, p])

    def weights(self, class_weight: Any, y: Any) -> np.ndarray:
        """Return the weight of each row's class."""
        if self.kind == MULTILABEL:
            return compute_sample_weight(class_weight, y)
        found = compute_class_weight(class_weight, classes=self.labels, y=y)
        return found[np.searchsorted(self.labels, y)]

    def need_known(self, y: Any, *, all_of_them: bool) -> None:
        """Raise `LabelError` where ``y`` has other classes, or with ``all_of_them`` not all."""
        found, kind, _ = classes_of(y)
        if (kind == MULTILABEL) != (self.kind == MULTILABEL):
            raise LabelError(f"y: need targets of the kind {self.kind}; got {kind}")
        other = np.setdiff1d(found, self.labels)
        if len(other):
            raise LabelError(
                f"`y` has classes not in `self.classes_`: need some of {self.labels}; got {other}"
            )
        if all_of_them and len(found) < len(self.labels):
            raise LabelError(
                f"warm_start can only be used where `y` has the same classes as before: need all "
                f"of {self.labels}; got {found}"
            )


def classes_of(y: Any) -> Classes:
    """Return the classes that occur in ``y``; raise `LabelError` where it holds no classes."""
    kind = type_of_target(y, input_name="y")
    if kind == MULTILABEL:
        return Classes(np.arange(y.shape[1]), kind, sparse.issparse(y))
    if kind not in (BINARY, MULTICLASS):
        need = "one class for each row, or columns of 0 and 1"
        raise LabelError(f"Unknown label type: y: need {need}; got {kind} targets")
    return Classes(np.unique(y), kind)
