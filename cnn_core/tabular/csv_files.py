"""CSV files: read in chunks, whatever their size; delimiter, header and encoding told from them.

Errors name the file, the line and, where there is one, the column.
"""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError
from cnn_core.tabular import csv_look
from cnn_core.tabular.csv_rows import Chunk, chunks_of
from cnn_core.tabular.table import Table, check_names, numbered
from cnn_core.tabular.values import floats_of, is_code

CHUNK = 2048
"""Rows read at a time: what they are made into stays in the second-level cache."""


class CsvFile:
    """A CSV file that is read again and again; its options told from its beginning.

    Parameters
    ----------
    path
        A file as `csv` of the standard library reads it; with the ending .gz, compressed.
    delimiter
        One letter; None: the one among comma, semicolon, tab and bar that parts the first rows
        into equally many fields.
    header
        Whether the first row holds names; None: told from the rows (see `csv_look.has_header`).
    encoding
        None: UTF-8, also with a byte order mark, and UTF-16 with one.
    names
        Names that are expected, by which a header is known.

    Raises `DataError` for what is no CSV, with the line, and `OSError` where it cannot be opened.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from cnn_core.tabular import CsvFile
    >>> path = Path(tempfile.mkdtemp()) / "houses.csv"
    >>> _ = path.write_text("area;district\\n80;Nord\\n45;West\\n")
    >>> file = CsvFile(path)
    >>> file.names, file.delimiter, list(file.chunks(100))
    (['area', 'district'], ';', [[['80', '45'], ['Nord', 'West']]])
    """

    def __init__(
        self, path: Any, *, delimiter: str | None = None, header: bool | None = None,
        encoding: str | None = None, names: Sequence[Any] | None = None, who: str = "read_table",
    ) -> None:  # fmt: skip
        self.path, self.who = os.fspath(options.path(who, path)), who
        found = os.stat(self.path)
        if not stat.S_ISREG(found.st_mode):
            raise DataError(f"{who}: {self.path}: need a file; got a folder or a device")
        self._stamp = _stamp(found)
        if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1
                                      or delimiter in '"\r\n\0'):  # fmt: skip
            raise options.refuse(who, "one letter as delimiter", delimiter)
        header = None if header is None else options.flag(who, header, option="header")
        names = None if names is None else check_names(names, who)
        self.encoding = csv_look.check_encoding(who, encoding) or csv_look.encoding_of(self.path)
        undecodable = False
        try:
            beginning = csv_look.beginning(self.path, self.encoding)
        except UnicodeError:
            beginning, undecodable = csv_look.beginning(self.path, self.encoding, "replace"), True
        except csv_look.DAMAGED as error:
            self._raise_damaged(1, error)
        if not beginning.strip():
            raise DataError(f"{who}: {self.path}: need rows; got an empty file")
        self.delimiter = delimiter or csv_look.delimiter_of(beginning)
        rows = csv_look.rows_of(beginning, self.delimiter) or [[""]]
        self.header = csv_look.has_header(rows, names) if header is None else header
        self.width = len(rows[0])
        self.names = numbered(self.width)
        if self.header:
            texts = [text.strip() or f"x{i}" for i, text in enumerate(rows[0])]
            self.names = check_names(texts, f"{who}: {self.path}, line 1")
        if undecodable:
            self._raise_undecodable()

    def chunks(self, rows: int = CHUNK) -> Iterator[list[Sequence[str]]]:
        """Return an iterator of columns of texts, of up to ``rows`` rows at a time.

        Raises `DataError` for a row of another length, a text that is not of the encoding, a
        quote that is not closed, and where the file has changed since it was first read.
        """
        return self._chunks(options.whole(self.who, rows, option="rows"))

    def _chunks(self, most: int) -> Iterator[list[Sequence[str]]]:
        skip, line = self.header, 1
        with csv_look.opened(self.path, self.encoding) as file:
            found = chunks_of(file, self.delimiter, self.width, most)
            while True:
                try:
                    chunk = next(found, None)
                except csv.Error as error:
                    self._raise_broken(*error.args)
                except UnicodeError:
                    self._raise_undecodable()
                except csv_look.DAMAGED as error:
                    self._raise_damaged(line, error)
                self._check_unchanged(file)
                if chunk is None:
                    return
                columns, line = self._columns(chunk), chunk.line
                if skip and len(columns[0]):
                    columns, skip = [column[1:] for column in columns], False
                if len(columns[0]):
                    yield columns

    def _columns(self, chunk: Chunk) -> list[Sequence[str]]:
        if chunk.columns is not None:
            return chunk.columns
        rows = chunk.rows
        if set(map(len, rows)) != {self.width}:
            self._check_lengths(rows, chunk.line)
            rows = [row for row in rows if row]  # empty lines are no rows
        return list(zip(*rows, strict=True)) if rows else [()] * self.width

    def _check_unchanged(self, file: Any) -> None:
        if _stamp(os.fstat(file.fileno())) != self._stamp:
            self._raise_changed()

    def _check_lengths(self, rows: list[list[str]], line: int) -> None:
        for row in rows:
            if row and len(row) != self.width:
                extra = f", the first of the others {row[self.width]!r}" if (
                    len(row) > self.width) else ""  # fmt: skip
                least = "" if extra else f": column {self.names[len(row)]!r} is missing"
                raise DataError(
                    f"{self.who}: {self.path}, line {line}: need {self.width} fields, as in the "
                    f"first row; got {len(row)}{extra}{least}"
                )
            line += 1 + sum(csv_look.line_ends(text) for text in row)

    def _raise_broken(self, error: str, line: int) -> NoReturn:
        hint = ": is a quote not closed?" if "limit" in error or "end of" in error else ""
        raise DataError(f"{self.who}: {self.path}, line {line}: need fields as CSV has them; got "
                        f"{error}{hint}")  # fmt: skip

    def _raise_damaged(self, line: int, error: Exception) -> NoReturn:
        raise DataError(f"{self.who}: {self.path}, line {line}: need a whole compressed file, as "
                        f"its name ends in .gz; got {error}") from error  # fmt: skip

    def _raise_changed(self) -> NoReturn:
        raise DataError(
            f"{self.who}: {self.path}: need a file that stays as it is while it is read; got one "
            f"that has changed: read it again when it is whole"
        ) from None

    def _raise_undecodable(self) -> NoReturn:
        where = csv_look.undecodable(self.path, self.encoding, self.delimiter)
        if where is None:
            self._raise_changed()
        column = self.names[where.column] if where.column < self.width else where.column + 1
        raise DataError(
            f"{self.who}: {self.path}, line {where.line}, column {options.shown(column)}: need "
            f"text of encoding {self.encoding}; got byte 0x{where.byte:02x}: pass "
            f"encoding='latin-1', or whichever it is"
        ) from None


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_table(
    path: Any, *, delimiter: str | None = None, header: bool | None = None,
    encoding: str | None = None, names: Sequence[Any] | None = None, who: str = "read_table",
) -> Table:  # fmt: skip
    """Return a CSV file as a `Table`; see `CsvFile` for the parameters.

    Columns of numbers become int64 or, with fractions or gaps, float64; those of texts keep each
    text once.  A code with leading zeros (007) is a text.

    Raises what `CsvFile` raises.

    Example
    -------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from cnn_core.tabular import read_table
    >>> path = Path(tempfile.mkdtemp()) / "houses.csv"
    >>> _ = path.write_text("area,district\\n80,Nord\\n45,West\\n")
    >>> read_table(path), read_table(path).columns[0]
    (Table(2 rows, columns area, district), array([80, 45]))
    """
    file = CsvFile(
        path, delimiter=delimiter, header=header, encoding=encoding, names=names, who=who
    )
    texts: set[int] = set()
    while True:
        columns, also = _read(file, texts)
        if not also:
            break
        texts |= also
    return Table(file.names, columns, named=file.header, source=file.path, who=who)


def _read(file: CsvFile, texts: set[int]) -> tuple[list[Any], set[int]]:
    """Return columns, and those that turned out to be texts after some of their numbers."""
    made: list[Any] = [[] for _ in file.names]
    kept: list[dict[str, str]] = [{} for _ in file.names]
    wrong: set[int] = set()
    for chunk in file.chunks():
        for j, values in enumerate(chunk):
            if j in wrong:
                continue
            numbers = None if j in texts or kept[j] else numbers_in(values)
            if numbers is not None:
                made[j].append(numbers)
            elif not made[j] or kept[j] or j in texts:
                made[j].extend(map(kept[j].setdefault, values, values))
            else:
                wrong.add(j)
    return [
        values if kept[j] or j in texts or not values else _whole(np.concatenate(values))
        for j, values in enumerate(made)
    ], wrong


def _whole(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as int64 where each is whole and stays what it is."""
    if np.isnan(numbers[0]) or not np.all(np.abs(numbers) < 2**53):
        return numbers
    made = numbers.astype(np.int64)
    return made if (made == numbers).all() else numbers


def numbers_in(values: Sequence[str]) -> np.ndarray | None:
    """Return texts as float64, NaN where one is missing; None where one is no number.

    A code such as 007, and a number with an underscore, is none.
    """
    try:
        made = floats_of(values)
    except ValueError:
        return None
    joined = "\n".join(values)
    if "_" in joined or (("\n0" in joined or joined[:1] == "0") and any(map(is_code, values))):
        return None
    return made
