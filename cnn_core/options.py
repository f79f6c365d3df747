"""Rules for single options; each names who asks, what is needed and what came.

All raise `OptionError`.  NumPy's scalars count as Python's; True and False are no numbers, and
nothing but them is a flag.  ``who`` starts the message; ``option`` is what it calls the value,
where ``who`` does not say that already: ``who: need <option>, a whole number ...; got 1.5``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from math import inf, isfinite, nan
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np

from cnn_core.errors import DtypeError, OptionError
from cnn_core.naming import hint

LARGEST = 1e18
"""Bound on learning rates and penalties: their products stay finite in float32."""

SMALLEST_EPS = 1e-30
"""Bound on eps: it must stay positive in float32, or padding would become 0 / 0."""

LARGEST_INT = 2**63 - 1
"""What the C core's counters hold."""

LARGEST_SEED = 2**64 - 1


def shown(value: Any) -> str:
    """Return ``value`` for a message: its repr, cut short; its type where it has none."""
    try:
        if isinstance(value, np.ndarray) and value.ndim and value.size > 8:
            return f"an array of shape {value.shape}, {value.dtype}"
        text = re.sub(r"\n\s*", " ", repr(value))
    except Exception:  # whatever a repr does, the message is about something else
        return f"{'an' if isinstance(value, int) else 'a'} {type(value).__name__}"
    return text if len(text) <= 500 else f"{text[:500]} ..."


def is_number(value: Any) -> bool:
    """Tell whether ``value`` is a real number of Python or NumPy; True and False are none."""
    kind = type(value)  # asked first: abstract classes take their time
    return kind is float or kind is int or (isinstance(value, Real) and kind is not bool)


def is_whole(value: Any) -> bool:
    """Tell whether ``value`` is an integer of Python or NumPy; True and False are none."""
    kind = type(value)
    return kind is int or (isinstance(value, Integral) and kind is not bool)


def refuse(who: str, need: str, value: Any, option: str = "") -> OptionError:
    """Return the error that says so, to be raised."""
    return OptionError(f"{who}: need {option}{', ' if option else ''}{need}; got {shown(value)}")


def number(
    who: str, value: Any, low: float = -inf, high: float = inf, *, open_at: str = "",
    option: str = "",
) -> float:  # fmt: skip
    """Return ``value`` as a finite float within [low, high]; ``open_at`` names excluded ends."""
    low_open, high_open = "low" in open_at or low == -inf, "high" in open_at or high == inf
    found = nan
    if is_number(value):
        try:
            found = float(value)
        except OverflowError:
            found = inf
    above = found > low if low_open else found >= low
    below = found < high if high_open else found <= high
    if isfinite(found) and above and below:
        return found
    raise refuse(who, _interval(low, high, low_open, high_open), value, option)


def _interval(low: float, high: float, low_open: bool, high_open: bool) -> str:
    if high == inf and low in (-inf, 0):
        return "a finite number" if low < 0 else "a positive number" if low_open else (
            "a finite number of at least 0"
        )  # fmt: skip
    span = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
    return f"a number in {span}"


def amount(who: str, value: Any, *, open_at: str = "", option: str = "") -> float:
    """Return ``value`` as a float within [0, LARGEST]: a rate or a penalty."""
    return number(who, value, 0.0, LARGEST, open_at=open_at, option=option)


def fraction(who: str, value: Any, *, option: str = "") -> float:
    """Return ``value`` as a float within [0, 1): the memory of a running mean."""
    return number(who, value, 0.0, 1.0, open_at="high", option=option)


def epsilon(who: str, value: Any) -> float:
    """Return ``value`` as a float that is positive in float32 too."""
    return number(who, value, SMALLEST_EPS, LARGEST)


def limit(who: str, value: Any) -> float | None:
    """Return ``value``: a positive finite number, or None for no limit."""
    if value is None:
        return None
    try:
        return number(who, value, 0.0, open_at="low")
    except OptionError:
        raise refuse(who, "None or a positive finite number", value) from None


def whole(
    who: str, value: Any, low: int = 1, high: int = LARGEST_INT, *, option: str = ""
) -> int:
    """Return ``value``, an integer from ``low`` to ``high``, as an int."""
    if is_whole(value) and low <= value <= high:
        return int(value)
    open_end = high > 2**31 and not (is_whole(value) and value > high)
    span = f"of at least {low}" if open_end else f"from {low} to {high}"
    raise refuse(who, f"a whole number {span}", value, option)


def int32(who: str, value: Any, *, option: str = "") -> int:
    """Return ``value``, an integer of 32 bits such as a label, as an int."""
    if is_whole(value) and -(2**31) <= value < 2**31:
        return int(value)
    raise refuse(who, "a whole number within int32", value, option)


def seed(who: str, value: Any, option: str = "") -> int:
    """Return ``value``, the start of a random sequence, as an int of at most 64 bits."""
    return whole(who, value, 0, LARGEST_SEED, option=option)


def flag(who: str, value: Any, *, option: str = "") -> bool:
    """Return ``value``, which must be True or False: any other object would count as True."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise refuse(who, "True or False", value, option)


def choice(who: str, value: Any, known: Iterable[str], *, option: str) -> str:
    """Return ``value``, which must be one of the names ``known``."""
    known = tuple(known)
    if isinstance(value, str) and value in known:
        return str(value)
    listed = " or ".join(map(repr, known)) if len(known) < 3 else f"among {', '.join(known)}"
    raise OptionError(f"{who}: need {option} {listed}; got {shown(value)}{hint(value, known)}")


def name(who: str, value: Any, *, option: str = "") -> str:
    """Return ``value``, which must be a string of at least one letter."""
    if isinstance(value, str) and value:
        return value
    raise refuse(who, "a name of at least one letter", value, option)


def lengths(who: str, value: Any, *, option: str = "a shape") -> tuple[int, ...]:
    """Return ``value``, the lengths of axes, as a tuple of ints."""
    found = tuple(value) if isinstance(value, (tuple, list)) else ()
    if isinstance(value, (tuple, list)) and all(is_whole(n) and n >= 0 for n in found):
        return tuple(int(n) for n in found)
    raise refuse(who, "a tuple of lengths", value, option)


def real_dtype(who: str, value: Any) -> np.dtype:
    """Return ``value`` as a NumPy dtype; raise `DtypeError` unless float32 or float64."""
    need = f"{who}: need dtype float32 or float64; got"
    try:
        found = None if value is None else np.dtype(value)  # of None NumPy makes float64
    except Exception as error:  # whatever the object's own attributes and methods do
        raise DtypeError(f"{need} {shown(value)}") from error
    if found is None or found not in (np.float32, np.float64):
        raise DtypeError(f"{need} {found}")
    return found


def path(who: str, value: Any) -> str | os.PathLike[str]:
    """Return ``value``, the name of a file or folder; a number would be an open file's."""
    if isinstance(value, (str, os.PathLike)) and "\0" not in os.fspath(value):
        return value
    raise refuse(who, "a path, a string or pathlib.Path", value)


def string(who: str, value: Any, *, option: str = "") -> str:
    """Return ``value``, which must be a string."""
    if isinstance(value, str):
        return value
    raise refuse(who, "a string", value, option)


def call(who: str, need: str, function: Any, *arguments: Any) -> Any:
    """Return what a caller's function returns; raise where it does not take ``arguments``.

    What it raises itself passes as it is.
    """
    try:
        return function(*arguments)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise  # from within it
        raise OptionError(f"{who}: need {need}; got {shown(function)}: {error}") from error


def other_arguments(function: Any, arguments: tuple[str, ...]) -> str | None:
    """Return what ``function`` takes if it does not take ``arguments``; None if it does."""
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)  # of Python's own functions, which are the most
    given = len(arguments) + (plain is not function)
    if code is not None and code.co_argcount == given and not code.co_kwonlyargcount:
        return None
    from inspect import signature  # takes longer to import than this package

    try:
        found = signature(function)
    except (TypeError, ValueError):  # a function of C may not tell
        return None
    try:
        found.bind(*arguments)
    except TypeError:
        return ", ".join(map(str, found.parameters.values()))
    return None


def names(who: str, value: Any) -> tuple[str, ...]:
    """Return ``value``, a collection of strings, as a tuple."""
    if isinstance(value, str):
        raise OptionError(f"{who}: need a tuple of names; got a string: write ({value!r},)")
    found = items(who, value, "names")
    if not all(isinstance(each, str) and each for each in found):
        raise refuse(who, "a tuple of names", value)
    return found


def items(who: str, value: Any, what: str, kind: str = "tuple") -> tuple[Any, ...]:
    """Return ``value``, which must be iterable, as a tuple."""
    try:
        return tuple(value)
    except TypeError:
        raise refuse(who, f"a {kind} of {what}", value) from None


class Fixable:
    """What programs are compiled from: `fix` makes the attributes that there are read-only."""

    fixed_by: ClassVar[str] = "Trainer"
    _fixed: frozenset[str] = frozenset()

    def fix(self, names: Iterable[str] | None = None) -> None:
        """Refuse changes of ``names`` from now on; by default, of the present attributes."""
        self.__dict__.setdefault("_fixed", frozenset(vars(self) if names is None else names))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._fixed:
            by = self.fixed_by
            need = f"a new one and a new {by} for another value (a {by} has this one)"
            raise refuse(f"{type(self).__name__}: {name}", need, value)
        object.__setattr__(self, name, value)


def matching(who: str, pattern: Any, names: Iterable[str]) -> list[str]:
    """Return the ``names`` that a name or a pattern such as ``"*.b"`` stands for.

    Raises `OptionError` where it stands for none.
    """
    known = list(names)
    text = isinstance(pattern, str)
    found = [n for n in known if text and (n == pattern or fnmatchcase(n, pattern))]
    if not found:
        raise OptionError(
            f"{who}: need a name or pattern among {', '.join(known)}; got {shown(pattern)}"
            f"{hint(pattern, known)}"
        )
    return found
