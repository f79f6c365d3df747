"""Weights of classes, as those of the rows that have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers
from cnn_core.errors import DataError, LabelError, OptionError, ShapeError


def class_weights(
    class_weight: Mapping[Any, float] | str, y: Any, *, name: str = "y", who: str = "class_weight",
    ignore_index: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the weight of each row's class, float64 (N,), for the labels ``y``, (N,) or (N, 1).

    ``class_weight`` is a mapping from classes to weights >= 0, 1 for those that it does not name,
    or "balanced": n / (k n_c) for n_c of n rows in class c of k (scikit-learn's formula).  Rows
    labelled ``ignore_index`` have weight 1 and are in no class.

    Raises `OptionError` for a weight that is no finite number >= 0, for a class that does not occur
    and where all weights are 0; `LabelError` for labels that are no whole numbers, naming the row;
    `ShapeError`, `DtypeError` and `DataError` for what are no labels at all.

    Example
    -------
    >>> cnn.data.class_weights("balanced", [0, 0, 0, 1])
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    >>> cnn.data.class_weights({1: 5.0}, [0, 1])
    array([1., 5.])
    """
    labels = _labels(y, name, who)
    counted = np.ones(len(labels), bool)
    if ignore_index is not None:
        counted = labels != options.int32(who, ignore_index, option="ignore_index")
    if not counted.any():
        raise DataError(f"{who}: need {name} with rows that count; got {len(labels)} ignored ones")
    classes, at, counts = np.unique(labels[counted], return_inverse=True, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        weights = counts.sum() / (len(classes) * counts)
    elif isinstance(class_weight, Mapping):
        weights = _by_class(class_weight, classes, who)
    else:
        raise options.refuse(who, "a mapping from classes to weights, or 'balanced'", class_weight)
    if not weights.any():
        raise OptionError(f"{who}: need one weight above 0 or more; got 0 for all classes")
    found = np.ones(len(labels))
    found[counted] = weights[at]
    return found


def _labels(y: Any, name: str, who: str) -> np.ndarray:
    labels = as_numbers(y, who=who, name=name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.size == 0:
        raise ShapeError(
            f"{who}: need class labels {name} of shape (N,) or (N, 1); got {labels.shape}: for "
            f"rows with one 1 each pass {name}.argmax(axis=1), or sample_weight"
        )
    if labels.dtype.kind == "f":
        wrong = ~(np.isfinite(labels) & (labels == np.trunc(labels)))
        if wrong.any():
            row = int(wrong.argmax())
            raise LabelError(
                f"{who}: need class labels, whole numbers, in {name}; got {labels[row]} in row "
                f"{row}"
            )
    return labels


def _by_class(given: Mapping[Any, float], classes: np.ndarray, who: str) -> np.ndarray:
    weights = np.ones(len(classes))
    known = {float(c): i for i, c in enumerate(classes)}
    for key, weight in given.items():
        number = options.is_number(key) or isinstance(key, (bool, np.bool_))
        at = known.get(float(key)) if number and abs(key) < 2**63 else None
        if at is None:
            listed = ", ".join(f"{c:g}" for c in classes[:20])
            listed += ", ..." if len(classes) > 20 else ""
            raise OptionError(
                f"{who}: need classes that occur, {listed}; got a weight for {options.shown(key)}"
            )
        weights[at] = options.amount(f"{who}[{options.shown(key)}]", weight)
    return weights
