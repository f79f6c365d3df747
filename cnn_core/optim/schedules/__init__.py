"""Schedules: the learning rate as a pure function of the step, counted from 0.

A schedule is any callable from the step to a number that is finite and not negative.  It must
depend on the step alone: training that is interrupted and resumed then goes on with the same
rates.  An optimizer takes one in place of ``lr``.  One of your own is called once for each step,
before the steps of a chunk are made; the ones here make the rates of a chunk at once (`of_steps`),
equal to the bit to those of single calls.  They compare by value and pickle; bad options raise
`OptionError`.  `cnn_core.ReduceLROnPlateau`, which goes by a metric, is a callback instead.
"""

from __future__ import annotations

from cnn_core.optim.schedules.base import (
    MAX_STEPS,
    Fixed,
    Rate,
    Schedule,
    checked,
    is_pure,
    rate,
    rate_at,
    rates_of,
    within,
)
from cnn_core.optim.schedules.decays import (
    Constant,
    CosineDecay,
    CosLog4,
    ExponentialDecay,
    PolynomialDecay,
    StepDecay,
)
from cnn_core.optim.schedules.phases import (
    CosineRestarts,
    FlatCosine,
    MultiStepDecay,
    OneCycle,
    Piecewise,
    Warmup,
)

__all__ = [
    "MAX_STEPS",
    "Constant",
    "CosLog4",
    "CosineDecay",
    "CosineRestarts",
    "ExponentialDecay",
    "Fixed",
    "FlatCosine",
    "MultiStepDecay",
    "OneCycle",
    "Piecewise",
    "PolynomialDecay",
    "Rate",
    "Schedule",
    "StepDecay",
    "Warmup",
    "checked",
    "is_pure",
    "rate",
    "rate_at",
    "rates_of",
    "within",
]
