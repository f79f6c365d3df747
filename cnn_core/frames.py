"""Tables and columns of pandas, Polars and Arrow as arrays.

None of these packages is imported: a table is known by what it offers.  NumPy alone would make
objects of columns of several types, and NaN of missing values, silently.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core.errors import DataError, DtypeError


def holds_numbers(dtype: np.dtype) -> bool:
    """Tell whether elements of ``dtype`` are real numbers that this package takes."""
    return dtype.kind in "fiub" and dtype.itemsize <= 8


def is_frame(x: Any) -> bool:
    """Tell whether ``x`` is a table with columns of types of their own."""
    return hasattr(x, "__array__") and hasattr(x, "columns")


def is_sparse(x: Any) -> bool:
    """Tell whether ``x`` is a sparse matrix of SciPy."""
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


def is_column(x: Any) -> bool:
    """Tell whether ``x`` has one type, and values that may be missing."""
    return hasattr(x, "__array__") and (hasattr(x, "null_count") or hasattr(x, "isna"))


def names(frame: Any) -> list[Any]:
    """Return the names of the columns."""
    return list(frame.column_names if hasattr(frame, "column_names") else frame.columns)


def frame_array(frame: Any, who: str, name: str) -> np.ndarray:
    """Return a table as numbers (N, I); raise what stands in the way, naming its column."""
    if _is_uniform(frame):
        return np.asarray(frame)
    of = f" of {name}" if name else ""
    columns = [
        column_array(column, who, f"column {label!r}{of}")
        for label, column in zip(names(frame), _columns(frame), strict=True)
    ]
    for label, array in zip(names(frame), columns, strict=True):
        if array.ndim != 1:
            raise DtypeError(
                f"{who}: need one number per row in column {label!r}{of}; got arrays of shape "
                f"{array.shape[1:]}"
            )
    return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0))


def column_array(column: Any, who: str, name: str) -> np.ndarray:
    """Return a column as numbers (N,); raise `DtypeError` or, for a missing value, `DataError`.

    Objects that are all numbers become what NumPy makes of a list of them.
    """
    array, missing = _to_numpy(column), _missing(column)
    if array.dtype == object:
        array = _from_objects(array if missing is None else array[~missing])
    need = name or "a column"
    if not holds_numbers(array.dtype):
        given = getattr(column, "dtype", getattr(column, "type", array.dtype))
        raise DtypeError(
            f"{who}: need {need} to hold real numbers (floating-point, integer or bool); got "
            f"dtype {given}: {_remedy(array.dtype)}"
        )
    if missing is not None:
        raise DataError(
            f"{who}: need {need} without missing values; got one at row {int(missing.argmax())}: "
            f"fill them in, or drop such rows"
        )
    return array


def _is_uniform(frame: Any) -> bool:
    """Tell whether all columns have one numeric dtype of NumPy, so that nothing can be missing."""
    if not hasattr(frame, "iloc"):
        return False
    dtypes = set(frame.dtypes)
    return len(dtypes) == 1 and all(isinstance(d, np.dtype) and holds_numbers(d) for d in dtypes)


def _columns(frame: Any) -> list[Any]:
    if hasattr(frame, "iloc"):  # pandas and those like it; a name may stand there twice
        return [frame.iloc[:, i] for i in range(len(frame.columns))]
    if hasattr(frame, "column_names"):  # Arrow
        return list(frame.columns)
    return [frame[name] for name in frame.columns]


def _to_numpy(column: Any) -> np.ndarray:
    try:
        return np.asarray(column)
    except MemoryError:
        raise
    except Exception:  # some types are no arrays, such as lists of different lengths
        return np.full(len(column), None, object)


def _from_objects(array: np.ndarray) -> np.ndarray:
    try:
        found = np.array(array.tolist())
    except (ValueError, TypeError, OverflowError):
        return array
    return found if found.shape == array.shape else array


def _missing(column: Any) -> np.ndarray | None:
    """Return which values are missing; None where none is.  NaN in NumPy's floats is a number."""
    count = getattr(column, "null_count", None)
    if count is not None:  # Polars: a method, Arrow: a number
        if not (count() if callable(count) else count):
            return None
        return np.asarray(column.is_null()).astype(bool)
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return None
    found = np.asarray(column.isna()).astype(bool)
    return found if found.any() else None


def _remedy(dtype: np.dtype) -> str:
    if dtype.kind in "mM":
        return "make numbers of dates first, such as days since a first one"
    if dtype.kind == "f":
        return "convert it to float64"
    return (
        "make numbers of it, such as a column per value (get_dummies of pandas, to_dummies of "
        "Polars), codes or a cast to float64, or leave it out"
    )
