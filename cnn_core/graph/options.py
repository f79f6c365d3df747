"""Checks of the numbers that operations take as options."""

from __future__ import annotations

from math import inf
from numbers import Real
from typing import Any

from cnn_core.errors import OptionError


def number(
    who: str,
    option: str,
    value: Any,
    *,
    above: float = -inf,
    below: float = inf,
    least: float | None = None,
    most: float | None = None,
) -> float:
    """Return ``value`` as a float with above < value < below and least <= value <= most.

    Anything else raises `OptionError`: so do NaN and, without other limits, the infinities.
    """
    low, low_fits = (above, None) if least is None else (least, True)
    high, high_fits = (below, None) if most is None else (most, True)
    if isinstance(value, Real) and not isinstance(value, bool):
        x = float(value)
        if (low < x or (low_fits and x == low)) and (x < high or (high_fits and x == high)):
            return x
    left = f"{low:g} <{'=' if low_fits else ''} " if low > -inf else ""
    right = f" <{'=' if high_fits else ''} {high:g}" if high < inf else ""
    raise OptionError(f"{who}: need a finite number {left}{option}{right}; got {value!r}")


def integer(who: str, option: str, value: Any, *, least: int) -> int:
    """Return ``value`` as an int of at least ``least``, or raise `OptionError`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if is_number and float(value).is_integer() and value >= least:
        return int(value)
    raise OptionError(f"{who}: need an integer {option} >= {least}; got {value!r}")
