"""Lengths: shapes, whose leading axis may be the batch, and arrays of numbers for nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers
from cnn_core.errors import ShapeError
from cnn_core.options import shown


class _Batch:
    """The type of `BATCH`: the leading axis whose length is known only when data comes."""

    def __repr__(self) -> str:
        return "B"

    def __reduce__(self) -> str:
        return "BATCH"


BATCH = _Batch()
Shape = tuple[Any, ...]  # e.g. (BATCH, 10): BATCH may stand first, all else is int

MAX_ELEMENTS = 2**40
"""Elements of a row of any node: what no memory holds is refused before it overflows a size."""


def as_array(value: Any, who: str) -> np.ndarray:
    """Return ``value`` as a C-contiguous float64 array of at most 6 axes, none empty; a copy."""
    if type(value) is float:  # most constants
        return np.array(value)
    array = as_numbers(value, who=who)
    if array.ndim > 6 or array.size == 0:
        raise ShapeError(f"{who}: need at most 6 axes, none empty; got shape {array.shape}")
    return np.array(array, np.float64, order="C")


def check_shape(who: str, shape: Any) -> Shape:
    """Return ``shape`` as a tuple; raise `ShapeError` unless BATCH stands first or nowhere."""
    try:
        shape = tuple(shape)
    except TypeError:
        raise ShapeError(f"{who}: need a shape, a tuple of lengths; got {shown(shape)}") from None
    if len(shape) > 6:
        raise ShapeError(f"{who}: need at most 6 axes; got shape {shown(shape)}")
    for axis, n in enumerate(shape):
        if n is BATCH and axis == 0:
            continue
        if n is BATCH or not options.is_whole(n) or n < 1:
            raise ShapeError(
                f"{who}: need positive lengths, BATCH only on axis 0; got shape "
                f"{options.shown(shape)}"
            )
    return tuple(n if n is BATCH else int(n) for n in shape)
