"""SGD with the rate inside its velocity, Adam with eps before the correction: Keras' forms."""

from __future__ import annotations

import numpy as np
import pytest
from optimizer_cases import Case, make_store, relative_error, set_gradients

from cnn_core.errors import OptionError
from cnn_core.optim import SGD, Adam, AdamW, Optimizer, StepDecay
from cnn_core.state.params import ParamStore

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}

CASES = [
    Case(SGD, {"momentum": 0.9, "velocity": True}),
    Case(SGD, {"momentum": 0.9, "velocity": True, "nesterov": True}),
    Case(SGD, {"momentum": 0.5, "velocity": True, "nesterov": True, "weight_decay": 0.1}),
    Case(SGD, {"velocity": True}),
    Case(Adam, {"eps_hat": True, "eps": 0.1}),
    Case(Adam, {"eps_hat": True, "eps": 0.1, "weight_decay": 0.1}),
    Case(Adam, {"eps_hat": True, "eps": 0.1, "amsgrad": True}),
    Case(Adam, {"eps_hat": True, "beta1": 0.0, "beta2": 0.5}),
    Case(AdamW, {"eps_hat": True, "eps": 0.1, "weight_decay": 0.1}),
    Case(AdamW, {"eps_hat": True, "eps": 0.1, "amsgrad": True}),
]


def sgd(o, p, g, s, t, lr):
    v = s["v"] = o.momentum * s.get("v", 0) - lr * g
    return p + (o.momentum * v - lr * g if o.nesterov else v)


def adam(o, p, g, s, t, lr):
    m = s["m"] = o.beta1 * s.get("m", 0) + (1 - o.beta1) * g
    v = s["v"] = o.beta2 * s.get("v", 0) + (1 - o.beta2) * g**2
    if o.amsgrad:
        v = s["w"] = np.maximum(s.get("w", 0), v)
    return p - lr * np.sqrt(1 - o.beta2**t) / (1 - o.beta1**t) * m / (np.sqrt(v) + o.eps)


def adamw(o, p, g, s, t, lr):
    return adam(o, p * (1 - lr * o.weight_decay), g, s, t, lr)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_parameters_follow_the_formula_while_the_rate_changes(case, dtype):
    store, optimizer = make_store(dtype), case.make(clip_norm=30.0)
    expected = {name: value.astype(np.float64) for name, value in store.items()}
    state: dict[str, dict] = {name: {} for name in store}
    step = {"sgd": sgd, "adam": adam, "adamw": adamw}[case.cls.kernel]
    rng = np.random.default_rng(1)
    for t in range(1, 41):
        optimizer.lr = lr = 0.02 / t**0.5
        set_gradients(store, rng)
        grads = {name: g.astype(np.float64) for name, g in store.grads.items()}
        norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
        for name, p in expected.items():
            g = grads[name] * min(1, 30.0 / (norm + 1e-6))
            decayed = g + optimizer.weight_decay * p if case.cls is not AdamW else g
            expected[name] = step(optimizer, p, decayed, state[name], t, lr)
        optimizer.apply(store)
    for name, p in expected.items():
        error = relative_error(store[name], p)
        assert error <= TOLERANCE[dtype], f"{name}: relative error {error:.2e}"


def updated(optimizer: Optimizer, dtype: str) -> ParamStore:
    store, rng = make_store(dtype), np.random.default_rng(1)
    for _ in range(20):
        set_gradients(store, rng)
        optimizer.apply(store)
    return store


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_are_other_trainings_only_where_they_should_be(dtype):
    rel = 1e-4 if dtype == "float32" else 1e-12

    def differs(cls, flag, **options):
        plain, other = (updated(cls(**{flag: on}, **options), dtype).value for on in (False, True))
        return not np.allclose(plain, other, rtol=rel, atol=rel)

    falling = StepDecay(0.01, every=3, factor=0.5)
    assert not differs(SGD, "velocity", lr=0.01, momentum=0.9)
    assert not differs(SGD, "velocity", lr=falling)
    assert differs(SGD, "velocity", lr=falling, momentum=0.9)
    assert not differs(Adam, "eps_hat", lr=0.01, eps=1e-30)
    assert differs(Adam, "eps_hat", lr=0.01, eps=0.1)


@pytest.mark.parametrize("cls", [Adam, AdamW])
def test_bad_flags_are_refused(cls):
    with pytest.raises(OptionError, match=f"{cls.__name__}: eps_hat: need True or False; got 1"):
        cls(eps_hat=1)
    with pytest.raises(OptionError, match="SGD: velocity: need True or False; got 'yes'"):
        SGD(momentum=0.9, velocity="yes")
