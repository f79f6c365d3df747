"""The doors for labels, regression targets and sample weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers, check_finite, check_range
from cnn_core.data.arrays import in_c_order
from cnn_core.errors import DataError, DtypeError, LabelError, ShapeError

NOT_FINITE = "fill them in, drop such rows or give them sample_weight 0"
"""What to do about data that are not finite."""

_REAL = (np.dtype(np.float32), np.dtype(np.float64))

_UNSIGNED = {np.dtype(np.int32): np.dtype(np.uint32), np.dtype(np.int64): np.dtype(np.uint64)}

_FLOAT32_REACH, _FLOAT64_REACH = 60, 500
"""Exponents of two between which weights, their sums and quotients stay normal numbers."""


def as_labels(
    y: Any,
    n_classes: int,
    *,
    name: str = "y",
    who: str = "labels",
    ignore_index: int | None = None,
) -> np.ndarray:
    """Return class labels (N,) or (N, 1) as int32 (N,), C-contiguous.

    Parameters
    ----------
    y
        Integers of any size, bool, or floating-point numbers without a fraction, each in
        0 .. n_classes - 1.  int32 that is contiguous comes back as it is.
    n_classes
        C, the number of classes.
    name, who
        The argument and its caller, for messages.
    ignore_index
        A label that is let through although it is outside the range.

    Raises
    ------
    LabelError
        A label has a fraction, is NaN or infinite, or is out of range; the message names the
        first such row and its value.
    ShapeError
        Another shape, or no rows.
    DtypeError
        Elements that are no real numbers.

    Example
    -------
    >>> cnn.data.as_labels([2.0, 0.0, 1.0], 3)
    array([2, 0, 1], dtype=int32)
    """
    n_classes = options.whole(who, n_classes, option="n_classes")
    if ignore_index is not None:
        ignore_index = options.int32(who, ignore_index, option="ignore_index")
    try:
        array = as_numbers(y, who=who, name=name)
    except DtypeError as error:
        hint = (
            f"encode labels as 0 .. {n_classes - 1}, such as with numpy.unique(return_inverse=True)"
        )
        raise DtypeError(f"{error}; {hint}") from error
    column = _as_column(array, n_classes, who, name)
    if column.dtype.kind == "b":
        column = column.view(np.uint8)
    if column.dtype.kind == "f":
        wrong = ~(np.isfinite(column) & (column == np.trunc(column)))
        if wrong.any():
            row = int(wrong.argmax())
            raise LabelError(
                f"{who}: need integral labels in {name}; got {column[row]} in row {row}"
            )
    unsigned = _UNSIGNED.get(column.dtype)  # where a negative label is a huge one
    if (column if unsigned is None else column.view(unsigned)).max() >= n_classes or (
        unsigned is None and column.min() < 0
    ):
        _check_range(column, n_classes, who, name, ignore_index)
    return in_c_order(column, np.dtype(np.int32))


def _as_column(array: np.ndarray, n_classes: int, who: str, name: str) -> np.ndarray:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        one_hot = array.ndim == 2 and array.shape[1] == n_classes
        hint = f": for rows with one 1 each pass {name}.argmax(axis=1)" if one_hot else ""
        raise ShapeError(f"{who}: need {name} of shape (N,) or (N, 1); got {array.shape}{hint}")
    if array.size == 0:
        raise ShapeError(f"{who}: need {name} with at least one row; got shape {array.shape}")
    return array


def _check_range(
    column: np.ndarray, n_classes: int, who: str, name: str, ignore_index: int | None
) -> None:
    wrong = (column < 0) | (column >= n_classes)
    if ignore_index is not None:
        wrong &= column != ignore_index
    if wrong.any():
        row = int(wrong.argmax())
        also = "" if ignore_index is None else f" or {ignore_index} (ignored)"
        raise LabelError(
            f"{who}: need labels 0 .. {n_classes - 1}{also} in {name}; "
            f"got {int(column[row])} in row {row}"
        )


def as_targets(
    y: Any,
    row_shape: tuple[int, ...],
    *,
    name: str = "y",
    who: str = "targets",
    dtype: Any = np.float32,
    finite: bool = True,
) -> np.ndarray:
    """Return regression targets (N, *row_shape), C-contiguous, float32 or float64.

    Parameters
    ----------
    y
        (N, *row_shape); for one output, row_shape (1,), also (N,).  float32 and float64 stay
        as they are, all other real numbers are converted to ``dtype``.
    row_shape
        The shape of one row, such as (O,).
    name, who
        The argument and its caller, for messages.
    dtype
        float32 or float64, the dtype of the net.
    finite
        Look for NaN and infinity.

    Raises
    ------
    ShapeError
        Another shape, or no rows.
    DtypeError
        Elements that are no real numbers.
    DataError
        NaN or infinity; the message names the first row and column.

    Example
    -------
    >>> cnn.data.as_targets([1, 2, 3], (1,)).shape
    (3, 1)
    """
    row_shape = options.lengths(who, row_shape, option="the shape of a row")
    dtype = options.real_dtype(who, dtype)
    finite = options.flag(who, finite, option="finite")
    array = as_numbers(y, who=who, name=name)
    if row_shape == (1,) and array.ndim == 1:
        array = array[:, None]
    if array.shape[1:] != row_shape or array.ndim == 0:
        need = f"(N, {', '.join(map(str, row_shape))})" if row_shape else "(N,)"
        need += " or (N,)" if row_shape == (1,) else ""
        raise ShapeError(f"{who}: need {name} of shape {need}; got {array.shape}")
    if array.size == 0:
        raise ShapeError(f"{who}: need {name} with at least one row; got shape {array.shape}")
    array = _as_real(array, dtype)
    if finite:
        check_finite(array, f"targets {name}", who=who, dtype=dtype, source=y, hint=NOT_FINITE)
    else:
        check_range(array, f"targets {name}", who=who, dtype=dtype, source=y)
    return array


def as_weights(
    w: Any, n: int, *, name: str = "sample_weight", who: str = "weights", dtype: Any = np.float32,
    ratios: bool = True,
) -> np.ndarray:  # fmt: skip
    """Return weights of ``n`` rows, shape (n,), C-contiguous, float32 or float64.

    Where only their ``ratios`` matter, weights that float32 could not hold, or whose sums it could
    not, are multiplied by a power of two.  Any other array of float32 or float64 comes back as it
    is.

    Raises `ShapeError` unless ``w`` is (n,), `DtypeError` for elements that are no real
    numbers, `DataError` for a negative, NaN or infinite weight (naming its row), if no weight is
    above zero and, without ``ratios``, for weights that ``dtype`` cannot hold.

    Example
    -------
    >>> cnn.data.as_weights([1, 0, 2], 3)
    array([1., 0., 2.], dtype=float32)
    """
    n, dtype = options.whole(who, n, option="n"), options.real_dtype(who, dtype)
    ratios = options.flag(who, ratios, option="ratios")
    array = as_numbers(w, who=who, name=name)
    if array.shape != (n,):
        raise ShapeError(f"{who}: need {name} of shape ({n},), one per row; got {array.shape}")
    array = _as_real(array, dtype)
    low, high = (float(array.min()), float(array.max())) if n else (0.0, 0.0)
    if not (low >= 0 and high < np.inf):  # NaN is neither
        row = int((~((array >= 0) & np.isfinite(array))).argmax())
        raise DataError(f"{who}: need finite {name} >= 0; got {array[row]} in row {row}")
    if high == 0:
        raise DataError(f"{who}: need one {name} above 0 or more; got {n} zeros")
    if not ratios:
        check_range(array, name, who=who, dtype=dtype, source=w)
        return array
    reach = _FLOAT64_REACH if array.dtype == dtype == np.float64 else _FLOAT32_REACH
    if low >= 2.0**-reach and high <= 2.0**reach:
        return array
    return _scaled(array, reach)


def _scaled(weights: np.ndarray, reach: int) -> np.ndarray:
    """Return weights in the middle of the range that sums and quotients of them need.

    A power of two changes no bit of a weighted mean.
    """
    low = int(np.frexp(weights.min(where=weights > 0, initial=np.inf))[1])
    high = int(np.frexp(weights.max())[1])
    if -reach <= low and high <= reach:
        return weights
    shift = max((low + high) // 2, high - reach)
    return np.ldexp(weights.astype(np.float64), -shift).astype(weights.dtype)


def _as_real(array: np.ndarray, dtype: Any) -> np.ndarray:
    if array.dtype in _REAL:
        return in_c_order(array, array.dtype)
    native = array.dtype.newbyteorder("=")
    return in_c_order(array, native if native in _REAL else np.dtype(dtype))
