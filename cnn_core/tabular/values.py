"""Single values of raw tables: which are missing, and what number or text the others are.

A value means the same whichever way it comes: as text of a file, as a number of a frame, in a
dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from math import inf, nan
from typing import Any

import numpy as np

WORDS = ("?", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "nil", "none")
"""Words that stand for a missing value, in any of the ways that they are written."""


def _written(*words: str) -> frozenset[str]:
    return frozenset(w for word in words for w in (word, word.upper(), word.capitalize()))


MARKERS = _written(*WORDS) | {"", "NaN", "-NaN", "NaT"}
"""The same as they stand in files, with "" for an empty cell.

In a column of numbers, dates or flags each of them is a missing value.  In one of categories a
word is one too, unless there are empty cells as well: then it says something else than they do
(in a file of houses, NA for "has no garage"), and is a level.
"""

YES = _written("true", "yes", "t", "y", "on", "1")
NO = _written("false", "no", "f", "n", "off", "0")
FLAGS = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))
"""The pairs that make a column one of flags; 0 and 1 do so as numbers."""

_DECORATED = re.compile(
    r"\s*([-+]?)\s*[$€£¥]?\s*(\d{1,3}(?:,\d{3})+|\d+)(\.\d*)?\s*[%$€£¥]?\s*\Z", re.ASCII
)
_DIGITS = frozenset("+-.0123456789")
_SPANS = (timedelta, np.datetime64, np.timedelta64)
_NOTHING = frozenset({"NAType", "NaTType"})  # those of pandas, whose comparisons are no flags


def is_nothing(value: Any) -> bool:
    """Tell whether ``value`` is None, NaN, NaT or the NA of pandas."""
    if value is None or type(value).__name__ in _NOTHING:
        return True
    try:
        return bool(value != value)
    except Exception:  # an array, or whatever else a user's class may do
        return False


def plain(value: Any) -> Any:
    """Return dates and spans of NumPy, and spans, as all else has them: None, datetime, seconds."""
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]").item()
        return value if isinstance(value, date) else None  # beyond the years 1 to 9999
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "s"))  # of NaT NaN
    return value.total_seconds() if isinstance(value, timedelta) else value


def text_of(value: Any) -> str | None:
    """Return ``value`` as text without blanks around it; None for an empty cell and `is_nothing`.

    A number without a fraction is written without one, so that 3, 3.0 and "3" are one category.

    >>> text_of(3.0), text_of(" WD "), text_of(float("nan"))
    ('3', 'WD', None)
    """
    if isinstance(value, str):
        return str(value.strip()) or None
    value = plain(value)
    if is_nothing(value):
        return None
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
        return str(value if value.time() != time() else value.date())
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else str(value)
    if isinstance(value, (bytes, np.bytes_)):
        return value.decode("utf-8", "replace").strip() or None
    try:
        return str(value).strip() or None
    except Exception:  # whatever a user's class does, or a number of too many digits
        return f"<{type(value).__name__}>"


def level_of(text: str) -> str:
    """Return a text as it counts among categories: numbers as `text_of` writes them.

    Codes with leading zeros, and numbers of more than 15 digits, stay as they are.

    >>> level_of("1.0"), level_of("1.50"), level_of("007"), level_of("1e")
    ('1', '1.5', '007', '1e')
    """
    if text[:1] not in _DIGITS or "_" in text or is_code(text):
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    return text if abs(value) >= 1e15 else str(text_of(value))


def is_code(text: str) -> bool:
    """Tell whether a text is a whole number with leading zeros.

    >>> is_code("007"), is_code("0.7"), is_code("0")
    (True, False, False)
    """
    return text[:1] == "0" and len(text) > 1 and text.isdigit()


def number_of(value: Any) -> float:
    """Return ``value`` as a float, NaN where it is missing; raise `ValueError` if it is none.

    >>> number_of(" 1e3 "), number_of("n/a"), number_of(None), number_of("$1,200.50")
    (1000.0, nan, nan, 1200.5)
    """
    try:
        return float(plain(value) if isinstance(value, _SPANS) else value)
    except OverflowError:  # a whole number of more than 308 digits
        return inf if value > 0 else -inf
    except (ValueError, TypeError):
        if isinstance(value, str):
            return nan if value.strip() in MARKERS else _decorated(value)
        if is_nothing(value):
            return nan
        raise ValueError(value) from None


def _decorated(text: str) -> float:
    """Return the number of a text with a currency, commas between thousands or a percent sign."""
    found = _DECORATED.match(text)
    if found is None:
        raise ValueError(text)
    return float("".join(part or "" for part in found.groups()).replace(",", ""))


def floats_of(texts: Sequence[str]) -> np.ndarray:
    """Return texts as float64, NaN for those of `MARKERS`; raise `ValueError` for all others."""
    n, each = len(texts), set(texts)
    few = 4 * len(each) < n  # as in most tables; to look one up takes a quarter of reading it
    once: Iterable[str] = each if few else texts
    try:
        made = np.fromiter(map(float, once), np.float64, len(each) if few else n)
    except ValueError:
        made = np.array([nan if text in MARKERS else float(text) for text in once])
    if not few:
        return made
    known = dict(zip(each, made.tolist(), strict=True))
    return np.fromiter(map(known.__getitem__, texts), np.float64, n)


def numbers_of(column: np.ndarray | list[Any]) -> tuple[np.ndarray, list[int]]:
    """Return a column as float64, NaN where one is missing or no number; and where is none."""
    n = len(column)
    if isinstance(column, np.ndarray):
        if column.dtype.kind != "M":
            return column.astype(np.float64), []
        return np.full(n, np.nan), np.flatnonzero(~np.isnan(column)).tolist()
    try:
        if set(map(type, column)) == {str}:
            return floats_of(column), []
        return np.fromiter(map(float, column), np.float64, n), []
    except (ValueError, TypeError, OverflowError):
        pass
    made, strays = np.empty(n), []
    for i, value in enumerate(column):
        try:
            made[i] = number_of(value)
        except Exception:  # whatever a user's class raises when a float is made of it
            made[i] = nan
            strays.append(i)
    return made, strays


def flag_of(value: Any) -> int:
    """Return 1 for yes, -1 for no, 0 for what is missing or neither.

    >>> flag_of("Yes"), flag_of(0), flag_of("?")
    (1, -1, 0)
    """
    text = value.strip() if isinstance(value, str) else text_of(value)
    if text is not None and text not in YES and text not in NO:
        text = level_of(text)  # such as "1.0"
    return 1 if text in YES else -1 if text in NO else 0
