"""Schedules: the learning rate as a pure function of the step, counted from 0.

A schedule is any callable from the step to a number that is finite and not negative.  It must
depend on the step alone: training that is interrupted and resumed then goes on with the same
rates.  An optimizer takes one in place of ``lr``.  One of your own is called once for each step,
before the steps of a chunk are made; the ones here make the rates of a chunk at once (`of_steps`),
equal to the bit to those of single calls.  They compare by value and pickle; bad options raise
`OptionError`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core._ext.optim import cosine, cosines, power, powers
from cnn_core.errors import OptionError
from cnn_core.naming import Keywords

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


def _counted(schedule: Any, step: Any) -> int:
    """Return ``step``, which is no plain int from 0 on, as one; raise if it is no step."""
    return options.whole(type(schedule).__name__, step, 0, MAX_STEPS, option="a step")


class Fixed(Keywords):
    """Named values that never change.

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

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({inside})"


class StepDecay(Fixed):
    """lr factor^(step // every): multiplied by ``factor`` in (0, 1] after each ``every`` steps.

    >>> StepDecay(0.1, every=100, factor=0.5)(250)
    0.025
    """

    lr: float
    every: int
    factor: float

    def __init__(self, lr: float, every: int, factor: float = 0.1) -> None:
        name = type(self).__name__
        super().__init__(
            lr=options.amount(f"{name}: lr", lr, open_at="low"),
            every=options.whole(f"{name}: every", every),
            factor=options.number(f"{name}: factor", factor, 0, 1, open_at="low"),
        )

    def __call__(self, step: int) -> float:
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = _counted(self, step)
        return power(self.lr, self.factor, self.every, False, step)

    def of_steps(self, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on."""
        powers(self.lr, self.factor, self.every, False, first, out := np.empty(n))
        return out


class ExponentialDecay(StepDecay):
    """lr factor^(step / every): the smooth form of `StepDecay`.

    >>> ExponentialDecay(0.1, every=100, factor=0.25)(50)
    0.05
    """

    def __call__(self, step: int) -> float:
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = _counted(self, step)
        return power(self.lr, self.factor, self.every, True, step)

    def of_steps(self, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on."""
        powers(self.lr, self.factor, self.every, True, first, out := np.empty(n))
        return out


class CosineDecay(Fixed):
    """floor + (lr - floor) (1 + cos(pi step / steps)) / 2, and ``floor`` from ``steps`` on.

    Source: Loshchilov, Hutter 2017 (one cycle, no restart).

    >>> CosineDecay(0.1, steps=1000)(500)
    0.05
    """

    lr: float
    steps: int
    floor: float

    def __init__(self, lr: float, steps: int, floor: float = 0.0) -> None:
        lr = options.amount("CosineDecay: lr", lr, open_at="low")
        super().__init__(
            lr=lr,
            steps=options.whole("CosineDecay: steps", steps),
            floor=options.number("CosineDecay: floor", floor, 0, lr),
        )

    def __call__(self, step: int) -> float:
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = _counted(self, step)
        return cosine(self.lr, self.floor, self.steps, step)

    def of_steps(self, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on."""
        cosines(self.lr, self.floor, self.steps, first, out := np.empty(n))
        return out


class Piecewise(Fixed):
    """``rates[i]`` until step ``boundaries[i]`` (not included), then the next; the last stays.

    >>> Piecewise(boundaries=(100, 200), rates=(0.1, 0.01, 0.001))(100)
    0.01
    """

    boundaries: tuple[int, ...]
    rates: tuple[float, ...]

    def __init__(self, boundaries: Sequence[int], rates: Sequence[float]) -> None:
        who = "Piecewise: boundaries"
        at = [0]
        for boundary in options.items(who, boundaries, "rising steps"):
            at.append(options.whole(who, boundary, at[-1] + 1))
        who = "Piecewise: rates"
        found = tuple(options.amount(who, r) for r in options.items(who, rates, "numbers"))
        if len(found) != len(at):
            raise OptionError(
                f"{who}: need {len(at)}, one more than the boundaries; got {len(found)}"
            )
        super().__init__(boundaries=tuple(at[1:]), rates=found)

    def __call__(self, step: int) -> float:
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = _counted(self, step)
        return self.rates[bisect_right(self.boundaries, step)]

    def of_steps(self, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on."""
        out, at = np.empty(n), bisect_right(self.boundaries, first)
        out[:] = self.rates[at]
        for boundary, rate in zip(self.boundaries[at:], self.rates[at + 1 :], strict=True):
            if boundary >= first + n:
                break
            out[boundary - first :] = rate
        return out


class Warmup(Fixed):
    """(step + 1) / steps times the first rate of ``then`` for ``steps`` steps, then ``then``.

    ``then`` is a number or a schedule; it counts its own steps from the end of the warm-up.

    >>> [Warmup(0.1, steps=4)(step) for step in (0, 3, 9)]
    [0.025, 0.1, 0.1]
    """

    then: Rate
    steps: int

    def __init__(self, then: Rate, steps: int) -> None:
        super().__init__(
            then=rate("Warmup: then", then), steps=options.whole("Warmup: steps", steps)
        )

    def __call__(self, step: int) -> float:
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = _counted(self, step)
        if step < self.steps:
            return rate_at("Warmup", self.then, 0) * (step + 1) / self.steps
        return rate_at("Warmup", self.then, step - self.steps)

    def of_steps(self, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on."""
        rising = min(max(self.steps - first, 0), n)
        if rising == 0:
            return rates_of("Warmup", self.then, first - self.steps, n)
        start = rate_at("Warmup", self.then, 0)
        low = start * np.arange(first + 1, first + rising + 1, dtype=np.float64) / self.steps
        return np.concatenate([low, rates_of("Warmup", self.then, 0, n - rising)])


OWN = frozenset((StepDecay, ExponentialDecay, CosineDecay, Piecewise, Warmup))
"""The schedules that make the rates of many steps at once."""


def is_pure(value: Rate) -> bool:
    """Tell whether rates may be made before their steps and kept: no function of others decides."""
    kind = type(value)
    return kind is float or (kind in OWN and (kind is not Warmup or is_pure(value.then)))  # type: ignore[union-attr]
