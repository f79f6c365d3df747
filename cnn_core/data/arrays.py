"""The door for features: what a caller's array must be, and the one conversion it may get."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers
from cnn_core.errors import LabelError, ShapeError

_KEPT = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.uint8))


class Features(NamedTuple):
    """An array that the C core can gather rows from.

    ``array`` is (N, *row_shape), C-contiguous and aligned, float32, float64 or uint8.
    ``needs_conversion`` tells whether its dtype differs from the one asked for, so that rows
    are converted as they are copied; without it they may be used where they lie.

    Example
    -------
    >>> x = cnn.data.as_features([[0, 255]], (2,), who="fit")
    >>> x.array, x.needs_conversion
    (array([[  0., 255.]], dtype=float32), False)
    """

    array: np.ndarray
    needs_conversion: bool


def as_features(
    x: Any, row_shape: tuple[int, ...], *, who: str, name: str = "x", dtype: Any = np.float32,
    empty: bool = False,
) -> Features:  # fmt: skip
    """Return ``x`` (N, *row_shape) in a layout and dtype that the C core reads.

    Parameters
    ----------
    x
        An array, a table of numbers, or what `numpy.asarray` takes.  float32, float64 and uint8
        stay as they are if C-contiguous (a memory-mapped array is then neither read nor copied);
        in any other layout they are copied once.  bool, other integers and float16 are converted to
        ``dtype`` once.
    row_shape
        The shape of one row, such as (784,).
    who, name
        The caller and its argument, for messages.
    dtype
        float32 or float64, the dtype of the net.
    empty
        Whether there may be no rows.

    Raises
    ------
    DtypeError
        Complex, object, string, date, extended-precision or masked elements.
    ShapeError
        No rows, or rows of another shape.
    DataError
        A missing value in a table.

    Example
    -------
    >>> array, needs_conversion = cnn.data.as_features([[1, 2], [3, 4]], (2,), who="fit")
    >>> array.dtype, needs_conversion
    (dtype('float32'), False)
    """
    if type(row_shape) is not tuple or not isinstance(dtype, np.dtype):
        row_shape = options.lengths(who, row_shape, option="the shape of a row")
        dtype = options.real_dtype(who, dtype)
    array = as_numbers(x, who=who, name=name)
    if array.shape[1:] != row_shape or array.ndim == 0:
        row_shape = options.lengths(who, row_shape, option="the shape of a row")
        raise ShapeError(_wrong_rows(array.shape, row_shape, who, name))
    if array.size == 0 and not options.flag(who, empty, option="empty"):
        raise ShapeError(f"{who}: need {name} with at least one row; got shape {array.shape}")
    array = to_kept_dtype(array, dtype)
    return Features(array, array.dtype != dtype)


def to_kept_dtype(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return float32, float64 and uint8 in the machine's byte order, all else as ``dtype``.

    The result is C-contiguous and aligned; an array that is all of this comes back as it is.
    """
    if array.dtype in _KEPT:
        return in_c_order(array, array.dtype)
    native = array.dtype.newbyteorder("=")
    return in_c_order(array, native if native in _KEPT else dtype)


def in_c_order(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return ``array`` if it is C-contiguous, aligned and of ``dtype``, else a copy that is."""
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.array(array, dtype, order="C")


def check_lengths(who: str, **lengths: int) -> None:
    """Raise `ShapeError` unless all ``lengths``, given by the arrays' names, are equal.

    >>> cnn.data.check_lengths("fit", x=3, y=3)
    >>> cnn.data.check_lengths("fit", x=3, y=4)
    Traceback (most recent call last):
        ...
    cnn_core.errors.ShapeError: fit: need the same number of rows in each; got x 3, y 4
    """
    for name, n in lengths.items():
        options.whole(who, n, 0, option=f"the length of {name}")
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise ShapeError(f"{who}: need the same number of rows in each; got {got}")


def _wrong_rows(shape: tuple[int, ...], row_shape: tuple[int, ...], who: str, name: str) -> str:
    need = f"(N, {', '.join(map(str, row_shape))})" if row_shape else "(N,)"
    text = f"{who}: need {name} of shape {need}; got {shape}"
    if shape == row_shape:
        return f"{text}: for a single row pass {name}[None]"
    if len(shape) != 1 + len(row_shape) and np.prod(shape[1:], dtype=int) == np.prod(row_shape):
        return f"{text}: reshape with {name}.reshape({', '.join(map(str, (-1, *row_shape)))})"
    return text


def as_indices(
    x: Any, row_shape: tuple[int, ...], *, who: str, name: str, empty: bool = False
) -> np.ndarray:
    """Return ``x`` (N, *row_shape), whole numbers of 32 bits, as a C-contiguous int32 array.

    Raises `LabelError`, naming row and value, for fractions, NaN and what 32 bits do not hold;
    else what `as_features` raises.
    """
    array = as_numbers(x, who=who, name=name)
    if array.shape[1:] != tuple(row_shape) or array.ndim == 0:
        raise ShapeError(_wrong_rows(array.shape, tuple(row_shape), who, name))
    if array.size == 0 and not empty:
        raise ShapeError(f"{who}: need {name} with at least one row; got shape {array.shape}")
    if array.dtype != np.int32:
        limits = np.iinfo(np.int32)
        fine = (array >= limits.min) & (array <= limits.max)  # False for NaN
        if array.dtype.kind == "f":
            fine &= array == np.trunc(array)
        if not fine.all():
            at = int(np.argmin(fine))
            row = at // (array.size // len(array))
            raise LabelError(
                f"{who}: need whole numbers of 32 bits in {name}; got {array.flat[at]} in row {row}"
            )
    return in_c_order(array, np.dtype(np.int32))
