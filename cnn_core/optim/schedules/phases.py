"""Schedules of several phases."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import floor, inf

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.optim.schedules.base import (
    COSINE,
    FLAT,
    MAX_STEPS,
    Curve,
    Curved,
    Fixed,
    Rate,
    counted,
    own,
    rate,
    rate_at,
    rates_of,
)
from cnn_core.optim.schedules.decays import checked_lr


@own
class Piecewise(Curved):
    """``rates[i]`` until step ``boundaries[i]`` (not included), then the next; the last stays.

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.Piecewise(boundaries=(100, 200), rates=(0.1, 0.01, 0.001))
    >>> [schedule(step) for step in (99, 100, 1000)]
    [0.1, 0.01, 0.001]
    """

    boundaries: tuple[int, ...]
    rates: tuple[float, ...]

    def __init__(self, boundaries: Sequence[int], rates: Sequence[float]) -> None:
        at = _rising("Piecewise: boundaries", boundaries)
        who = "Piecewise: rates"
        found = tuple(options.amount(who, r) for r in options.items(who, rates, "numbers"))
        if len(found) != len(at) + 1:
            raise OptionError(
                f"{who}: need {len(at) + 1}, one more than the boundaries; got {len(found)}"
            )
        super().__init__(boundaries=at, rates=found)

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        at = bisect_right(self.boundaries, step)
        return (FLAT, self.rates[at], 0.0, 1.0, 0.0), 0, _next(self.boundaries, at)


@own
class MultiStepDecay(Curved):
    """lr factor^k, where k of the rising steps ``milestones`` are done.

    ``factor`` is in (0, 1].  (torch.optim.lr_scheduler.MultiStepLR.)

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.MultiStepDecay(0.1, milestones=(100, 200), factor=0.5)
    >>> [schedule(step) for step in (99, 100, 200)]
    [0.1, 0.05, 0.025]
    """

    lr: float
    milestones: tuple[int, ...]
    factor: float

    def __init__(self, lr: float, milestones: Sequence[int], factor: float = 0.1) -> None:
        super().__init__(
            lr=checked_lr("MultiStepDecay", lr),
            milestones=_rising("MultiStepDecay: milestones", milestones),
            factor=options.number("MultiStepDecay: factor", factor, 0, 1, open_at="low"),
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        done = bisect_right(self.milestones, step)
        rate = self.lr * self.factor**done
        return (FLAT, rate, 0.0, 1.0, 0.0), 0, _next(self.milestones, done)


@own
class CosineRestarts(Curved):
    """floor + (lr - floor) (1 + cos(pi s / n)) / 2 at the step s of a period of n steps.

    The first is ``period`` long, and each ``growth`` times as long as the one before: a whole
    number.  Source: Loshchilov, Hutter 2017 (SGDR; torch.optim.lr_scheduler's
    CosineAnnealingWarmRestarts).

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.CosineRestarts(0.1, period=100, growth=2)
    >>> [round(schedule(step), 4) for step in (0, 50, 99, 100, 200)]
    [0.1, 0.05, 0.0, 0.1, 0.05]
    """

    lr: float
    period: int
    growth: int
    floor: float

    def __init__(self, lr: float, period: int, growth: int = 1, floor: float = 0.0) -> None:
        lr = checked_lr("CosineRestarts", lr)
        super().__init__(
            lr=lr,
            period=options.whole("CosineRestarts: period", period),
            growth=options.whole("CosineRestarts: growth", growth),
            floor=options.number("CosineRestarts: floor", floor, 0, lr),
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        origin, n = 0, self.period
        if self.growth == 1:
            origin = step // n * n
        while step >= origin + n:
            origin, n = origin + n, n * self.growth
        return (COSINE, self.lr, self.floor, float(n), 0.0), origin, origin + n


@own
class OneCycle(Curved):
    """From lr / div_factor up to ``lr``, then down to lr / div_factor / final_div_factor.

    Both along half a cosine: upwards in the share ``pct_start``, in (0, 1), of the ``steps``,
    downwards in the rest, until the step ``steps`` - 1; there it stays.  Source: Smith, Topin 2018
    (torch.optim.lr_scheduler.OneCycleLR without ``three_phase``; the momentum stays as it is).

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.OneCycle(0.1, steps=101, pct_start=0.2)
    >>> [round(schedule(step), 4) for step in (0, 10, 19, 60, 100)]
    [0.004, 0.0551, 0.1, 0.0492, 0.0]
    """

    lr: float
    steps: int
    pct_start: float
    div_factor: float
    final_div_factor: float

    def __init__(
        self, lr: float, steps: int, pct_start: float = 0.3, div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:  # fmt: skip
        who, most = "OneCycle", options.LARGEST
        super().__init__(
            lr=checked_lr(who, lr),
            steps=options.whole(f"{who}: steps", steps),
            pct_start=options.number(f"{who}: pct_start", pct_start, 0, 1, open_at="low high"),
            div_factor=options.number(f"{who}: div_factor", div_factor, 1, most),
            final_div_factor=options.number(f"{who}: final_div_factor", final_div_factor, 1, most),
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        low, top = self.lr / self.div_factor, self.pct_start * self.steps - 1
        if step <= top:
            return (COSINE, low, self.lr, top, 0.0), 0, floor(top) + 1
        end = low / self.final_div_factor
        return (COSINE, self.lr, end, self.steps - 1 - top, top), 0, inf


@own
class FlatCosine(Curved):
    """``lr`` for the share ``flat``, in [0, 1), of the ``steps``, then half a cosine to ``floor``.

    floor + (lr - floor) (1 + cos(pi (step - a) / (steps - a))) / 2 with a = flat steps, and
    ``floor`` from ``steps`` on.  Source: fastai's fit_flat_cos.

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.FlatCosine(0.1, steps=1000, flat=0.5)
    >>> [round(schedule(step), 4) for step in (0, 500, 750, 1000)]
    [0.1, 0.1, 0.05, 0.0]
    """

    lr: float
    steps: int
    flat: float
    floor: float

    def __init__(self, lr: float, steps: int, flat: float = 0.75, floor: float = 0.0) -> None:
        lr = checked_lr("FlatCosine", lr)
        super().__init__(
            lr=lr,
            steps=options.whole("FlatCosine: steps", steps),
            flat=options.fraction("FlatCosine: flat", flat),
            floor=options.number("FlatCosine: floor", floor, 0, lr),
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        begin = self.flat * self.steps
        if step < begin:
            return (FLAT, self.lr, 0.0, 1.0, 0.0), 0, -floor(-begin)
        return (COSINE, self.lr, self.floor, self.steps - begin, begin), 0, inf


@own
class Warmup(Fixed):
    """(step + 1) / steps times the first rate of ``then`` for ``steps`` steps, then ``then``.

    ``then`` is a number or a schedule; it counts its own steps from the end of the warm-up.

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.Warmup(cnn.optim.CosineDecay(0.1, steps=1000), steps=4)
    >>> [round(schedule(step), 4) for step in (0, 1, 3, 4, 504)]
    [0.025, 0.05, 0.1, 0.1, 0.05]
    """

    then: Rate
    steps: int

    def __init__(self, then: Rate, steps: int) -> None:
        super().__init__(
            then=rate("Warmup: then", then), steps=options.whole("Warmup: steps", steps)
        )

    def __call__(self, step: int) -> float:
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = counted(self, step)
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


def _rising(who: str, steps: Sequence[int]) -> tuple[int, ...]:
    """Return steps from 1 on, each after the one before."""
    at = [0]
    for step in options.items(who, steps, "rising steps"):
        at.append(options.whole(who, step, at[-1] + 1))
    return tuple(at[1:])


def _next(steps: tuple[int, ...], done: int) -> float:
    """Return the first step that is not done, or infinity."""
    return steps[done] if done < len(steps) else inf
