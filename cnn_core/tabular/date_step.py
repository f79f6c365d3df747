"""Dates: parts of the calendar as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError
from cnn_core.tabular.dates import (
    DAY,
    FORMATS,
    NOTHING,
    PARTS,
    WAVES,
    all_parts,
    date_of,
    dates_of,
    day_of_year,
    days_of_year,
    parts_of,
)
from cnn_core.tabular.steps import ONE, STRAY, ZERO, Step, robust, squash, squashed
from cnn_core.tabular.table import Column

_WAVE_TABLE = np.array(WAVES, np.float64)
_KEPT = 4096  # dates of single rows that are not parsed again


class DateStep(Step):
    """The parts of a date that vary, scaled as numbers are, and sine and cosine of its day in the
    year; 0 and a flag where it is missing."""

    op, otherwise = "date", "no date"

    def __init__(
        self, name: Any, form: str, origin: int, parts: list[tuple[int, float, float]],
        wave: bool, marked: bool,
    ) -> None:  # fmt: skip
        self.name, self.form, self.origin, self.parts = name, form, origin, parts
        self.wave, self.marked = wave, marked
        self.n_real, self.n_flags = len(parts) + 2 * wave, int(marked)
        self._known: dict[str, list[float]] = {}
        self._nothing = [0.0] * self.n_real

    @classmethod
    def fitted(cls, name: Any, form: str, values: np.ndarray) -> DateStep:
        """Return the step of a column: microseconds, `NOTHING` for what is missing."""
        known = values[values != NOTHING]
        origin = int(known.min())
        parts = []
        for i, x in enumerate(all_parts(known, origin)):
            centre, factor = robust(x)
            if factor:
                parts.append((i, centre, factor))
        days = days_of_year(known)
        return cls(name, form, origin, parts, bool(days.min() < days.max()),
                   len(known) < len(values))  # fmt: skip

    @classmethod
    def made(cls, name: Any, state: dict[str, Any]) -> DateStep:
        who = "load_state_dict"
        parts = []
        for part, centre, factor in state["parts"]:
            at = PARTS.index(options.choice(who, part, PARTS, option="a part of a date"))
            parts.append((at, options.number(who, centre), options.number(who, factor, 0.0)))
        origin = options.whole(who, state["origin"], -(2**62), 2**62)
        if not -719_162 <= origin // DAY <= 2_932_896:
            raise DataError(f"{who}: need a first date of {name!r} within the years 1 to 9999; got "
                            f"{origin}")  # fmt: skip
        return cls(name, options.choice(who, state["form"], FORMATS, option="a format of dates"),
                   origin, parts, options.flag(who, state["wave"]),
                   options.flag(who, state["marked"]))  # fmt: skip

    def state(self) -> dict[str, Any]:
        parts = [[PARTS[i], centre, factor] for i, centre, factor in self.parts]
        return {"form": self.form, "origin": self.origin, "parts": parts, "wave": self.wave,
                "marked": self.marked}  # fmt: skip

    def names(self) -> tuple[list[str], list[str], list[str]]:
        parts = [PARTS[i] for i, _, _ in self.parts] + ["year_sin", "year_cos"] * self.wave
        return ([f"{self.name}_{part}" for part in parts],
                [f"{self.name}_missing"] if self.marked else [], [])  # fmt: skip

    def fill(
        self, column: Column, real: np.ndarray, flags: np.ndarray, codes: np.ndarray
    ) -> list[int]:
        values, strays = dates_of(column, self.form)
        missing = values == NOTHING
        values = np.where(missing, self.origin, values)
        found = all_parts(values, self.origin)
        for j, (i, centre, factor) in enumerate(self.parts):
            real[:, j] = squashed((found[i] - centre) * factor)
        if self.wave:
            real[:, -2:] = _WAVE_TABLE[days_of_year(values)]
        real[missing] = 0
        self._mark(missing, flags)
        return strays

    def row(self, value: Any, real: list[float], flags: list[bytes], codes: list[int]) -> Any:
        found = self._known.get(value) if type(value) is str else None
        if found is None:
            try:
                when = date_of(value, self.form)
            except (ValueError, TypeError, OverflowError):
                real += self._nothing
                if self.marked:
                    flags.append(ONE)
                return STRAY
            found = self._of(when)
            if type(value) is str and len(self._known) < _KEPT:
                self._known[value] = found
        real += found
        if self.marked:
            flags.append(ONE if found is self._nothing else ZERO)
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}

    def _of(self, when: int) -> list[float]:
        if when == NOTHING:
            return self._nothing
        parts = parts_of(when, self.origin)
        made = [squash((parts[i] - centre) * factor) for i, centre, factor in self.parts]
        return [*made, *WAVES[day_of_year(when)]] if self.wave else made
