"""Rules for single options; each names who asks, the option, what is needed and what came."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from cnn_core.errors import OptionError

LARGEST = 1e18
"""Bound on learning rates and penalties: their products stay finite in float32."""

SMALLEST_EPS = 1e-30
"""Bound on eps: it must stay positive in float32, or padding would become 0 / 0."""


def number(
    who: str, value: Any, low: float = 0.0, high: float = LARGEST, open_at: str = ""
) -> float:
    """Return ``value`` as a float within [low, high]; ``open_at`` names excluded ends."""
    low_open, high_open = "low" in open_at, "high" in open_at
    if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        above = found > low if low_open else found >= low
        below = found < high if high_open else found <= high
        if math.isfinite(found) and above and below:
            return found
    span = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
    raise OptionError(f"{who}: need a number in {span}; got {value!r}")


def fraction(who: str, value: Any) -> float:
    """Return ``value`` as a float within [0, 1): the memory of a running mean."""
    return number(who, value, 0.0, 1.0, open_at="high")


def epsilon(who: str, value: Any) -> float:
    """Return ``value`` as a float that is positive in float32 too."""
    return number(who, value, SMALLEST_EPS)


def flag(who: str, value: Any) -> bool:
    """Return ``value``, which must be True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise OptionError(f"{who}: need True or False; got {value!r}")
    return bool(value)


def limit(who: str, value: Any) -> float | None:
    """Return ``value``: a positive finite number, or None for no limit."""
    if value is None:
        return None
    try:
        return number(who, value, 0.0, math.inf, open_at="low")
    except OptionError:
        raise OptionError(f"{who}: need None or a positive finite number; got {value!r}") from None


def count(who: str, value: Any, low: int = 1) -> int:
    """Return ``value`` as an int of at least ``low``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < low:
        raise OptionError(f"{who}: need an integer of at least {low}; got {value!r}")
    return int(value)


def names(who: str, value: Any) -> tuple[str, ...]:
    """Return ``value``, a collection of strings, as a tuple."""
    if isinstance(value, str):
        raise OptionError(f"{who}: need a tuple of names; got a string: write ({value!r},)")
    found = items(who, value, "names")
    if not all(isinstance(name, str) and name for name in found):
        raise OptionError(f"{who}: need a tuple of names; got {value!r}")
    return found


def items(who: str, value: Any, what: str) -> tuple[Any, ...]:
    """Return ``value``, which must be iterable, as a tuple."""
    try:
        return tuple(value)
    except TypeError:
        raise OptionError(f"{who}: need a tuple of {what}; got {value!r}") from None
