"""Optimizers and learning-rate schedules: options and state; the arithmetic is in C."""

from __future__ import annotations

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import hint
from cnn_core.optim.adadelta import Adadelta
from cnn_core.optim.adagrad import Adagrad
from cnn_core.optim.adam import Adam, AdamW
from cnn_core.optim.base import Optimizer
from cnn_core.optim.nadam import NAdam
from cnn_core.optim.rmsprop import RMSProp
from cnn_core.optim.schedules import (
    Constant,
    CosineDecay,
    CosineRestarts,
    CosLog4,
    ExponentialDecay,
    FlatCosine,
    MultiStepDecay,
    OneCycle,
    Piecewise,
    PolynomialDecay,
    Schedule,
    StepDecay,
    Warmup,
)
from cnn_core.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    cls.kernel: cls for cls in (SGD, Adagrad, Adadelta, RMSProp, Adam, AdamW, NAdam)
}
"""The optimizers by name."""


def get(optimizer: str | Optimizer) -> Optimizer:
    """Return ``optimizer``, or a new one with default options for a name such as "adam".

    Upper and lower case do not differ.  Raises `OptionError` for an unknown name.

    >>> cnn.optim.get("adamw").weight_decay
    0.01
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str) and optimizer.lower() in OPTIMIZERS:
        return OPTIMIZERS[optimizer.lower()]()  # type: ignore[call-arg]
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        name = optimizer.__name__
        raise OptionError(f"optimizer: need an instance; got the class {name}: write {name}()")
    known = ", ".join(OPTIMIZERS)
    raise OptionError(
        f"optimizer: need an Optimizer or one of {known}; got {options.shown(optimizer)}"
        f"{hint(optimizer, OPTIMIZERS)}"
    )


__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "CosLog4",
    "CosineDecay",
    "CosineRestarts",
    "ExponentialDecay",
    "FlatCosine",
    "MultiStepDecay",
    "NAdam",
    "OneCycle",
    "Optimizer",
    "Piecewise",
    "PolynomialDecay",
    "RMSProp",
    "Schedule",
    "StepDecay",
    "Warmup",
    "get",
]
