"""What schedules have in common: the door for rates, and curves, one call or a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core._ext.core import curve, curves
from cnn_core.errors import OptionError
from cnn_core.naming import Described

MAX_STEPS = 2**53
"""Steps that a double still counts: what rates and bias corrections are computed from."""

Schedule = Callable[[int], float]
Rate = float | Schedule


def rate(who: str, value: Rate) -> Rate:
    """Return ``value``: a positive finite number as float, or a schedule as it is."""
    if callable(value) and not isinstance(value, type):
        return value
    try:
        return options.amount(who, value, open_at="low")
    except OptionError:
        raise OptionError(
            f"{who}: need a positive number up to {options.LARGEST:g} or a schedule "
            f"(a callable step -> lr); got {options.shown(value)}"
        ) from None


def rate_at(who: str, value: Rate, step: int) -> float:
    """Return the learning rate of ``step``; raise `OptionError` unless it is finite and >= 0."""
    if type(value) in OWN:
        found = value(step)  # type: ignore[operator]
    elif callable(value):
        found = options.call(who, "lr, a schedule step -> lr", value, step)
    else:
        return value
    if type(found) is float and 0 <= found <= options.LARGEST:  # no words for every step
        return found
    return checked(who, value, found, step)


def checked(who: str, value: Rate, found: float, step: int) -> float:
    """Return ``found``, what ``value`` gives for ``step``, if it is a rate; else raise."""
    if type(found) is float and 0 <= found <= options.LARGEST:
        return found
    return options.amount(f"{who}: lr of {value!r} at step {step}", found)


def rates_of(who: str, value: Rate, first: int, n: int) -> np.ndarray:
    """Return the rates of ``n`` steps from ``first`` on, float64: to the bit those of `rate_at`."""
    if not callable(value):
        found = np.empty(n)
        found.fill(value)  # in a sixth of the time of np.full
        return found
    if type(value) in OWN:  # what is derived from these may have another __call__
        return within(who, value, value.of_steps(first, n), first)  # type: ignore[attr-defined]
    return np.array([rate_at(who, value, step) for step in range(first, first + n)], np.float64)


def within(who: str, value: Rate, rates: np.ndarray, first: int) -> np.ndarray:
    """Return ``rates``, made of ``value`` from step ``first`` on; raise at one that is none."""
    if len(rates) and not (rates.min() >= 0 and rates.max() <= options.LARGEST):
        at = int(np.argmin((rates >= 0) & (rates <= options.LARGEST)))
        options.amount(f"{who}: lr of {value!r} at step {first + at}", float(rates[at]))
    return rates


def counted(schedule: Any, step: Any) -> int:
    """Return ``step``, which is no plain int from 0 on, as one; raise if it is no step."""
    return options.whole(type(schedule).__name__, step, 0, MAX_STEPS, option="a step")


class Fixed(Described):
    """Named values that never change, those of its options.

    Not a dataclass: five of them would take a tenth of the time to import the package.
    """

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{self!r}: need a new schedule for other values; got {name}={value!r}"
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def described(self) -> dict[str, Any]:
        """Return all options."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({inside})"


FLAT, STEPS, SMOOTH, COSINE, POLYNOMIAL, WAVES = range(6)
"""Curves of four numbers a, b, n and d, over the step s (`_ext/optim.pxi`): a; a b^floor(s / n);
a b^(s / n); b + (a - b) (1 + cos(pi (s - d) / n)) / 2; b + (a - b) (1 - s / n)^d;
b + (a - b) (1 - cos(2 pi log2(1 + d s / n))) / 2; the last three are b from the step n (+ d) on."""

Curve = tuple[int, float, float, float, float]


class Curved(Fixed):
    """A schedule that is one curve, or one after another."""

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        """Return the curve of ``step``, the step that it counts from, and the first beyond it."""
        raise NotImplementedError

    def __call__(self, step: int) -> float:
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = counted(self, step)
        found, origin, _ = self.curve_at(step)
        return curve(*found, step - origin)

    def of_steps(self, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on."""
        out, at, last = np.empty(n), first, first + n
        while at < last:
            found, origin, end = self.curve_at(at)
            to = last if end == inf else min(int(end), last)
            curves(*found, at - origin, out[at - first : to - first])
            at = to
        return out


OWN: set[type] = set()
"""The schedules that make the rates of many steps at once."""


def own(cls: type) -> type:
    """Count a class of this package among `OWN`."""
    OWN.add(cls)
    return cls


def is_pure(value: Rate) -> bool:
    """Tell whether rates may be made before their steps and kept: no function of others decides."""
    kind = type(value)
    if kind is float or kind not in OWN:
        return kind is float
    return is_pure(getattr(value, "then", 0.0))
