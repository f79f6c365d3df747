"""Every optimizer against torch.optim, each option on and off, over 200 steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optimizer_cases import CASES, DEFAULTS, Case, make_store, relative_error, set_gradients

torch = pytest.importorskip("torch", reason="torch is not installed")

STEPS = 200
TOLERANCE = {"float32": 1e-5, "float64": 1e-11}
TORCH_CLASS = {
    "sgd": "SGD", "adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSprop",
    "adam": "Adam", "adamw": "AdamW", "nadam": "NAdam",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _torch_scalars_in_float64():
    """NAdam keeps its product of mu in torch's default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def torch_options(options: dict[str, Any]) -> dict[str, Any]:
    options = dict(options)
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    return options


def compare(case: Case, dtype: str, grad_scale: float = 1.0, **ours: Any) -> None:
    """Run both for `STEPS` steps on the same gradients and compare all parameters."""
    store = make_store(dtype)
    optimizer = case.make(**ours)
    peers = {name: torch.tensor(value.copy()) for name, value in store.items()}
    spared = optimizer.no_decay
    groups = [{"params": [p for name, p in peers.items() if name not in spared]}]
    if spared:
        groups.append({"params": [peers[name] for name in spared], "weight_decay": 0.0})
    peer = getattr(torch.optim, TORCH_CLASS[case.cls.kernel])(groups, **torch_options(case.options))
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        set_gradients(store, rng)
        store.grad *= grad_scale
        for name, tensor in peers.items():
            tensor.grad = torch.tensor(store.grads[name].copy())
        if optimizer.clip_value is not None:
            torch.nn.utils.clip_grad_value_(peers.values(), optimizer.clip_value)
        if optimizer.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(peers.values(), optimizer.clip_norm)
        peer.step()
        optimizer.apply(store)
    for name, tensor in peers.items():
        error = relative_error(store[name], tensor.numpy())
        assert error <= TOLERANCE[dtype], f"{name}: relative error {error:.2e}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_parameters_agree_with_torch(case, dtype):
    compare(case, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("grad_scale", [0.01, 10.0], ids=["rarely", "always"])
@pytest.mark.parametrize(
    "clip",
    [{"clip_norm": 1.0}, {"clip_value": 0.1}, {"clip_norm": 0.5, "clip_value": 0.1}],
    ids=str,
)
@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_clipping_agrees_with_torch(case, clip, grad_scale, dtype):
    compare(case, dtype, grad_scale, **clip)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_no_decay_agrees_with_a_parameter_group(case, dtype):
    decayed = Case(case.cls, {**case.options, "weight_decay": 0.1})
    compare(decayed, dtype, no_decay=("a.b", "b.b"))


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_defaults_are_those_of_torch(case):
    peer = getattr(torch.optim, TORCH_CLASS[case.cls.kernel])([torch.zeros(1)])
    options = torch_options(case.make().options())
    for name in ("no_decay", "clip_norm", "clip_value", "groups", "lazy", "eps_hat", "velocity"):
        options.pop(name, None)
    assert options == {name: peer.defaults[name] for name in options}
