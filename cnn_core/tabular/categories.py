"""Categories: flags for few levels, places for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError
from cnn_core.tabular.steps import Step
from cnn_core.tabular.table import Column
from cnn_core.tabular.values import MARKERS, level_of, number_of, text_of

UNKNOWN, MISSING, FIRST = 0, 1, 2
"""Places of categories: what training has hardly seen, what is missing, the first level."""


class Places(dict):
    """The place of each text of a file; of one that is not there, as `CategoryStep.place_of`."""

    def __init__(self, step: CategoryStep, known: dict[str, int]) -> None:
        super().__init__(known)
        self.step, self.most = step, 4 * len(known) + 64

    def __missing__(self, text: str) -> int:
        place = self.step.place_of(text)
        if place and len(self) < self.most:  # such as a level with blanks around it
            self[text] = place
        return place


class CategoryStep(Step):
    """A category as flags, one per level, or as its place among the levels.

    Two levels are one flag, -1 and 1; of a column with gaps the last flag says that a value is
    missing.  An unknown level is 0 in all of them, or place 0.
    """

    op = "category"

    def __init__(
        self, name: Any, levels: Sequence[Any], numeric: bool, one_hot: bool, marked: bool
    ) -> None:
        self.name, self.levels, self.numeric = name, list(levels), numeric
        self.one_hot, self.marked = one_hot, marked
        self._known = {level: i + FIRST for i, level in enumerate(self.levels)}
        if not numeric:
            self._known.update({m: MISSING for m in MARKERS if m not in self._known})
        self._places = Places(self, {} if numeric else self._known)
        self.n_codes, n = int(not one_hot), len(self.levels)
        self.table = _one_hot(n, marked) if one_hot else np.zeros((n + FIRST, 0), np.float32)
        self.n_flags = self.table.shape[1]
        self._bytes = [line.tobytes() for line in self.table] if one_hot else []

    @classmethod
    def made(cls, name: Any, state: dict[str, Any]) -> CategoryStep:
        who = "load_state_dict"
        numeric = options.flag(who, state["numeric"])
        check = options.number if numeric else options.string
        levels = [check(who, level) for level in state["levels"]]
        if len(set(levels)) < len(levels):
            raise DataError(f"{who}: need levels of {name!r} that differ; got one twice")
        return cls(name, levels, numeric, options.flag(who, state["one_hot"]),
                   options.flag(who, state["marked"]))  # fmt: skip

    def state(self) -> dict[str, Any]:
        return {"levels": self.levels, "numeric": self.numeric, "one_hot": self.one_hot,
                "marked": self.marked}  # fmt: skip

    def names(self) -> tuple[list[str], list[str], list[str]]:
        if not self.one_hot:
            return [], [], [f"{self.name}_code"]
        shown = [text_of(level) for level in self.levels]
        made = [f"{self.name}_{text}" for text in (shown[1:] if len(shown) == 2 else shown)]
        return [], made + ([f"{self.name}_missing"] if self.marked else []), []

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self.levels) + FIRST

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, **self.state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def place_of(self, value: Any) -> int:
        """Return the place of any value."""
        if self.numeric:
            try:
                x = number_of(value)
            except Exception:  # whatever a user's class raises when a float is made of it
                return UNKNOWN
            return MISSING if x != x else self._known.get(x, UNKNOWN)
        text = text_of(value)
        return MISSING if text is None else self._known.get(level_of(text), UNKNOWN)

    def places(self, column: Column) -> np.ndarray:
        """Return the places of a column, int32 (N,)."""
        if isinstance(column, list):
            known, place = self._places, self.place_of
            if set(map(type, column)) == {str}:
                return np.fromiter(map(known.__getitem__, column), np.int32, len(column))
            found = (known[v] if type(v) is str else place(v) for v in column)
            return np.fromiter(found, np.int32, len(column))
        values, inverse = np.unique(column, return_inverse=True)
        return np.array([self.place_of(v) for v in values.tolist()] or [0], np.int32)[inverse]

    def fill(
        self, column: Column, real: np.ndarray, flags: np.ndarray, codes: np.ndarray
    ) -> list[int]:
        if self.one_hot:
            flags[:] = self.table[self.places(column)]
        else:
            codes[:, 0] = self.places(column)
        return []

    def row(self, value: Any, real: list[float], flags: list[bytes], codes: list[int]) -> Any:
        if type(value) is str:
            place = self._places[value]
        else:
            place = self._known.get(value) if type(value) is int else None  # a number, as a rule
            if place is None:
                place = self.place_of(value)
        if self._bytes:
            flags.append(self._bytes[place])
        else:
            codes.append(place)


def _one_hot(n: int, marked: bool) -> np.ndarray:
    """Return the flags of each place (n + 2, flags)."""
    made = np.zeros((n + FIRST, 1 if n == 2 else n), np.float32)
    if n == 2:
        made[FIRST:, 0] = -1, 1
    else:
        made[FIRST:] = np.eye(n, dtype=np.float32)
    if not marked:
        return made
    missing = np.zeros((n + FIRST, 1), np.float32)
    missing[MISSING] = 1
    return np.hstack([made, missing])
