"""The door for arrays: what a caller's array must be, wherever it comes in.

An array holds real numbers: floating-point of at most 64 bits, integer or bool.  What is masked,
missing, complex, an object, text, a date or of extended precision is refused, never guessed, and
a finite number that the dtype at hand cannot hold is named.  NaN and infinity are numbers here;
`check_finite` is for callers who need none.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from cnn_core import options
from cnn_core._ext.core import first_beyond
from cnn_core.errors import DataError, DtypeError, ShapeError
from cnn_core.frames import (
    column_array,
    frame_array,
    holds_numbers,
    is_column,
    is_frame,
    is_sparse,
    names,
)

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_BLOCK = 1 << 20  # elements copied to be looked at
_NUMBERS = frozenset({float, int, bool})
_MAX_DEPTH = 64  # of lists in lists: NumPy takes no more axes

REACH = {
    _FLOAT32: float(np.nextafter(2.0**128 - 2.0**103, 0)),  # above it float32 rounds to infinity
    _FLOAT64: float(np.finfo(np.float64).max),
}
"""The largest magnitude that each dtype of a net can hold, once rounded."""


def as_numbers(x: Any, *, who: str, name: str = "", need: str = "") -> np.ndarray:
    """Return ``x`` as an array of real numbers; no copy of what already is one.

    A table or a column of pandas, Polars or Arrow may hold numbers of several types, also
    nullable ones, bool, and categories that are numbers.  ``who`` and ``name`` are the caller
    and its argument, for messages; ``need`` says instead of ``name`` what is needed.

    Raises
    ------
    DtypeError
        Elements that are no real numbers, or a mask; of a table, the column is named.
    ShapeError
        Lists of different lengths.
    DataError
        A missing value in a table; the message names column and row.

    Example
    -------
    >>> as_numbers([[True, False]], who="predict", name="x").dtype
    dtype('bool')
    """
    if type(x) is not np.ndarray:
        if _is_masked(x):
            raise _masked(who, name or need or "numbers")
        if not isinstance(x, (np.ndarray, np.generic, list, tuple, float, int)):
            if is_frame(x):
                return frame_array(x, who, name)
            if is_column(x):
                return column_array(x, who, name)
            if is_sparse(x):
                raise DtypeError(
                    f"{who}: need {need or name or 'numbers'} as a dense array; got a sparse "
                    f"matrix: features may be one, in Trainer and predict, where dense layers "
                    f"alone read them; else convert it with .toarray()"
                )
        x = _to_array(x, who, name, need)
    if not holds_numbers(x.dtype):
        nothing = x.shape == () and x.dtype == object and x.item() is None
        convertible = x.dtype.kind == "f" or (x.dtype == object and x.ndim > 0)
        raise DtypeError(
            f"{who}: need {need or _needed(name)}; got {'None' if nothing else f'dtype {x.dtype}'}"
            + (f": convert with {name or 'array'}.astype(numpy.float64)" if convertible else "")
        )
    return x


def as_plain(x: Any, *, who: str, name: str) -> np.ndarray:
    """Return ``x`` as an array of anything without a mask, of numbers where it can be.

    For callers that only move elements about.
    """
    if _is_masked(x):
        raise _masked(who, name)
    try:
        return as_numbers(x, who=who, name=name)
    except (DtypeError, DataError):
        return _to_array(x, who, name, "")


def refuse_mask(x: Any, *, who: str, name: str) -> None:
    """Raise `DtypeError` if ``x`` has a mask; for arrays that are written to."""
    if _is_masked(x):
        raise _masked(who, name)


def _needed(name: str) -> str:
    return f"{name} of real numbers (floating-point, integer or bool)" if name else "real numbers"


def _to_array(x: Any, who: str, name: str, need: str) -> np.ndarray:
    try:
        return np.asarray(x)
    except MemoryError:
        raise
    except ValueError as error:
        rows = f"{name} with" if name else f"{need or _needed(name)} in"
        raise ShapeError(f"{who}: need {rows} rows of equal length; got {error}") from error
    except Exception as error:  # an __array__ may raise anything
        got = f"{type(x).__name__}, which says: {error}"
        raise DtypeError(f"{who}: need {need or _needed(name)}; got {got}") from error


def _masked(who: str, need: str) -> DtypeError:
    return DtypeError(
        f"{who}: need {need} without a mask; got a masked array: fill it first, such as with "
        f".filled(0)"
    )


def _is_masked(x: Any, depth: int = 0) -> bool:
    """Tell whether ``x``, or an element of lists within, has a mask that NumPy would drop."""
    if isinstance(x, np.ma.MaskedArray):
        return True
    if not isinstance(x, (list, tuple)) or depth > _MAX_DEPTH:
        return False
    if _NUMBERS.issuperset(map(type, x)):
        return False
    return any(_is_masked(element, depth + 1) for element in x)


# -- values -----------------------------------------------------------------------------------


def as_real(array: np.ndarray, dtype: np.dtype, *, who: str, name: str = "") -> np.ndarray:
    """Return ``array``, real numbers, as ``dtype``; itself where it is of that dtype.

    Raises `DataError` for a finite number that ``dtype`` cannot hold, naming where it is.
    """
    if array.dtype == dtype:
        return array
    if array.dtype.itemsize > dtype.itemsize and first_beyond(array, REACH[dtype]) != -1:
        check_range(array, name, who=who, dtype=dtype)
    return array.astype(dtype)


def reach_of(dtype: Any, scale: float = 1.0, shift: float = 0.0) -> float:
    """Return the largest |x| for which ``x`` and ``x * scale + shift`` stay within ``dtype``."""
    dtype = np.dtype(dtype)
    most = REACH[dtype]
    if scale == 1 and shift == 0:
        return most
    return min(most, (float(np.finfo(dtype).max) - abs(shift)) / max(abs(scale), 1.0))


def check_finite(
    x: np.ndarray, name: str, *, who: str = "check_finite", dtype: Any = np.float64,
    reach: float | None = None, source: Any = None, hint: str = "",
) -> None:  # fmt: skip
    """Raise `DataError` that names the first row and column of ``x`` with NaN or infinity.

    ``x`` (N, ...) is looked at block by block: of a memory-mapped array only one block is in
    memory at a time.  Integers pass unread.  ``dtype`` is what the numbers will be converted to
    and ``reach`` the largest magnitude that it can take: what is beyond is named, too.
    ``source`` is what the caller was given: if that is a table, the message has the column's
    name.  ``hint`` says what to do.

    >>> cnn.data.check_finite(np.array([[1.0, 2.0], [3.0, np.nan]]), "x", who="fit")
    Traceback (most recent call last):
        ...
    cnn_core.errors.DataError: fit: need finite values in x; got nan at row 1, column 1
    """
    x, dtype = as_numbers(x, who=who, name=name), options.real_dtype(who, dtype)
    reach = reach_of(dtype) if reach is None else options.number(who, reach, 0, option="reach")
    at = find_beyond(x, reach)
    if at < 0:
        return
    if np.isfinite(x.flat[at]):
        _raise_range(x, at, name, who, dtype, source)
    raise DataError(
        f"{who}: need finite values{' in ' + name if name else ''}; got {x.flat[at]}"
        f"{place(x, at, source)}{': ' + hint if hint else ''}"
    )


def is_mapped(x: np.ndarray) -> bool:
    """Tell whether ``x`` is a view of a `numpy.memmap`."""
    base: Any = x
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return isinstance(base, np.memmap)


def check_range(
    x: np.ndarray, name: str, *, who: str, dtype: Any, reach: float | None = None,
    source: Any = None,
) -> None:  # fmt: skip
    """Do what `check_finite` does, but let NaN and infinity pass."""
    reach = reach_of(dtype) if reach is None else reach
    at = find_beyond(x, reach)
    if at >= 0 and not np.isfinite(x.flat[at]):
        at = _find_finite_beyond(x, reach)
    if at >= 0:
        _raise_range(x, at, name, who, dtype, source)


def find_beyond(x: np.ndarray, reach: float) -> int:
    """Return the number of the first element of ``x`` that is NaN or beyond ``reach``, or -1.

    Elements are counted in row-major order.  An integer never is beyond.
    """
    found = first_beyond(x, reach)
    if found != -2:
        return found
    rows, n, width = _in_blocks(x)
    for begin in range(0, len(rows), n):
        block = np.array(rows[begin : begin + n], np.float64, order="C")
        found = first_beyond(block, reach)
        if found >= 0:
            return begin * width + found
    return -1


def _in_blocks(x: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return ``x`` as rows, how many of them to look at together, and the elements of one."""
    rows = x.reshape(1) if x.ndim == 0 else x
    width = rows.size // max(len(rows), 1)
    return rows, max(1, _BLOCK // max(width, 1)), width


def _find_finite_beyond(x: np.ndarray, reach: float) -> int:
    rows, n, width = _in_blocks(x)
    for begin in range(0, len(rows), n):
        block = np.abs(rows[begin : begin + n]).reshape(-1)
        beyond = (block > np.float64(reach)) & (block < np.inf)
        if beyond.any():
            return begin * width + int(beyond.argmax())
    return -1


def _raise_range(x: np.ndarray, at: int, name: str, who: str, dtype: Any, source: Any) -> NoReturn:
    raise DataError(
        f"{who}: need {name + ' ' if name else 'numbers '}within {np.dtype(dtype)}, up to "
        f"{np.finfo(dtype).max:.4g} in magnitude; got {x.flat[at]}{place(x, at, source)}: scale "
        f"it, or use float64"
    )


def place(x: np.ndarray, at: int, source: Any = None) -> str:
    """Return " at row 3, column 5" for element ``at`` of ``x``; for a single number nothing."""
    if x.ndim == 0:
        return ""
    row, *rest = (int(i) for i in np.unravel_index(at, x.shape))
    if not rest:
        return f" at row {row}"
    if len(rest) > 1:
        return f" at row {row}, column {tuple(rest)}"
    label = f" ({names(source)[rest[0]]!r})" if source is not None and is_frame(source) else ""
    return f" at row {row}, column {rest[0]}{label}"
