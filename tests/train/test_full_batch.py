"""Whole data sets as one batch: sums over tens of thousands of rows, results of few columns."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from training_cases import set_threads

import cnn_core as cnn
from cnn_core import kernels
from cnn_core._ext import core

SHAPES = [(3500, 16, 30), (10_000, 16, 10), (20_000, 784, 3), (60_000, 20, 1), (6145, 64, 10),
          (4104, 64, 16), (2736, 96, 16), (5464, 784, 16), (16_392, 10, 32),
          (50_001, 7, 5)]  # fmt: skip
N_IN, N_STEPS, LR = 20, 3, 0.05
TOLERANCE = {"float32": 1e-4, "float64": 1e-12}


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
def test_gradients_of_many_rows_and_few_columns(shape):
    n_rows, n_in, n_out = shape
    rng = np.random.default_rng(shape)
    x, w = rng.standard_normal((n_rows, n_in)), rng.standard_normal((n_in, n_out))
    dy = rng.standard_normal((n_rows, n_out))
    right = dy @ w.T, x.T @ dy, dy.sum(axis=0)
    for dtype, most in TOLERANCE.items():
        found = kernels.dense_backward(x.astype(dtype), w.astype(dtype), dy.astype(dtype))
        for array, expected in zip(found, right, strict=True):
            assert error(array, expected) < most, dtype


def network(width: int, n_out: int, dtype: str) -> cnn.Sequential:
    return cnn.Sequential([cnn.Dense(width, "tanh"), cnn.Dense(n_out)], N_IN, dtype=dtype, seed=1)


@cache
def by_numpy(n_rows: int, width: int, n_out: int) -> tuple[np.ndarray, np.ndarray, dict, dict]:
    """Return features, targets, and what parameters, rounded to float32, are before and after."""
    rng = np.random.default_rng(n_rows)
    x, y = rng.standard_normal((n_rows, N_IN)), rng.standard_normal((n_rows, n_out))
    params = network(width, n_out, "float32").params.items()
    p = begin = {name: view.astype(np.float64) for name, view in params}
    for _ in range(N_STEPS):
        p = dict(p)
        h = np.tanh(x @ p["dense_0.w"] + p["dense_0.b"])
        dz = 2 * (h @ p["dense_1.w"] + p["dense_1.b"] - y) / y.size
        dh = dz @ p["dense_1.w"].T * (1 - h * h)
        for name, gradient in (("dense_1.w", h.T @ dz), ("dense_1.b", dz.sum(axis=0)),
                               ("dense_0.w", x.T @ dh), ("dense_0.b", dh.sum(axis=0))):  # fmt: skip
            p[name] = p[name] - LR * gradient
    return x, y, begin, p


def full_batch_errors(n_rows: int, width: int, n_out: int, dtype: str) -> float:
    """Train a network at full batch; return the largest error of the parameters."""
    x, y, begin, p = by_numpy(n_rows, width, n_out)
    x, y, net = x.astype(dtype), y.astype(dtype), network(width, n_out, dtype)
    net.set_params(begin)
    trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD(lr=LR))
    trainer.fit(x, y, batch_size=n_rows, epochs=N_STEPS - 1)
    trainer.step(x, y)
    return max(error(view, p[name]) for name, view in net.params.items())


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("width", "n_out"), [(16, 1), (64, 10)])
def test_training_at_full_batch_of_60000_rows(width, n_out, dtype, n_threads):
    set_threads(n_threads)
    try:
        assert full_batch_errors(60_000, width, n_out, dtype) < TOLERANCE[dtype]
    finally:
        cnn.set_num_threads(None)


@pytest.mark.parametrize("simd", [s for s in core.simd_names() if s != core.simd()])
def test_the_same_on_other_instruction_sets(simd):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k",
         "gradients_of or 60000_rows and 64-10-float32-1", __file__],
        env={**os.environ, "CNN_CORE_SIMD": simd}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
