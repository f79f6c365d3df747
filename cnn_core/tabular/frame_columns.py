"""Frames of pandas, Polars and Arrow as tables, through narwhals."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core.errors import DataError, DtypeError, LibraryError
from cnn_core.frames import names as names_of
from cnn_core.tabular.table import Column, Table, check_names, numbered, tidy


def of_frame(frame: Any, who: str) -> Table:
    """Return a frame as a table."""
    nw = _narwhals(who)
    names = names_of(frame)
    unnamed = hasattr(frame, "iloc") and names == list(range(len(names)))
    made = check_names(names, who)  # narwhals takes no name that is there twice
    try:
        columns = list(nw.from_native(frame, eager_only=True).iter_columns())
    except TypeError as error:
        raise DtypeError(f"{who}: need a frame of pandas, Polars or Arrow; got "
                         f"{type(frame).__name__}, which narwhals does not read: {error}"
                         ) from error  # fmt: skip
    columns = [_values(c, nw, who, name) for c, name in zip(columns, made, strict=True)]
    return Table(numbered(len(made)) if unnamed else made, columns, named=not unnamed, who=who)


def of_column(column: Any, who: str, name: Any) -> Column:
    """Return a single column of such a package, for `cnn_core.tabular.table.tidy`."""
    if hasattr(column, "to_pylist"):  # Arrow's arrays in one piece, which narwhals does not read
        return tidy(column.to_pylist(), who, name)
    if not hasattr(column, "null_count") and not hasattr(column, "index"):
        return tidy(list(column), who, name)  # an array or an index of pandas, nor these
    nw = _narwhals(who)
    try:
        series = nw.from_native(column, series_only=True)
    except TypeError as error:
        raise DtypeError(f"{who}: need column {name!r} of pandas, Polars or Arrow; got "
                         f"{type(column).__name__}, which narwhals does not read: {error}"
                         ) from error  # fmt: skip
    return _values(series, nw, who, name)


def _narwhals(who: str) -> Any:
    try:
        import narwhals.stable.v1 as nw
    except ImportError as error:
        raise LibraryError(
            f"{who}: need the package narwhals for frames of pandas, Polars and Arrow; got none: "
            f"pip install cnn-core[tabular]"
        ) from error
    return nw


def _values(series: Any, nw: Any, who: str, name: Any) -> Column:
    """Return a column as an array without gaps, but for NaN and NaT, or as a list of objects."""
    kind = series.dtype
    if kind.is_nested():
        raise DataError(
            f"{who}: need column {name!r} of numbers, texts, flags or dates; got {kind}: split it "
            f"into columns of its own, or leave it out"
        )
    if kind.is_temporal() and kind != nw.Time:
        return _times(series, nw)
    if kind == nw.Decimal:
        series, kind = series.cast(nw.Float64), nw.Float64
    if kind.is_numeric():
        return _numbers(series)
    if kind == nw.Boolean and not series.is_null().any():
        return np.asarray(series.to_numpy(), np.bool_)
    return _plain(series)


def _plain(series: Any) -> list[Any]:
    missing = series.is_null().to_numpy().astype(bool)
    values = series.to_list()
    if missing.any():  # some packages have objects of their own for what is missing
        for i in np.flatnonzero(missing):
            values[i] = None
    return values


def _numbers(series: Any) -> np.ndarray:
    missing = np.asarray(series.is_null().to_numpy()).astype(bool)
    if not missing.any():
        made = np.asarray(series.to_numpy())
        return made if made.dtype.kind in "fiub" else np.array(series.to_list(), np.float64)
    values = _plain(series)
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _times(series: Any, nw: Any) -> np.ndarray:
    if series.dtype == nw.Duration:
        return np.asarray(series.to_numpy(), "m8")
    if series.dtype == nw.Date:
        return np.array(_plain(series), "M8[D]")
    if getattr(series.dtype, "time_zone", None) is not None:
        series = series.dt.replace_time_zone(None)
    return np.asarray(series.to_numpy(), "M8")


