"""Dates: texts to microseconds, and microseconds to parts of the calendar.

Dates are those of the wall clock, as written: an offset from UTC is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from math import cos, pi, sin
from typing import Any

import numpy as np

from cnn_core.tabular.values import MARKERS, is_nothing, text_of

DAY = 86_400_000_000
"""A day in microseconds."""

NOTHING = np.iinfo(np.int64).min
"""Where a date is missing; NumPy's NaT."""

_TIME = (
    r"(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?"
    r"\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_NUMBERS = r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})"
FORMATS: dict[str, tuple[re.Pattern[str], tuple[int, int, int]]] = {
    name: (re.compile(rf"\s*{pattern}{_TIME}\s*\Z"), order)
    for name, pattern, order in (
        ("year-month-day", r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", (1, 2, 3)),
        ("month/day/year", _NUMBERS, (3, 1, 2)),
        ("day/month/year", _NUMBERS, (3, 2, 1)),
        ("day name year", r"(\d{1,2})[- ]([A-Za-z]{3,9})[- ,]+(\d{4})", (3, 2, 1)),
        ("name day, year", r"([A-Za-z]{3,9})[. ]+(\d{1,2}),? +(\d{4})", (3, 1, 2)),
        ("yyyymmdd", r"(\d{4})(\d{2})(\d{2})", (1, 2, 3)),
    )
}
"""How dates are written, with the groups of year, month and day.

Where no day is above 12, 03/04/2020 is read as month/day/year, as long as the column has no date
that this is wrong for.
"""

_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8,
           "sep": 9, "oct": 10, "nov": 11, "dec": 12}  # fmt: skip
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date.min.toordinal() - _EPOCH, date.max.toordinal() - _EPOCH


def microseconds(text: str, form: str) -> int:
    """Return a date that is written as ``form``; raise `ValueError` for any other text.

    >>> microseconds("1970-01-02 00:00:01", "year-month-day")
    86401000000
    """
    pattern, order = FORMATS[form]
    found = pattern.match(text)
    if found is None:
        raise ValueError(text)
    year, month, day = (found[i] for i in order)
    number = _MONTHS.get(month[:3].lower(), 0) if month.isalpha() else int(month)
    made = (date(int(year), number, int(day)).toordinal() - _EPOCH) * DAY
    if found[4] is None:
        return made
    hour, minute, second = int(found[4]), int(found[5]), int(found[6] or 0)
    if found[8] is not None and 1 <= hour <= 12:
        hour = hour % 12 + (12 if found[8].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(text)
    fraction = int((found[7] or "0")[:6].ljust(6, "0"))
    return made + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction


def date_of(value: Any, form: str) -> int:
    """Return any value as microseconds, `NOTHING` where it is missing; raise `ValueError`."""
    if isinstance(value, str):
        return NOTHING if value.strip() in MARKERS else microseconds(value, form)
    if is_nothing(value):
        return NOTHING
    if isinstance(value, (date, np.datetime64)):
        return _of_datetime(value) if isinstance(value, date) else int(in_microseconds(value)[()])
    return microseconds(str(text_of(value)), form)  # such as a number, or a period of pandas


def _of_datetime(value: date) -> int:
    days = (value.toordinal() - _EPOCH) * DAY
    if not isinstance(value, datetime):
        return days
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return days + seconds * 1_000_000 + value.microsecond


def in_microseconds(values: Any) -> np.ndarray:
    """Return datetime64 of any unit as microseconds; `NOTHING` beyond the years 1 to 9999."""
    days = np.asarray(values).astype("M8[D]").astype(np.int64)
    made = np.where((days >= _FIRST) & (days <= _LAST), values, np.datetime64("NaT", "D"))
    return made.astype("M8[us]").astype(np.int64)


def dates_of(values: Any, form: str) -> tuple[np.ndarray, list[int]]:
    """Return a column as microseconds, int64 (N,), and the rows of what is no date."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return values.astype("M8[us]").astype(np.int64), []
    if isinstance(values, np.ndarray):
        values = values.tolist()
    made, strays = np.empty(len(values), np.int64), []
    known: dict[str, int] = {}
    for i, value in enumerate(values):
        found = known.get(value) if type(value) is str else None
        if found is None:
            try:
                found = date_of(value, form)
            except (ValueError, TypeError, OverflowError):
                found = NOTHING
                strays.append(i)
            else:
                if type(value) is str:
                    known[value] = found
        made[i] = found
    return made, strays


def find_format(texts: Iterable[str]) -> str | None:
    """Return how at least 99 of 100 of these texts, none of them missing, are written; or None."""
    texts = list(texts)
    allowed = len(texts) // 100
    fewest: list[tuple[int, str]] = []
    for form in FORMATS:
        wrong = 0
        for text in texts:
            try:
                microseconds(text, form)
            except ValueError:
                wrong += 1
                if wrong > allowed:
                    break
        if wrong <= allowed:
            fewest.append((wrong, form))
    return min(fewest, key=lambda found: found[0])[1] if fewest else None


# -- parts of the calendar ----------------------------------------------------------------

PARTS = ("year", "month", "day", "weekday", "hour", "elapsed")
"""The parts that are numbers.  Monday is 0; an hour has its minutes as a fraction; what has
elapsed since the first date of the training data is in days."""

WAVES = [(sin(2 * pi * d / 366), cos(2 * pi * d / 366)) for d in range(366)]
"""Sine and cosine of the day of the year, which begins with 0."""


def parts_of(value: int, origin: int) -> tuple[float, ...]:
    """Return the `PARTS` of one date, as `all_parts` does of many."""
    days, rest = divmod(value, DAY)
    d = date.fromordinal(days + _EPOCH)
    return (float(d.year), float(d.month), float(d.day), float(d.weekday()),
            rest / 3.6e9, (value - origin) / 8.64e10)  # fmt: skip


def day_of_year(value: int) -> int:
    """Return the day of the year, from 0."""
    return date.fromordinal(value // DAY + _EPOCH).timetuple().tm_yday - 1


def all_parts(values: np.ndarray, origin: int) -> Sequence[np.ndarray]:
    """Return the `PARTS` of dates in microseconds, float64 (N,) each."""
    days, rest = np.divmod(values, DAY)
    day = days.astype("M8[D]")
    month, year = day.astype("M8[M]"), day.astype("M8[Y]")
    return (year.astype(np.int64) + 1970.0, month.astype(np.int64) % 12 + 1.0,
            (day - month.astype("M8[D]")).astype(np.float64) + 1.0, (days + 3) % 7 + 0.0,
            rest / 3.6e9, (values - origin) / 8.64e10)  # fmt: skip


def days_of_year(values: np.ndarray) -> np.ndarray:
    """Return the days of the year of dates in microseconds, from 0."""
    day = (values // DAY).astype("M8[D]")
    return (day - day.astype("M8[Y]").astype("M8[D]")).astype(np.int64)
