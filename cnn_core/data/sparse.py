"""The door for sparse features: SciPy's matrices as rows that the C core reads where they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_core._ext.core import first_misplaced
from cnn_core.arrays import find_beyond
from cnn_core.errors import DataError, DtypeError, ShapeError
from cnn_core.frames import holds_numbers

_INT32_MAX = 2**31 - 1


class SparseRows:
    """Rows (N, I) of which the C core reads the entries that are given; all others are 0.

    ``rows`` (N, 3) int64 holds for each row the addresses of its columns and values and how many
    there are (cnn_sparse.h), ``most`` is no smaller than any value.
    """

    __slots__ = ("_columns", "_values", "most", "rows", "width")

    def __init__(
        self, rows: np.ndarray, width: int, most: float, columns: np.ndarray, values: np.ndarray
    ) -> None:
        self.rows, self.width, self.most = rows, width, most
        self._columns, self._values = columns, values

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice | np.ndarray) -> SparseRows:
        return SparseRows(self.rows[part], self.width, self.most, self._columns, self._values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Row, column and value of each entry."""
        first, counts = self.rows[:, 0] - self._columns.ctypes.data, self.rows[:, 2]
        row = np.repeat(np.arange(len(self)), counts)
        at = np.repeat(first // self._columns.itemsize - np.cumsum(counts) + counts, counts)
        at += np.arange(len(at))
        return np.stack([row, self._columns[at], self._values[at]], axis=1)

    def dense(self) -> np.ndarray:
        """The rows as a dense array, of the type of the values: for what few of them hold."""
        made = np.zeros(self.shape, self._values.dtype)
        entries = np.array(self)
        row, column = entries[:, :2].astype(np.int64).T
        made[row, column] = entries[:, 2]
        return made

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.width

    @property
    def dtype(self) -> np.dtype:
        """That of `rows`."""
        return self.rows.dtype

    @property
    def ctypes(self) -> Any:
        """That of `rows`, for their address."""
        return self.rows.ctypes

    def entries(self, n_rows: int) -> int:
        """Return how many entries ``n_rows`` of the rows have at most, whichever they are."""
        counts = self.rows[:, 2]
        if len(counts) > n_rows:
            counts = np.partition(counts, len(counts) - n_rows)[len(counts) - n_rows :]
        return int(counts.sum())


def as_sparse(
    x: Any, width: int, *, who: str, name: str, dtype: np.dtype, reach: float, scale: float = 1.0,
    finite: bool = True, idle: Callable[[], np.ndarray] | None = None, hint: str = "",
    empty: bool = False,
) -> SparseRows:  # fmt: skip
    """Return a SciPy matrix (N, ``width``) as rows that the C core reads; it stays as it is.

    CSR is read where it lies if it has int32 columns in ascending order and values of ``dtype``;
    other formats, and what is out of order or stands there twice, are converted once.  ``reach`` is
    the largest magnitude that may come, which ``scale`` then multiplies; NaN and infinity are
    refused with ``finite``.  ``idle`` returns the numbers of rows that count nothing: where they
    hold such numbers they are taken as empty.  ``empty``: there may be no rows.

    Raises `ShapeError`, `DtypeError` and, naming row and column, `DataError`.
    """
    shape = tuple(x.shape)
    if len(shape) != 2 or shape[1] != width:
        raise ShapeError(f"{who}: need {name} of shape (N, {width}); got {shape}")
    if shape[0] == 0 and not empty:
        raise ShapeError(f"{who}: need {name} with at least one row; got shape {shape}")
    if not holds_numbers(x.dtype):
        need = "of real numbers (floating-point, integer or bool)"
        raise DtypeError(f"{who}: need {name} {need}; got dtype {x.dtype}")
    if width > _INT32_MAX:
        raise ShapeError(f"{who}: need at most {_INT32_MAX} columns in {name}; got {width}")
    start, columns, values = _canonical(x, width, who, name)
    empty = _not_numbers(start, columns, values, reach, finite, idle, who, name, dtype, hint)
    if values.dtype != dtype or not values.flags.c_contiguous or not values.flags.aligned:
        with np.errstate(over="ignore"):  # of rows that count nothing
            values = np.array(values, dtype, order="C")
    if scale != 1:
        values = values * dtype.type(scale)
    n = len(start) - 1
    rows = np.empty((n, 3), np.int64)
    rows[:, 0] = columns.ctypes.data + start[:-1] * columns.itemsize
    rows[:, 1] = values.ctypes.data + start[:-1] * values.itemsize
    np.subtract(start[1:], start[:-1], out=rows[:, 2])
    rows[empty, 2] = 0
    most = max(float(values.max()), -float(values.min())) if len(values) else 0.0
    return SparseRows(rows, width, most, columns, values)


def _canonical(
    x: Any, width: int, who: str, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, columns and values of ``x``, its rows in order, without repetition."""
    csr = x if getattr(x, "format", "") == "csr" else x.tocsr()
    *found, in_order = _read(csr, width, who, name)
    if not in_order:
        csr = csr.copy()
        csr.has_sorted_indices = csr.has_canonical_format = False  # whatever it says of itself
        csr.sum_duplicates()
        *found, _ = _read(csr, width, who, name)
    return tuple(found)  # type: ignore[return-value]


def _read(csr: Any, width: int, who: str, name: str) -> tuple:
    """Return starts as int64, columns as int32, values, and whether each row is in order."""
    start = np.ascontiguousarray(csr.indptr, np.int64)
    columns, values = np.asarray(csr.indices), np.asarray(csr.data)
    n = min(len(columns), len(values))
    broken = len(start) != csr.shape[0] + 1 or start[0] < 0 or start[-1] > n
    if broken or (np.diff(start) < 0).any():
        got = f"indptr of {len(start)}, from {start[0]} to {start[-1]}, over {n}"
        raise DataError(f"{who}: need {name} with a start for each row, ascending; got {got}")
    if columns.dtype != np.int32:  # too large a number becomes one that is out of range as well
        columns = np.clip(columns, -1, _INT32_MAX).astype(np.int32)
    columns = np.ascontiguousarray(columns)
    found = first_misplaced(start, columns, width)
    if found <= -2:
        at = -2 - found
        got = f"{csr.indices[at]} in row {_row_of(start, at)}"
        raise DataError(f"{who}: need columns 0 .. {width - 1} in {name}; got {got}")
    return start, columns, values, found == -1


def _row_of(start: np.ndarray, entry: Any) -> Any:
    return np.searchsorted(start, entry, "right") - 1


def _not_numbers(
    start: np.ndarray, columns: np.ndarray, values: np.ndarray, reach: float, finite: bool,
    idle: Callable[[], np.ndarray] | None, who: str, name: str, dtype: np.dtype, hint: str,
) -> np.ndarray:  # fmt: skip
    """Return the rows to take as empty, since they count nothing and hold NaN or too large ones."""
    used = values[start[0] : start[-1]]
    if used.dtype.kind != "f" or find_beyond(used, reach) < 0:
        return np.zeros(0, np.int64)
    beyond = np.flatnonzero(~(np.abs(used) <= reach)) + start[0]
    rows = _row_of(start, beyond)
    counts_nothing = np.isin(rows, idle() if idle is not None else ())
    wrong = ~counts_nothing
    if not finite:
        wrong &= np.isfinite(values[beyond])
    if wrong.any():
        at = int(beyond[wrong.argmax()])
        place = f"{values[at]} at row {rows[wrong.argmax()]}, column {columns[at]}"
        if np.isfinite(values[at]):
            raise DataError(
                f"{who}: need {name} within {dtype}, up to {np.finfo(dtype).max:.4g} in magnitude; "
                f"got {place}: scale it, or use float64"
            )
        raise DataError(f"{who}: need finite values in {name}; got {place}{hint and ': ' + hint}")
    return np.unique(rows[counts_nothing])
