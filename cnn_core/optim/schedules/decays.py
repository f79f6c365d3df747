"""Schedules of one formula for all steps."""

from __future__ import annotations

from math import inf

from cnn_core import options
from cnn_core.optim.schedules.base import (
    COSINE,
    FLAT,
    POLYNOMIAL,
    SMOOTH,
    STEPS,
    WAVES,
    Curve,
    Curved,
    own,
)


def checked_lr(who: str, lr: float) -> float:
    """Return a schedule's ``lr``, a positive number."""
    return options.amount(f"{who}: lr", lr, open_at="low")


@own
class Constant(Curved):
    """lr at every step: what a number in place of a schedule does.

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> cnn.optim.Constant(0.1)(1000)
    0.1
    """

    lr: float

    def __init__(self, lr: float) -> None:
        super().__init__(lr=checked_lr("Constant", lr))

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        return (FLAT, self.lr, 0.0, 1.0, 0.0), 0, inf


@own
class StepDecay(Curved):
    """lr factor^(step // every): multiplied by ``factor`` in (0, 1] after each ``every`` steps.

    (torch.optim.lr_scheduler.StepLR.)

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.StepDecay(0.1, every=100, factor=0.5)
    >>> [schedule(step) for step in (0, 99, 100, 250)]
    [0.1, 0.1, 0.05, 0.025]
    """

    kind = STEPS
    lr: float
    every: int
    factor: float

    def __init__(self, lr: float, every: int, factor: float = 0.1) -> None:
        name = type(self).__name__
        super().__init__(
            lr=checked_lr(name, lr),
            every=options.whole(f"{name}: every", every),
            factor=options.number(f"{name}: factor", factor, 0, 1, open_at="low"),
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        return (self.kind, self.lr, self.factor, self.every, 0.0), 0, inf


@own
class ExponentialDecay(StepDecay):
    """lr factor^(step / every): the smooth form of `StepDecay`.

    (Keras' ExponentialDecay; with ``every=1`` torch.optim.lr_scheduler.ExponentialLR.)

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.ExponentialDecay(0.1, every=100, factor=0.25)
    >>> [schedule(step) for step in (0, 50, 100)]
    [0.1, 0.05, 0.025]
    """

    kind = SMOOTH


@own
class PolynomialDecay(Curved):
    """floor + (lr - floor) (1 - step / steps)^power, and ``floor`` from ``steps`` on.

    With ``power=1``, the default, a straight line.  (torch.optim.lr_scheduler.PolynomialLR, which
    has no floor; Keras' PolynomialDecay.)

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.PolynomialDecay(0.1, steps=1000)
    >>> [round(schedule(step), 4) for step in (0, 250, 1000, 5000)]
    [0.1, 0.075, 0.0, 0.0]
    """

    lr: float
    steps: int
    power: float
    floor: float

    def __init__(self, lr: float, steps: int, power: float = 1.0, floor: float = 0.0) -> None:
        lr = checked_lr("PolynomialDecay", lr)
        super().__init__(
            lr=lr,
            steps=options.whole("PolynomialDecay: steps", steps),
            power=options.number("PolynomialDecay: power", power, 0, open_at="low"),
            floor=options.number("PolynomialDecay: floor", floor, 0, lr),
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        return (POLYNOMIAL, self.lr, self.floor, self.steps, self.power), 0, inf


@own
class CosineDecay(Curved):
    """floor + (lr - floor) (1 + cos(pi step / steps)) / 2, and ``floor`` from ``steps`` on.

    Source: Loshchilov, Hutter 2017 (one cycle, no restart; torch.optim.lr_scheduler's
    CosineAnnealingLR up to ``steps``).

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.CosineDecay(0.1, steps=1000, floor=0.001)
    >>> [round(schedule(step), 4) for step in (0, 500, 1000, 5000)]
    [0.1, 0.0505, 0.001, 0.001]
    """

    lr: float
    steps: int
    floor: float

    def __init__(self, lr: float, steps: int, floor: float = 0.0) -> None:
        lr = checked_lr("CosineDecay", lr)
        super().__init__(
            lr=lr,
            steps=options.whole("CosineDecay: steps", steps),
            floor=options.number("CosineDecay: floor", floor, 0, lr),
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        return (COSINE, self.lr, self.floor, self.steps, 0.0), 0, inf


@own
class CosLog4(Curved):
    """lr (1 - cos(2 pi log2(1 + 15 step / steps))) / 2, and 0 from ``steps`` on.

    Four waves from 0 to ``lr`` and back, each twice as long as the one before.
    Source: Holzmueller, Grinsztajn, Steinwart 2024 (coslog4 of RealMLP).

    Bad options, and steps that are no whole numbers from 0 on, raise `OptionError`.

    >>> schedule = cnn.optim.CosLog4(0.04, steps=1500)
    >>> [round(schedule(step), 4) for step in (0, 41, 100, 183, 300, 466)]
    [0.0, 0.04, 0.0, 0.04, 0.0, 0.04]
    """

    lr: float
    steps: int

    def __init__(self, lr: float, steps: int) -> None:
        super().__init__(
            lr=checked_lr("CosLog4", lr), steps=options.whole("CosLog4: steps", steps)
        )

    def curve_at(self, step: int) -> tuple[Curve, int, float]:
        # (1 - c) / 2 rises from b to a where a is the rate at the crests.
        return (WAVES, self.lr, 0.0, self.steps, 15.0), 0, inf
