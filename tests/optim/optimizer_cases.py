"""What the optimizer tests share: every optimizer with each option, stores, gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnn_core.ir.node import Parameter
from cnn_core.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RMSProp,
    StepDecay,
)
from cnn_core.state.params import ParamStore

SHAPES = {"a.w": (7, 5), "a.b": (5,), "b.w": (5, 16), "b.b": (16,), "c": ()}
"""Sizes below, at and above the 16 elements that every span is a multiple of."""


class Case(NamedTuple):
    cls: type[Optimizer]
    options: dict[str, Any]

    def make(self, **more: Any) -> Optimizer:
        return self.cls(**{**self.options, **more})

    def __str__(self) -> str:
        shown = "-".join(f"{k}={v}" for k, v in self.options.items() if k != "lr")
        return f"{self.cls.kernel}-{shown}" if shown else self.cls.kernel


CASES = [
    Case(SGD, {"lr": 0.02}),
    Case(SGD, {"lr": 0.02, "weight_decay": 0.01}),
    Case(SGD, {"lr": 0.02, "momentum": 0.9}),
    Case(SGD, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01}),
    Case(SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    Case(SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    Case(Adagrad, {}),
    Case(Adagrad, {"weight_decay": 0.01}),
    Case(Adagrad, {"lr_decay": 0.1}),
    Case(Adagrad, {"initial_accumulator_value": 0.1}),
    Case(Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.01}),
    Case(Adadelta, {}),
    Case(Adadelta, {"weight_decay": 0.01}),
    Case(Adadelta, {"lr": 0.5, "rho": 0.95, "eps": 1e-5}),
    Case(RMSProp, {}),
    Case(RMSProp, {"weight_decay": 0.01}),
    Case(RMSProp, {"momentum": 0.9}),
    Case(RMSProp, {"centered": True}),
    Case(RMSProp, {"momentum": 0.9, "centered": True}),
    Case(RMSProp, {"momentum": 0.9, "centered": True, "alpha": 0.9, "weight_decay": 0.01}),
    Case(Adam, {}),
    Case(Adam, {"weight_decay": 0.01}),
    Case(Adam, {"amsgrad": True}),
    Case(Adam, {"amsgrad": True, "weight_decay": 0.01}),
    Case(Adam, {"beta1": 0.0, "beta2": 0.5, "eps": 1e-3}),
    Case(AdamW, {}),
    Case(AdamW, {"weight_decay": 0.0}),
    Case(AdamW, {"amsgrad": True, "weight_decay": 0.1}),
    Case(NAdam, {}),
    Case(NAdam, {"weight_decay": 0.01}),
    Case(NAdam, {"momentum_decay": 0.0}),
    Case(NAdam, {"beta1": 0.5, "beta2": 0.9, "eps": 1e-4, "momentum_decay": 0.1}),
]

GROUPS = {
    "*.b": {"lr_factor": 0.1, "weight_decay": 0.0},
    "b.*": {"lr": StepDecay(0.02, every=7, factor=0.5)},
    "c": {"lr": 0.03, "weight_decay": 0.2},
}
"""Of `SHAPES`: a.b and b.b are in the first, b.w in the second, c in the third, a.w in none."""

DEFAULTS = [Case(cls, {}) for cls in (SGD, Adagrad, Adadelta, RMSProp, Adam, AdamW, NAdam)]


def make_store(dtype: str, seed: int = 0) -> ParamStore:
    """Return parameters of `SHAPES` with standard normal values."""
    rng = np.random.default_rng(seed)
    return ParamStore([Parameter(n, rng.standard_normal(s)) for n, s in SHAPES.items()], dtype)


def set_gradients(store: ParamStore, rng: np.random.Generator) -> None:
    """Write random gradients, with magnitudes over four decades, into ``store.grads``."""
    for grad in store.grads.values():
        size = 10.0 ** rng.uniform(-3, 1, grad.shape)
        grad[...] = size * rng.standard_normal(grad.shape)


def train(optimizer: Optimizer, store: ParamStore, steps: int, seed: int = 1) -> None:
    """Make ``steps`` updates from gradients that depend on ``seed`` only."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        set_gradients(store, rng)
        optimizer.apply(store)


def padding(store: ParamStore, flat: np.ndarray) -> np.ndarray:
    """Return the elements of a flat buffer that belong to no parameter."""
    used = np.zeros(len(flat), bool)
    for name, (begin, _) in store.spans.items():
        used[begin : begin + store[name].size] = True
    return flat[~used]


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest |found - expected| / |expected|, with |expected| at least a tenth of
    its mean: 200 roundings of a parameter that ends near 0 say nothing about the formula."""
    expected = np.asarray(expected, np.float64)
    size = np.maximum(np.abs(expected), 0.1 * np.abs(expected).mean())
    return float(np.max(np.abs(found - expected) / size))
