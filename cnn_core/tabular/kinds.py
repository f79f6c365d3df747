"""What kind a column is, told from its values.

number
    Numbers: measured, or counted.
discrete
    Whole numbers of few values: codes (an hour, a weekday, a grade) and small counts.
boolean
    Two values that say yes and no: 0 and 1, true and false, yes and no, y and n, t and f, on and
    off; and columns of that type.
category
    Texts that repeat, and whole numbers that are codes: by leading zeros (007), or as their name
    says id while they repeat.
date
    Dates, with or without a time; also written yyyymmdd.
text
    Free text: the same, of several words; or long sentences.
identifier
    Most are there once, each 1.5 times on average at most: keys, tickets, names.  Whole numbers
    too, if they are dealt out: so close together that draws would have repeated one, of more than
    15 digits, or as their name says id.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from datetime import date
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from cnn_core.tabular.dates import find_format, microseconds
from cnn_core.tabular.table import Column
from cnn_core.tabular.values import (
    FLAGS,
    MARKERS,
    is_code,
    is_nothing,
    level_of,
    number_of,
    numbers_of,
    text_of,
)

FEW = 32
"""Values that a discrete column has at most; each of them 8 times on average."""

MOST_CLASSES = 20
"""Whole numbers up to which they are told to be classes."""

ENOUGH = 20
"""Rows below which nothing is said to be an identifier or a text unless no value repeats."""

_ID_NAME = re.compile(r"(^|[_\W])(id|uuid|guid|key)$|[a-z]I[dD]$|^[A-Z]{0,3}ID$", re.ASCII)


class Profile:
    """A column of training data, looked through: what decides its kind and is reported of it.

    ``numbers`` is float64 (N,) with NaN for what is missing or no number, ``strays`` the rows of
    the latter, ``values`` the finite numbers in order and how often each is there; ``counts`` how
    often each text is there (for a list; missing ones left out), ``words`` how often each word for
    a missing value, ``blank`` the number of empty cells.
    """

    def __init__(self, name: Any, column: Column) -> None:
        self.name, self.column, self.n_rows = name, column, len(column)
        self.counts: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.blank = 0
        if isinstance(column, list):
            texts = [v.strip() if type(v) is str else text_of(v) for v in column]
            for text, count in Counter(texts).items():
                self.counts[text if text is None else level_of(text)] += count
            self.blank = self.counts.pop(None, 0) + self.counts.pop("", 0)
            for word in [t for t in self.counts if t in MARKERS]:
                self.words[word] = self.counts.pop(word)
        else:
            self.blank = int(np.isnan(column).sum())

    @property
    def missing(self) -> int:
        return self.blank + sum(self.words.values())

    @property
    def known(self) -> int:
        return self.n_rows - self.missing

    @property
    def is_dates(self) -> bool:
        return isinstance(self.column, np.ndarray) and self.column.dtype.kind == "M"

    @cached_property
    def _numbers(self) -> tuple[np.ndarray, list[int]]:
        return numbers_of(self.column)

    @property
    def numbers(self) -> np.ndarray:
        return self._numbers[0]

    @property
    def strays(self) -> list[int]:
        return self._numbers[1]

    @cached_property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(self.numbers[np.isfinite(self.numbers)], return_counts=True)

    def share_of_numbers(self) -> float:
        """Return which share of the texts, by rows, are numbers and no codes with leading zeros."""
        found = 0
        for text, count in self.counts.items():
            if is_code(text) or "_" in text:
                return 0.0
            with suppress(ValueError):
                found += 0 if np.isnan(number_of(text)) else count
        return found / max(self.known, 1)

    def levels(self) -> int:
        """Return how many values there are."""
        if isinstance(self.column, list):
            return len(self.counts)
        return len(np.unique(self.column[~np.isnan(self.column)]))

    def fingerprint(self) -> bytes:
        """Return what equal columns have in common, and others do not."""
        column = self.column
        if isinstance(column, list):
            texts = ["" if v is None else v if type(v) is str else f"{type(v)}{text_of(v)}"
                     for v in column]  # fmt: skip
            joined = "\x1f".join(texts)
            if joined.count("\x1f") >= len(texts):  # one of them has it, as hardly any text does
                joined = repr(texts)
            data = joined.encode("utf-8", "surrogatepass")
        else:
            kind = "M8[us]" if column.dtype.kind == "M" else np.float64
            data = np.ascontiguousarray(column.astype(kind)).tobytes()
        return blake2b(data, digest_size=16).digest() + str(type(column)).encode()


def kind_of(p: Profile) -> tuple[str, str]:
    """Return the kind of a column, and how its dates are written ("" for other kinds)."""
    if p.is_dates:
        return "date", "year-month-day"
    if not p.known:
        return "number", ""
    if isinstance(p.column, np.ndarray):
        return ("boolean", "") if p.column.dtype.kind == "b" else _kind_of_numbers(p)
    lower = {text.lower() for text in p.counts}
    if len(p.counts) <= 6 and any(lower == set(pair) for pair in FLAGS):
        return "boolean", ""
    if _all_dates(p.column):
        return "date", "year-month-day"
    if p.share_of_numbers() >= 0.99:
        return _kind_of_numbers(p)
    form = format_of(p)
    return ("date", form) if form else (_kind_of_texts(p), "")


def task_of(p: Profile) -> tuple[str, str]:
    """Return whether a target is one of "classification" or "regression", and what tells so.

    Texts and flags are classes, and whole numbers of up to 20 values that have 4 rows each on
    average; all other numbers are to be predicted as such.

    >>> task_of(Profile("stars", np.repeat([1, 2, 5], 10)))
    ('classification', 'whole numbers of 3 values')
    """
    if isinstance(p.column, list):
        if p.share_of_numbers() < 0.99:
            return "classification", f"texts of {p.levels():,} values"
    elif p.column.dtype.kind == "b":
        return "classification", "flags"
    values, counts = p.values
    whole = "whole " if (values == np.trunc(values)).all() else ""
    few = 4 * len(values) <= counts.sum() and len(values) <= MOST_CLASSES
    told = f"{whole}numbers of {len(values):,} values"
    return ("classification" if whole and few else "regression"), told


def _all_dates(column: Column) -> bool:
    return all(isinstance(v, (date, np.datetime64)) for v in column if not is_nothing(v))


def format_of(p: Profile) -> str | None:
    texts = list(p.counts)
    if not texts or not any(ch.isdigit() for ch in texts[0]):
        return None
    if find_format(texts[:100]) is None:
        return None
    return find_format(texts)


# -- numbers --------------------------------------------------------------------------------


def _kind_of_numbers(p: Profile) -> tuple[str, str]:
    values, counts = p.values
    n = int(counts.sum())
    if len(values) == 2 and values[0] == 0 and values[1] == 1:
        return "boolean", ""
    if not len(values) or (values != np.trunc(values)).any():
        return "number", ""
    size = np.abs(values)
    if size.min() > 2**53 and size.max() < 2**64 and 2 * len(values) > n:
        return "identifier", ""  # of more digits than are measured
    if _is_dealt_out(values, n, p.name):
        return "identifier", ""
    if len(values) > 2 and _all_compact_dates(values):
        return "date", "yyyymmdd"
    if _ID_NAME.search(str(p.name)) and n >= ENOUGH:
        return ("category" if 2 * len(values) <= n else "identifier"), ""
    return ("discrete" if _is_discrete(values, n) else "number"), ""


def _is_discrete(values: np.ndarray, n: int) -> bool:
    """Tell whether whole numbers are few, and at least half of their range in their steps."""
    if not 1 < len(values) <= min(FEW, n / 8) or np.abs(values).max() > 2**53:
        return False
    steps = np.diff(values).astype(np.int64)
    return bool((values[-1] - values[0]) / np.gcd.reduce(steps) < 2 * len(values))


def _is_dealt_out(values: np.ndarray, n: int, name: Any) -> bool:
    """Tell whether no two of ``n`` whole numbers are equal, and that is no chance.

    Of n draws from a range of R numbers all differ with probability exp(-n^2 / 2R).
    """
    if n < ENOUGH or len(values) < n:
        return False
    if _ID_NAME.search(str(name)):
        return True
    return n >= 50 and n * n > 20 * (values[-1] - values[0] + 1)


def _all_compact_dates(values: np.ndarray) -> bool:
    if values[0] < 18000101 or values[-1] > 22001231:
        return False
    try:
        for value in values.tolist():
            microseconds(str(int(value)), "yyyymmdd")
    except ValueError:
        return False
    return True


# -- texts ----------------------------------------------------------------------------------


def _kind_of_texts(p: Profile) -> str:
    counts = p.counts
    known = sum(counts.values())
    repeated = sum(count for count in counts.values() if count > 1)
    words = sum(text.count(" ") + 1 for text in counts) / len(counts)
    letters = sum(map(len, counts)) / len(counts)
    if known < ENOUGH and repeated:
        return "category"
    if 2 * known < 3 * len(counts) and len(counts) > 1:
        return "text" if words >= 3 or letters >= 40 else "identifier"
    return "text" if len(counts) > 50 and words >= 5 and letters >= 40 else "category"
