"""Schedules: the learning rate as a pure function of the step, counted from 0.

A schedule is any callable from the step to a number that is finite and not negative.  It must
depend on the step alone: training that is interrupted and resumed then goes on with the same
rates.  An optimizer takes one in place of ``lr``.  The ones here compare by value and pickle.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi

from cnn_core.errors import OptionError
from cnn_core.optim import checks

Schedule = Callable[[int], float]
Rate = float | Schedule


def rate(who: str, value: Rate) -> Rate:
    """Return ``value``: a positive finite number as float, or a schedule as it is."""
    if callable(value) and not isinstance(value, type):
        return value
    try:
        return checks.number(who, value, open_at="low")
    except OptionError:
        raise OptionError(
            f"{who}: need a positive number up to {checks.LARGEST:g} or a schedule "
            f"(a callable step -> lr); got {value!r}"
        ) from None


def rate_at(who: str, value: Rate, step: int) -> float:
    """Return the learning rate of ``step``; raise `OptionError` unless it is finite and >= 0."""
    if not callable(value):
        return value
    return checks.number(f"{who}: lr of {value!r} at step {step}", value(step))


def _set(schedule: object, option: str, value: object) -> None:
    object.__setattr__(schedule, option, value)  # the dataclasses are frozen


def _who(schedule: object, option: str) -> str:
    return f"{type(schedule).__name__}: {option}"


def _check_decay(s: StepDecay | ExponentialDecay) -> None:
    _set(s, "lr", checks.number(_who(s, "lr"), s.lr, open_at="low"))
    _set(s, "every", checks.count(_who(s, "every"), s.every))
    _set(s, "factor", checks.number(_who(s, "factor"), s.factor, 0, 1, open_at="low"))


@dataclass(frozen=True)
class StepDecay:
    """lr factor^(step // every): multiplied by ``factor`` in (0, 1] after each ``every`` steps.

    >>> StepDecay(0.1, every=100, factor=0.5)(250)
    0.025
    """

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check_decay(self)

    def __call__(self, step: int) -> float:
        return self.lr * self.factor ** (step // self.every)


@dataclass(frozen=True)
class ExponentialDecay:
    """lr factor^(step / every): the smooth form of `StepDecay`.

    >>> ExponentialDecay(0.1, every=100, factor=0.25)(50)
    0.05
    """

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check_decay(self)

    def __call__(self, step: int) -> float:
        return self.lr * self.factor ** (step / self.every)


@dataclass(frozen=True)
class CosineDecay:
    """floor + (lr - floor) (1 + cos(pi step / steps)) / 2, and ``floor`` from ``steps`` on.

    Source: Loshchilov, Hutter 2017 (one cycle, no restart).

    >>> CosineDecay(0.1, steps=1000)(500)
    0.05
    """

    lr: float
    steps: int
    floor: float = 0.0

    def __post_init__(self) -> None:
        _set(self, "lr", checks.number(_who(self, "lr"), self.lr, open_at="low"))
        _set(self, "steps", checks.count(_who(self, "steps"), self.steps))
        _set(self, "floor", checks.number(_who(self, "floor"), self.floor, 0, self.lr))

    def __call__(self, step: int) -> float:
        if step >= self.steps:
            return self.floor
        return self.floor + (self.lr - self.floor) * (1 + cos(pi * step / self.steps)) / 2


@dataclass(frozen=True)
class Piecewise:
    """``rates[i]`` until step ``boundaries[i]`` (not included), then the next; the last stays.

    >>> Piecewise(boundaries=(100, 200), rates=(0.1, 0.01, 0.001))(100)
    0.01
    """

    boundaries: Sequence[int]
    rates: Sequence[float]

    def __post_init__(self) -> None:
        who = _who(self, "boundaries")
        at = [0]
        for boundary in checks.items(who, self.boundaries, "rising steps"):
            at.append(checks.count(who, boundary, at[-1] + 1))
        who = _who(self, "rates")
        rates = tuple(checks.number(who, r) for r in checks.items(who, self.rates, "numbers"))
        if len(rates) != len(at):
            raise OptionError(
                f"{who}: need {len(at)}, one more than the boundaries; got {len(rates)}"
            )
        _set(self, "boundaries", tuple(at[1:]))
        _set(self, "rates", rates)

    def __call__(self, step: int) -> float:
        return self.rates[bisect_right(self.boundaries, step)]


@dataclass(frozen=True)
class Warmup:
    """(step + 1) / steps times the first rate of ``then`` for ``steps`` steps, then ``then``.

    ``then`` is a number or a schedule; it counts its own steps from the end of the warm-up.

    >>> [Warmup(0.1, steps=4)(step) for step in (0, 3, 9)]
    [0.025, 0.1, 0.1]
    """

    then: Rate
    steps: int

    def __post_init__(self) -> None:
        _set(self, "then", rate(_who(self, "then"), self.then))
        _set(self, "steps", checks.count(_who(self, "steps"), self.steps))

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return rate_at("Warmup", self.then, 0) * (step + 1) / self.steps
        return rate_at("Warmup", self.then, step - self.steps)
