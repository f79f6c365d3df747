"""Every optimizer against its formula in NumPy, written apart from the C code, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from optimizer_cases import CASES, make_store, relative_error, set_gradients

from cnn_core.optim import SGD

Step = Callable[..., np.ndarray]
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}


def l2(o, p, g):
    return g + o.weight_decay * p


def sgd(o, p, g, s, t):
    g = l2(o, p, g)
    s["v"] = o.momentum * s.get("v", 0) + g
    return p - o.lr * (g + o.momentum * s["v"] if o.nesterov else s["v"])


def adagrad(o, p, g, s, t):
    g = l2(o, p, g)
    s["sum"] = s.get("sum", o.initial_accumulator_value) + g**2
    return p - o.lr / (1 + (t - 1) * o.lr_decay) * g / (np.sqrt(s["sum"]) + o.eps)


def adadelta(o, p, g, s, t):
    g = l2(o, p, g)
    s["g2"] = o.rho * s.get("g2", 0) + (1 - o.rho) * g**2
    d = np.sqrt((s.get("d2", 0) + o.eps) / (s["g2"] + o.eps)) * g
    s["d2"] = o.rho * s.get("d2", 0) + (1 - o.rho) * d**2
    return p - o.lr * d


def rmsprop(o, p, g, s, t):
    g = l2(o, p, g)
    s["g2"] = o.alpha * s.get("g2", 0) + (1 - o.alpha) * g**2
    s["g"] = o.alpha * s.get("g", 0) + (1 - o.alpha) * g
    variance = s["g2"] - s["g"] ** 2 if o.centered else s["g2"]
    s["v"] = o.momentum * s.get("v", 0) + g / (np.sqrt(variance) + o.eps)
    return p - o.lr * s["v"]


def moments(o, g, s):
    s["m"] = o.beta1 * s.get("m", 0) + (1 - o.beta1) * g
    s["v"] = o.beta2 * s.get("v", 0) + (1 - o.beta2) * g**2


def adam(o, p, g, s, t):
    moments(o, l2(o, p, g), s)
    s["w"] = np.maximum(s.get("w", 0), s["v"]) if o.amsgrad else s["v"]
    v_hat = s["w"] / (1 - o.beta2**t)
    return p - o.lr * s["m"] / (1 - o.beta1**t) / (np.sqrt(v_hat) + o.eps)


def adamw(o, p, g, s, t):
    moments(o, g, s)
    s["w"] = np.maximum(s.get("w", 0), s["v"]) if o.amsgrad else s["v"]
    v_hat = s["w"] / (1 - o.beta2**t)
    p = p - o.lr * o.weight_decay * p
    return p - o.lr * s["m"] / (1 - o.beta1**t) / (np.sqrt(v_hat) + o.eps)


def nadam(o, p, g, s, t):
    g = l2(o, p, g)
    moments(o, g, s)
    mu = [o.beta1 * (1 - 0.5 * 0.96 ** (i * o.momentum_decay)) for i in range(1, t + 2)]
    blend = (1 - mu[t - 1]) / (1 - np.prod(mu[:t])) * g + mu[t] / (1 - np.prod(mu)) * s["m"]
    return p - o.lr * blend / (np.sqrt(s["v"] / (1 - o.beta2**t)) + o.eps)


REFERENCE: dict[str, Step] = {
    f.__name__: f for f in (sgd, adagrad, adadelta, rmsprop, adam, adamw, nadam)
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_parameters_follow_the_formula(case, dtype):
    store, optimizer = make_store(dtype), case.make()
    expected = {name: value.astype(np.float64) for name, value in store.items()}
    state: dict[str, dict] = {name: {} for name in store}
    rng = np.random.default_rng(1)
    for t in range(1, 101):
        set_gradients(store, rng)
        for name, p in expected.items():
            g = store.grads[name].astype(np.float64)
            expected[name] = REFERENCE[case.cls.kernel](optimizer, p, g, state[name], t)
        optimizer.apply(store)
    for name, p in expected.items():
        error = relative_error(store[name], p)
        assert error <= TOLERANCE[dtype], f"{name}: relative error {error:.2e}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_limits_values_first_then_the_norm_over_all_parameters(dtype):
    store = make_store(dtype)
    before = {name: value.copy() for name, value in store.items()}
    set_gradients(store, np.random.default_rng(3))
    clipped = {name: np.clip(g.astype(np.float64), -0.2, 0.2) for name, g in store.grads.items()}
    norm = np.sqrt(sum(np.sum(g**2) for g in clipped.values()))
    assert norm > 0.5
    SGD(lr=1.0, clip_norm=0.5, clip_value=0.2).apply(store)
    for name, g in clipped.items():
        np.testing.assert_allclose(before[name] - store[name], 0.5 / norm * g, rtol=1e-4, atol=1e-6)


def test_clipping_leaves_a_short_gradient_alone():
    plain, limited = make_store("float32"), make_store("float32")
    for store in (plain, limited):
        set_gradients(store, np.random.default_rng(3))
    SGD(lr=1.0).apply(plain)
    SGD(lr=1.0, clip_norm=1e6, clip_value=1e6).apply(limited)
    assert plain.value.tobytes() == limited.value.tobytes()
