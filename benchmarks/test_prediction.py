"""Prediction and activations against NumPy in the same run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import NETS, make_rows, make_weights
from peers import cnn_core, numpy_plain

import cnn_core as cnn

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, np.float32(0)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x * x * x))),
}


@pytest.mark.parametrize("rows", [1, 64])
@pytest.mark.parametrize("name", ["T1", "T2", "M1"])
def test_predict(versus: Any, name: str, rows: int) -> None:
    net = NETS[name]
    x = np.random.default_rng(3).standard_normal((rows, net.sizes[0]), dtype=np.float32)
    calls = []
    for module in (cnn_core, numpy_plain):
        peer = module.Adapter(threads=1)
        peer.prepare(net, make_weights(net), make_rows(net._replace(n_steps=1)), "sgd")
        statement, names = peer.predict_call(x)
        calls.append(eval(f"lambda: {statement}", names))
    versus(*calls)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(versus: Any, name: str) -> None:
    x = np.random.default_rng(0).standard_normal(16384, dtype=np.float32)
    options = {"approximate": "tanh"} if name == "gelu" else {}
    own, out = getattr(cnn.kernels, name), np.empty_like(x)
    versus(lambda: own(x, out=out, **options), lambda: ACTIVATIONS[name](x))
