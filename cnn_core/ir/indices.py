"""Indices: int32 numbers that pick entries of an axis, negative ones from its end as in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core.arrays import as_numbers
from cnn_core.errors import DtypeError, LabelError, ShapeError
from cnn_core.ir.axes import one_axis
from cnn_core.ir.node import BATCH, Constant, Node


def as_index(index: Any, who: str) -> Node:
    """Return ``index`` if it is a node, else a constant of int32 that holds it."""
    if isinstance(index, Node):
        return index
    numbers = as_numbers(index, who=who, need="whole numbers as indices")
    node = Constant(numbers, dtype="int32")
    if numbers.dtype.kind not in "iu":
        raise DtypeError(f"{who}: need whole numbers as indices; got dtype {numbers.dtype}")
    return node


def picked_axis(node: Node, axis: Any) -> int:
    """Return the axis of ``node``'s first input that is picked from, counted from 0.

    Raises `ShapeError` for a scalar and for the batch axis, whose length is not known, and
    `LabelError` for indices that never change and lie outside the axis.
    """
    x, index = node.inputs
    if not x.shape:
        raise ShapeError(f"{node.label}: need x (V, ...); got {x.label} {x.shape}")
    at = one_axis(node, axis, len(x.shape))
    if x.shape[at] is BATCH:
        raise ShapeError(
            f"{node.label}: need an axis other than the batch, such as axis=1 to pick within each "
            f"row; got axis={axis} for {x.label} {x.shape}"
        )
    if isinstance(index, Constant):
        _need_in_range(node, index.value, x.shape[at])
    return at


def _need_in_range(node: Node, index: np.ndarray, n: int) -> None:
    wrong = (index < -n) | (index >= n)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        x = node.inputs[0]
        raise LabelError(
            f"{node.label}: need indices from {-n} to {n - 1}; got {int(index[at])}"
            f"{f' at {at}' if at else ''} for {x.label} {x.shape}"
        )
