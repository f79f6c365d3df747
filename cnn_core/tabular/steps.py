"""What becomes of one column: numbers, flags and codes, of many rows at once or of a single one.

Every step has two ways, `fill` for columns and `row` for one value, with the same operations of
double precision in the same order: their results are equal to the bit.  What a step has learned
is plain numbers and texts (`state`), from which `made` makes it again.

A step adds to a row ``n_real`` numbers that are scaled, ``n_flags`` numbers of -1, 0 and 1 and
``n_codes`` places of categories.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import sqrt
from struct import Struct
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError
from cnn_core.tabular.table import Column
from cnn_core.tabular.values import (
    MARKERS,
    flag_of,
    is_nothing,
    number_of,
    numbers_of,
    plain,
    text_of,
)

LARGE = 1e30
"""Scaled numbers are cut here, which the clipping takes to 3 already: their squares are finite."""

_EXACT = 2**53

ONE, ZERO, MINUS = (Struct("f").pack(v) for v in (1.0, 0.0, -1.0))
STRAY = True
"""What `Step.row` returns of a value that is not of the column's kind."""


class Step:
    """The base: what is told of each column at training, and made of it later."""

    op = ""
    otherwise = ""
    """What a value is that is not of the column's kind, for messages."""
    n_real = n_flags = n_codes = 0
    name: Any
    marked = False
    """Whether a flag says where a value is missing."""

    def state(self) -> dict[str, Any]:
        """Return what was learned, as numbers, texts and lists of them."""
        raise NotImplementedError

    def names(self) -> tuple[list[str], list[str], list[str]]:
        """Return the names of its numbers, flags and codes."""
        raise NotImplementedError

    def fill(
        self, column: Column, real: np.ndarray, flags: np.ndarray, codes: np.ndarray
    ) -> list[int]:
        """Write what a column becomes, its own columns of each; return the rows of strays."""
        raise NotImplementedError

    def row(
        self, value: Any, real: list[float], flags: list[bytes], codes: list[int]
    ) -> Any:
        """Append what one value becomes; return `STRAY` where it is not of the kind."""
        raise NotImplementedError

    def _mark(self, missing: np.ndarray, flags: np.ndarray) -> None:
        if self.marked:
            flags[:, -1] = missing


# -- numbers ----------------------------------------------------------------------------------


_HUGE, _DOWN = 1e150, 2.0**-600
"""Numbers above the one are made smaller by the other: differences of quantiles stay finite."""


def robust(x: np.ndarray) -> tuple[float, float]:
    """Return the centre and the factor that RealMLP scales finite numbers by.

    The centre is the median; the factor 1 over the range of the middle half, or over half of the
    whole range where that is 0, else 0.
    """
    if np.abs(x).max() > _HUGE:
        centre, factor = robust(x * _DOWN)
        return centre / _DOWN, factor * _DOWN
    x = np.sort(x)
    q1, centre, q3 = (quantile(x, q) for q in (0.25, 0.5, 0.75))
    width = q3 - q1 if q3 != q1 else float(x[-1] / 2 - x[0] / 2)
    return centre, 0.0 if width == 0 else min(1 / width, 1e300)


def quantile(x: np.ndarray, q: float) -> float:
    """Return a quantile of numbers in order, between two of them by their distances."""
    place = (len(x) - 1) * q
    i = int(place)
    low, high = float(x[i]), float(x[min(i + 1, len(x) - 1)])
    return low + (high - low) * (place - i)


def squashed(z: np.ndarray) -> np.ndarray:
    """Return z / sqrt(1 + (z / 3)^2), which lies within -3 and 3; NaN becomes 0."""
    z = np.clip(z, -LARGE, LARGE)
    t = z / 3.0
    z = z / np.sqrt(1.0 + t * t)
    z[np.isnan(z)] = 0.0
    return z


def squash(z: float) -> float:
    """Return what `squashed` makes of one number."""
    if z != z:
        return 0.0
    if not -LARGE <= z <= LARGE:
        z = LARGE if z > 0 else -LARGE
    t = z / 3.0
    return z / sqrt(1.0 + t * t)


class NumberStep(Step):
    """One number, scaled and clipped; the median and a flag where it is missing."""

    op, otherwise, n_real = "number", "no number", 1

    def __init__(self, name: Any, centre: float, factor: float, marked: bool) -> None:
        self.name, self.centre, self.factor, self.marked = name, centre, factor, marked
        self.n_flags = int(marked)

    @classmethod
    def fitted(cls, name: Any, x: np.ndarray) -> NumberStep:
        """Return the step of a column: float64, NaN for what is missing."""
        finite = x[np.isfinite(x)]
        centre, factor = robust(finite) if len(finite) else (0.0, 1.0)
        return cls(name, centre, factor or 1.0, bool(np.isnan(x).any()))

    @classmethod
    def made(cls, name: Any, state: dict[str, Any]) -> NumberStep:
        who = "load_state_dict"
        return cls(name, options.number(who, state["centre"]), options.number(
            who, state["factor"], 0.0), options.flag(who, state["marked"]))  # fmt: skip

    def state(self) -> dict[str, Any]:
        return {"centre": self.centre, "factor": self.factor, "marked": self.marked}

    def names(self) -> tuple[list[str], list[str], list[str]]:
        return [str(self.name)], [f"{self.name}_missing"] if self.marked else [], []

    def fill(
        self, column: Column, real: np.ndarray, flags: np.ndarray, codes: np.ndarray
    ) -> list[int]:
        x, strays = numbers_of(column)
        real[:, 0] = squashed((x - self.centre) * self.factor)
        self._mark(np.isnan(x), flags)
        return strays

    def row(self, value: Any, real: list[float], flags: list[bytes], codes: list[int]) -> Any:
        found = None
        if type(value) is int and -_EXACT < value < _EXACT:
            value = float(value)
        elif type(value) is not float:
            try:
                value = number_of(value)
            except Exception:  # whatever a user's class raises when a float is made of it
                value, found = np.nan, STRAY
        z = (value - self.centre) * self.factor
        if -LARGE <= z <= LARGE:  # as in `squash`, without the call
            t = z / 3.0
            real.append(z / sqrt(1.0 + t * t))
        else:
            real.append(squash(z))
        if self.marked:
            flags.append(ONE if value != value else ZERO)
        return found


# -- flags ------------------------------------------------------------------------------------


class FlagStep(Step):
    """Yes as 1, no as -1, 0 and a flag of its own where neither is said."""

    op, otherwise = "boolean", "neither yes nor no"

    def __init__(self, name: Any, marked: bool) -> None:
        self.name, self.marked = name, marked
        self.n_flags = 1 + marked
        given, missing = (ZERO, ONE) if marked else (b"", b"")
        self._bytes = {1: ONE + given, -1: MINUS + given, 0: ZERO + missing}

    @classmethod
    def made(cls, name: Any, state: dict[str, Any]) -> FlagStep:
        return cls(name, options.flag("load_state_dict", state["marked"]))

    def state(self) -> dict[str, Any]:
        return {"marked": self.marked}

    def names(self) -> tuple[list[str], list[str], list[str]]:
        return [], [str(self.name), *([f"{self.name}_missing"] if self.marked else [])], []

    def fill(
        self, column: Column, real: np.ndarray, flags: np.ndarray, codes: np.ndarray
    ) -> list[int]:
        if isinstance(column, np.ndarray) and column.dtype.kind != "M":
            flags[:, 0] = np.where(column == 1, 1.0, np.where(column == 0, -1.0, 0.0))
            strays = np.flatnonzero((flags[:, 0] == 0) & ~np.isnan(column)).tolist()
        else:
            values = column if isinstance(column, list) else column.tolist()
            if set(map(type, values)) == {str}:
                known = {v: flag_of(v) for v in set(values)}
                flags[:, 0] = [known[v] for v in values]
            else:
                flags[:, 0] = [flag_of(v) for v in values]
            neither = np.flatnonzero(flags[:, 0] == 0).tolist()
            strays = [i for i in neither if not is_missing(values[i])]
        self._mark(flags[:, 0] == 0, flags)
        return strays

    def row(self, value: Any, real: list[float], flags: list[bytes], codes: list[int]) -> Any:
        found = flag_of(value)
        flags.append(self._bytes[found])
        return STRAY if found == 0 and not is_missing(value) else None


def is_missing(value: Any) -> bool:
    """Tell whether a value is missing or a word for that."""
    return value.strip() in MARKERS if isinstance(value, str) else is_nothing(plain(value))


class GivenStep(Step):
    """Of a column that is left out: 1 where a value is missing, else 0."""

    op, n_flags, marked = "given", 1, True

    def __init__(self, name: Any) -> None:
        self.name = name

    @classmethod
    def made(cls, name: Any, state: dict[str, Any]) -> GivenStep:
        return cls(name)

    def state(self) -> dict[str, Any]:
        return {}

    def names(self) -> tuple[list[str], list[str], list[str]]:
        return [], [f"{self.name}_missing"], []

    def fill(
        self, column: Column, real: np.ndarray, flags: np.ndarray, codes: np.ndarray
    ) -> list[int]:
        if isinstance(column, list):
            flags[:, 0] = np.fromiter(map(is_missing, column), np.bool_, len(column))
        else:
            flags[:, 0] = np.isnan(column)
        return []

    def row(self, value: Any, real: list[float], flags: list[bytes], codes: list[int]) -> Any:
        flags.append(ONE if is_missing(value) else ZERO)


# -- texts ------------------------------------------------------------------------------------

LOOKED = 500
"""Characters of a text, from its beginning, that are looked at for words."""

# Not those among digits, of which hashes and the like are full: letters come before the digits.
_runs_of_letters = re.compile(
    r"(?<!\d)(?<!\d-)(?<![^\W\d_])[^\W\d_]+(?![^\W\d_])(?!-?\d[\d-]*[^\W\d_])"
).findall


def words_in(text: str) -> list[str]:
    """Return the runs of letters at the beginning of a text, but for those after digits.

    >>> words_in("O'Brien, Mrs. C85 3f-a9")
    ['o', 'brien', 'mrs', 'c', 'a']
    """
    return _runs_of_letters(text[:LOOKED].casefold())


class WordStep(Step):
    """Of a text: 1 for each of some words that is in it, else 0; a flag where it is missing."""

    op = "words"

    def __init__(self, name: Any, words: Sequence[str], marked: bool) -> None:
        self.name, self.words, self.marked = name, list(words), marked
        self.n_flags = len(self.words) + marked
        size = len(ONE)
        self._at = {w: slice(i * size, (i + 1) * size) for i, w in enumerate(self.words)}
        self._among = frozenset(self.words).intersection
        self._none = ZERO * self.n_flags
        self._missing = ZERO * len(self.words) + ONE * marked

    @classmethod
    def made(cls, name: Any, state: dict[str, Any]) -> WordStep:
        who = "load_state_dict"
        words = [options.string(who, word) for word in state["words"]]
        if not words or len(set(words)) < len(words):
            raise DataError(f"{who}: need words of {name!r} that differ; got "
                            f"{options.shown(words)}")  # fmt: skip
        return cls(name, words, options.flag(who, state["marked"]))

    def state(self) -> dict[str, Any]:
        return {"words": self.words, "marked": self.marked}

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, **self.state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def names(self) -> tuple[list[str], list[str], list[str]]:
        made = [*self.words, "missing"] if self.marked else self.words
        return [], [f"{self.name}_{word}" for word in made], []

    def _flags(self, value: Any) -> bytes | bytearray:
        text = value.strip() if type(value) is str else text_of(value)
        if text is None or text in MARKERS:
            return self._missing
        found = self._among(words_in(text))
        if not found:
            return self._none
        made = bytearray(self._none)
        for word in found:
            made[self._at[word]] = ONE
        return made

    def fill(
        self, column: Column, real: np.ndarray, flags: np.ndarray, codes: np.ndarray
    ) -> list[int]:
        values = column if isinstance(column, list) else column.tolist()
        made = bytearray().join(map(self._flags, values))
        flags[:] = np.frombuffer(made, np.float32).reshape(flags.shape)
        return []

    def row(self, value: Any, real: list[float], flags: list[bytes], codes: list[int]) -> Any:
        flags.append(self._flags(value))
