"""`Table`: named columns of one length, of whatever a caller has.

A column is an array of NumPy (numbers, flags or datetime64 in microseconds; NaN and NaT are
missing) or a list of anything: texts as a file has them, objects, None.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, DtypeError, ShapeError
from cnn_core.frames import is_column, is_frame, is_sparse
from cnn_core.naming import hint
from cnn_core.tabular.dates import in_microseconds
from cnn_core.tabular.values import plain

Column = np.ndarray | list
"""What `Table.columns` holds."""

NEED = (
    "a table: a frame of pandas, Polars or Arrow, an array (N, columns), a dictionary of columns, "
    "a dictionary or a list of dictionaries for rows, or the path of a CSV file"
)


class Table:
    """Columns by name, and how many rows they have.

    Parameters
    ----------
    names, columns
        As many of the one as of the other.  A name is a text or a whole number.
    named
        False where the names only count the columns, as for an array or a file without a header:
        such a table is told from another by the place of its columns.
    source
        The file that it is from, for messages.

    Raises `DataError` for a name that is there twice, `ShapeError` for columns of different
    lengths, `OptionError` for what is no name.

    >>> from cnn_core.tabular import Table
    >>> table = Table(["age", "job"], [np.array([31, 45]), ["cook", "nurse"]])
    >>> table, table.n_rows
    (Table(2 rows, columns age, job), 2)
    """

    def __init__(
        self, names: Sequence[Any], columns: Sequence[Any], *, named: bool = True, source: str = "",
        who: str = "Table",
    ) -> None:  # fmt: skip
        source = options.string(who, source, option="source")
        self.names = check_names(names, f"{who}: {source}" if source else who)
        columns = options.items(who, columns, "columns", "list")
        if len(columns) != len(self.names):
            raise ShapeError(f"{who}: need as many names as columns; got {len(self.names)} and "
                             f"{len(columns)}")  # fmt: skip
        self.columns = [tidy(column, who, name)
                        for name, column in zip(self.names, columns, strict=True)]  # fmt: skip
        self.named, self.source = options.flag(who, named, option="named"), source
        lengths = {len(column) for column in self.columns}
        if len(lengths) > 1:
            each = zip(self.names, self.columns, strict=True)
            found = ", ".join(f"{len(column)} in {name!r}" for name, column in each)
            raise ShapeError(f"{who}: need columns of one length; got {found[:500]}")
        self.n_rows = lengths.pop() if lengths else 0

    def __len__(self) -> int:
        return self.n_rows

    def __repr__(self) -> str:
        return f"Table({self.n_rows} rows, columns {', '.join(map(str, self.names))})"

    def column(self, name: Any, who: str = "Table") -> Column:
        """Return a column; raise `DataError` where there is none of that name."""
        for other, column in zip(self.names, self.columns, strict=True):
            if type(other) is type(name) and other == name:
                return column
        raise DataError(f"{who}: need a column among {listed(self.names)}; got "
                        f"{options.shown(name)}{hint(name, map(str, self.names))}")  # fmt: skip

    def without(self, name: Any, who: str = "Table") -> Table:
        """Return a table without one of the columns, such as the target."""
        self.column(name, who)
        kept = [i for i, other in enumerate(self.names) if other != name]
        return Table([self.names[i] for i in kept], [self.columns[i] for i in kept],
                     named=self.named, source=self.source)  # fmt: skip


def as_table(x: Any, who: str = "Table") -> Table:
    """Return whatever a caller has as a `Table`.

    Raises `DtypeError` for what is no table, `ShapeError` for rows or columns of different
    lengths, `DataError` for names that are there twice and files that are damaged, `OSError` for
    files that cannot be opened, `LibraryError` where a frame needs narwhals.

    >>> from cnn_core.tabular import as_table
    >>> as_table([{"age": 31, "job": "cook"}, {"age": 45, "job": "nurse"}])
    Table(2 rows, columns age, job)
    """
    if isinstance(x, Table):
        return x
    if isinstance(x, (str, os.PathLike)):
        from cnn_core.tabular.csv_files import read_table

        return read_table(x, who=who)
    if isinstance(x, Mapping):
        return _of_mapping(x, who)
    if isinstance(x, np.ndarray):
        return _of_array(x, who)
    if is_sparse(x):
        raise DtypeError(f"{who}: need a table; got a sparse matrix: convert it with .toarray()")
    if is_frame(x):
        from cnn_core.tabular.frame_columns import of_frame

        return of_frame(x, who)
    if isinstance(x, (list, tuple)):
        return _of_rows(x, who)
    hint = ": for one row pass column.to_dict()" if is_column(x) else ""
    raise DtypeError(f"{who}: need {NEED}; got {options.shown(x)}{hint}")


def is_row(x: Any) -> bool:
    """Tell whether a dictionary is one row: none of its values is a column."""
    return not any(map(_is_sequence, x.values()))


def _is_sequence(value: Any) -> bool:
    if isinstance(value, (str, bytes)):
        return False
    if isinstance(value, (list, tuple, range)) or is_column(value):
        return True
    return isinstance(value, np.ndarray) and value.ndim > 0


def _of_mapping(x: Mapping[Any, Any], who: str) -> Table:
    if not x:
        raise DataError(f"{who}: need one column or more; got an empty dictionary")
    if is_row(x):
        return Table(list(x), [[value] for value in x.values()], who=who)
    odd = [name for name, value in x.items() if not _is_sequence(value)]
    if odd:
        raise DtypeError(
            f"{who}: need a dictionary of columns or of single values; got both: "
            f"{options.shown(odd[0])} is {options.shown(x[odd[0]])}"
        )
    return Table(list(x), list(x.values()), who=who)


def _of_array(x: np.ndarray, who: str) -> Table:
    if isinstance(x, np.ma.MaskedArray):
        raise DtypeError(f"{who}: need a table without a mask; got a masked array: fill it first, "
                         f"such as with .filled(numpy.nan)")  # fmt: skip
    if x.dtype.names:
        return Table(x.dtype.names, [x[name] for name in x.dtype.names], who=who)
    if x.ndim != 2:
        hint = ": for one column pass x[:, None], for one row x[None]" if x.ndim == 1 else ""
        raise ShapeError(f"{who}: need an array (N, columns); got shape {x.shape}{hint}")
    return Table(numbered(x.shape[1]), list(x.T), named=False, who=who)


def _of_rows(x: Sequence[Any], who: str) -> Table:
    if not x:
        raise DataError(f"{who}: need rows; got an empty {type(x).__name__}")
    if all(isinstance(row, Mapping) for row in x):
        names = list(dict.fromkeys(name for row in x for name in row))
        return Table(names, [[row.get(name) for row in x] for name in names], who=who)
    for i, row in enumerate(x):
        is_array = isinstance(row, np.ndarray) and row.ndim == 1
        if not is_array and not isinstance(row, (list, tuple)):
            raise DtypeError(f"{who}: need {NEED}; got {options.shown(row)} in row {i}")
        if len(row) != len(x[0]):
            raise ShapeError(
                f"{who}: need rows of one length; got {len(x[0])} values in row 0 and {len(row)} "
                f"in row {i}"
            )
    return Table(numbered(len(x[0])), list(map(list, zip(*x, strict=True))), named=False, who=who)


def numbered(n: int) -> list[str]:
    """Return the names of ``n`` columns that have none: x0, x1, ..."""
    return [f"x{i}" for i in range(n)]


def check_names(names: Iterable[Any], who: str) -> list[Any]:
    """Return names of columns; raise where one is there twice or is no name."""
    made: dict[Any, int] = {}
    for i, name in enumerate(options.items(who, names, "names of columns")):
        if not isinstance(name, str) and not options.is_whole(name):
            raise options.refuse(who, "names of columns that are texts or whole numbers", name)
        name = str(name) if isinstance(name, str) else int(name)
        if name in made:
            raise DataError(f"{who}: need names of columns that differ; got {name!r} for columns "
                            f"{made[name] + 1} and {i + 1}")  # fmt: skip
        made[name] = i
    return list(made)


def listed(names: Iterable[Any], most: int = 12) -> str:
    """Return names for a message, the first of many.

    >>> listed("abc", 2)
    "'a', 'b' and 1 more"
    """
    names = list(names)
    text = ", ".join(map(options.shown, names[:most]))
    return text + (f" and {len(names) - most} more" if len(names) > most else "")


_SPANS = {timedelta, np.timedelta64}
_NO_VALUES = {list, tuple, dict, set, frozenset, np.ndarray, complex}


def tidy(values: Any, who: str, name: Any) -> Column:
    """Return what somebody calls a column as one that a `Table` holds."""
    if isinstance(values, list):
        return _of_list(values, who, name)
    if not isinstance(values, np.ndarray):
        if is_column(values):
            from cnn_core.tabular.frame_columns import of_column

            return tidy(of_column(values, who, name), who, name)
        if isinstance(values, (tuple, range)):
            return _of_list(list(values), who, name)
        raise DtypeError(f"{who}: need column {name!r} as a list or an array; got "
                         f"{options.shown(values)}")  # fmt: skip
    if isinstance(values, np.ma.MaskedArray) or values.ndim != 1 or values.dtype.kind in "cV":
        masked = "with a mask " if isinstance(values, np.ma.MaskedArray) else ""
        raise DtypeError(
            f"{who}: need column {name!r} as an array (N,) of numbers, texts or dates; got one "
            f"{masked}of shape {values.shape}, {values.dtype}"
        )
    if values.dtype.kind in "OUST":
        return _of_list(values.tolist(), who, name)
    if values.dtype.kind == "M":
        return in_microseconds(values).view("M8[us]")
    if values.dtype.kind == "m":
        return values / np.timedelta64(1, "s")  # of NaT NaN
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        return values.astype(np.float64)
    return values


def _of_list(values: list[Any], who: str, name: Any) -> Column:
    types = set(map(type, values))
    if types & _NO_VALUES:
        found = next(v for v in values if type(v) in _NO_VALUES)
        raise DtypeError(f"{who}: need numbers, texts, flags or dates in column {name!r}; got "
                         f"{options.shown(found)}")  # fmt: skip
    try:
        if types == {int}:
            return np.array(values, np.int64)
        if types == {bool}:
            return np.array(values, np.bool_)
        if types in ({float}, {float, int}):
            return np.array(values, np.float64)
    except OverflowError:  # a whole number of more than 64 bits
        return values
    if types & _SPANS:
        values = [plain(v) for v in values]
        if types <= _SPANS | {type(None)}:
            return np.array([np.nan if v is None else v for v in values], np.float64)
    if types and all(issubclass(t, np.generic) and not issubclass(t, (np.str_, np.bytes_, np.void))
                     for t in types):  # fmt: skip
        made = np.array(values)
        if made.dtype.kind in "fiubM" and made.ndim == 1:
            return tidy(made, who, name)
    if np.datetime64 in types:
        return [plain(v) for v in values]
    return values
