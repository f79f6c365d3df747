"""Groups: parameters with a rate, a decay or penalties of their own, by patterns of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import hint
from cnn_core.optim import schedules
from cnn_core.optim.schedules import Rate

PENALTIES = ("l1", "l2", "l2_per_row", "max_norm")
KEYS = ("lr", "lr_factor", "weight_decay", *PENALTIES)
"""What a group may say."""


class Kind(NamedTuple):
    """How a parameter is updated; neighbours of equal kind are updated together."""

    weight_decay: float
    column: int
    """Of the rates."""
    l1: float = 0.0
    l2: float = 0.0
    l2_per_row: float = 0.0
    max_norm: float = 0.0


class Groups:
    """The groups of an optimizer, in their order, as ``{pattern: {option: value}}``.

    A parameter belongs to the first group whose pattern matches its name.  Groups that say
    nothing of the rate have that of the optimizer, which is column 0 of `rates`.
    """

    def __init__(self, who: str, given: Any) -> None:
        self.who = f"{who}: groups"
        if given is not None and not isinstance(given, Mapping):
            need = 'a dictionary such as {"*.b": {"lr_factor": 0.1}}'
            raise options.refuse(self.who, need, given)
        self._options = {
            _pattern(self.who, pattern): _checked(f"{self.who}[{pattern!r}]", each)
            for pattern, each in (given or {}).items()
        }
        self._rated: list[tuple[str, Rate | None, float]] = []  # who, own rate, factor
        self._column: dict[str, int] = {}
        for pattern, each in self._options.items():
            if "lr" in each or "lr_factor" in each:
                who = f"{self.who}[{pattern!r}]"
                self._rated.append((who, each.get("lr"), each.get("lr_factor", 1.0)))
                self._column[pattern] = len(self._rated)
        self.n_columns = len(self._rated) + 1
        self.are_pure = all(lr is None or schedules.is_pure(lr) for _, lr, _ in self._rated)

    def options(self) -> dict[str, dict[str, Any]]:
        """Return a copy of what was given."""
        return {pattern: dict(each) for pattern, each in self._options.items()}

    def rates_at(self, who: str, own: Rate, step: int) -> tuple[float, ...]:
        """Return the rates of ``step``, column by column, where the optimizer's is ``own``."""
        first = own if type(own) is float else schedules.rate_at(who, own, step)
        if not self._rated:
            return (first,)
        found = [first]
        for group, lr, factor in self._rated:
            if lr is None:
                found.append(schedules.checked(group, own, first * factor, step))
            else:
                found.append(schedules.rate_at(group, lr, step))
        return tuple(found)

    def rates(self, who: str, own: Rate, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on, of shape (n, columns)."""
        if n == 1:
            return np.array([self.rates_at(who, own, first)])
        rates = schedules.rates_of(who, own, first, n)
        if not self._rated:
            return rates[:, None]
        found = np.empty((n, self.n_columns))
        found[:, 0] = rates
        for i, (group, lr, factor) in enumerate(self._rated, 1):
            if lr is None:
                found[:, i] = schedules.within(group, own, rates * factor, first)
            else:
                found[:, i] = schedules.rates_of(group, lr, first, n)
        return found

    def kinds(
        self, names: Iterable[str], who: str, weight_decay: float, no_decay: Iterable[str]
    ) -> dict[str, Kind]:
        """Return the kind of each of the parameters ``names``.

        Raises `OptionError` where a pattern matches none of them.
        """
        found = dict.fromkeys(names, Kind(weight_decay, 0))
        group: dict[str, str] = {}
        for pattern in self._options:
            for name in options.matching(self.who, pattern, found):
                group.setdefault(name, pattern)
        for name, pattern in group.items():
            given = self._options[pattern]
            found[name] = Kind(
                given.get("weight_decay", weight_decay), self._column.get(pattern, 0),
                *[given.get(key, 0.0) for key in PENALTIES],
            )  # fmt: skip
        for pattern in no_decay:
            for name in options.matching(f"{who}: no_decay", pattern, found):
                found[name] = found[name]._replace(weight_decay=0.0)
        return found


def _pattern(who: str, pattern: Any) -> str:
    if not isinstance(pattern, str) or not pattern:
        raise options.refuse(who, "names or patterns as its keys", pattern)
    return pattern


def _checked(who: str, given: Any) -> dict[str, Any]:
    """Return the options of one group, looked through."""
    if not isinstance(given, Mapping):
        raise options.refuse(who, f"a dictionary of {', '.join(KEYS)}", given)
    for key in given:
        if key not in KEYS:
            got = options.shown(key)
            raise OptionError(f"{who}: need {', '.join(KEYS)}; got {got}{hint(key, KEYS)}")
    if "lr" in given and "lr_factor" in given:
        raise OptionError(f"{who}: need lr, or lr_factor of the optimizer's lr; got both")
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key == "lr":
            found[key] = schedules.rate(f"{who}: {key}", value)
        else:
            open_at = "low" if key == "max_norm" else ""
            found[key] = options.amount(f"{who}: {key}", value, open_at=open_at)
    return found
