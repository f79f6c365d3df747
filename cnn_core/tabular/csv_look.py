"""What the beginning of a CSV file says: encoding, delimiter, header; and where it is broken."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import zlib
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from cnn_core.options import refuse
from cnn_core.tabular.values import MARKERS

BEGINNING = 1 << 16
"""Characters that are looked at."""

DELIMITERS = ",;\t|"

DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a compressed file raises that is cut off, damaged or none."""


def binary(path: Any) -> Any:
    """Open a file, or what is compressed in it where it ends in .gz."""
    return (gzip.open if os.fspath(path).lower().endswith(".gz") else open)(path, "rb")


def opened(path: Any, encoding: str, errors: str = "strict") -> Any:
    """Open a file as text, with its ends of lines as they are."""
    return io.TextIOWrapper(binary(path), encoding, errors, newline="")


def check_encoding(who: str, encoding: Any) -> str | None:
    """Return the name of an encoding, or None; raise `OptionError` where Python has none such."""
    if encoding is None:
        return None
    try:
        return codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError):
        raise refuse(who, "an encoding that Python knows, such as 'latin-1'", encoding) from None


def encoding_of(path: Any) -> str:
    """Return the encoding that a byte order mark tells, else UTF-8."""
    try:
        with binary(path) as file:
            first = file.read(4)
    except DAMAGED:
        return "utf-8-sig"
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return "utf-16" if first[:2] in marks else "utf-8-sig"


def beginning(path: Any, encoding: str, errors: str = "strict") -> str:
    """Return whole lines from the beginning of a file; raise `UnicodeError`."""
    with opened(path, encoding, errors) as file:
        text = file.read(BEGINNING)
        if len(text) == BEGINNING:
            text += file.readline()
    return text


def rows_of(text: str, delimiter: str) -> list[list[str]]:
    """Return the rows that are whole, without empty ones."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = []
    try:
        for row in reader:
            if row:
                rows.append(row)
    except csv.Error:
        pass
    return rows


def delimiter_of(text: str) -> str:
    """Return the delimiter that parts most rows into the number of fields of the first; a comma
    where none does."""
    best, found = (0.0, 0), ","
    for delimiter in DELIMITERS:
        rows = rows_of(text, delimiter)
        width = len(rows[0]) if rows else 0
        if width > 1:
            alike = sum(len(row) == width for row in rows) / len(rows)
            if (round(alike, 2), width) > best:
                best, found = (round(alike, 2), width), delimiter
    return found


def has_header(rows: Sequence[Sequence[str]], names: Sequence[Any] | None = None) -> bool:
    """Tell whether the first row holds names.

    Where ``names`` are expected, it does if it has one of them.  Else they are texts that are
    no numbers, none empty but perhaps the first, all different, and something tells them from
    data: a column of numbers below one, or that hardly any of them is found below itself.
    """
    first = [text.strip() for text in rows[0]]
    if names and {str(name) for name in names} & set(first):
        return True
    if any(_is_number(text) for text in first if text) or len(set(first)) < len(first):
        return False
    if any(text in MARKERS for text in first[1:]):
        return False
    below = [row for row in rows[1:] if len(row) == len(first)]
    if not below:
        return True
    repeated = 0
    for j, text in enumerate(first):
        column = [row[j].strip() for row in below]
        known = [value for value in column if value not in MARKERS]
        if known and all(map(_is_number, known)):
            return True
        repeated += text in column
    return repeated < max(1, len(first) / 4)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def line_ends(text: str) -> int:
    """Return how many lines end within a field.

    >>> line_ends("two\\r\\nlines"), line_ends("one")
    (1, 0)
    """
    return text.count("\n") + text.count("\r") - text.count("\r\n")


class Place(NamedTuple):
    """Where a byte stands that no text of the encoding has, or where a letter is cut off: line
    from 1, column from 0."""

    line: int
    column: int
    byte: int


def undecodable(path: Any, encoding: str, delimiter: str) -> Place | None:
    """Return the first such byte; None where there is none."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, before = 1, ""
    with binary(path) as file:
        for raw in chain(file, [b""]):
            bad = b""
            try:
                text = decoder.decode(raw, not raw)
            except UnicodeDecodeError as error:
                good, bad = error.object[: error.start], error.object[error.start :]
                text = good.decode(encoding, "replace")
            line += text.count("\n")
            before = (before + text).rpartition("\n")[2]
            if bad:
                fields = next(csv.reader([before], delimiter=delimiter), [])
                return Place(line, max(0, len(fields) - 1), bad[0])
    return None
