"""Reductions over groups of every length, along every kind of axes, against NumPy.

Lengths are drawn log-uniformly: eight lanes, chunks of 1,024 floats or 512 doubles and rows that
are put together all have their ends somewhere.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import ops
from cnn_core._ext import core

OTHERS = [name for name in core.simd_names() if name != core.simd()]
EXACT = ("sum", "mean", "max", "min", "norm")
AXES = (1, 0, (0, 1), (0, 2), 2, (1, 2), None)
RTOL = {"float32": 2e-6, "float64": 1e-13}


def drawn_shape(rng: np.random.Generator) -> tuple[int, int, int]:
    """Return (rows, n, inner) with at most 60,000 numbers, any of them often small."""
    while True:
        shape = tuple(int(2 ** rng.uniform(0, 12)) for _ in range(3))
        if np.prod(shape) <= 60_000:
            return shape


def run(op: str, x: np.ndarray, axis: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the value, the gradient of x and the seed that it was made from."""
    node = getattr(ops, op)(cnn.Input("x", (cnn.BATCH, *x.shape[1:])), axis)
    graph = cnn.Graph(node, dtype=x.dtype)
    y = np.asarray(graph.forward(x=x))
    seed = np.random.default_rng(1).integers(1, 9, y.shape).astype(x.dtype)
    dx = graph.backward(seed if seed.shape else float(seed))["x"]
    return y, np.asarray(dx), seed


def kept(y: np.ndarray, x: np.ndarray, axis: Any) -> np.ndarray:
    return y.reshape(np.sum(x, axis=axis, keepdims=True).shape)


def first_of_each(is_value: np.ndarray, axis: Any) -> np.ndarray:
    """Return where ``is_value`` holds first in each group, in row-major order."""
    axes = range(3) if axis is None else np.atleast_1d(axis)
    moved = np.moveaxis(is_value, tuple(axes), tuple(range(-len(axes), 0)))
    flat = moved.reshape(*moved.shape[: 3 - len(axes)], -1)
    first = flat & (np.cumsum(flat, axis=-1) == 1)
    return np.moveaxis(first.reshape(moved.shape), tuple(range(-len(axes), 0)), tuple(axes))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_sums_and_norms_of_all_lengths(axis, dtype):
    rng = np.random.default_rng([7, AXES.index(axis)])
    for _ in range(12):
        x = rng.standard_normal(drawn_shape(rng)).astype(dtype)
        wide = x.astype(np.float64)
        count = x.size / np.sum(x, axis=axis).size
        size = np.abs(wide).sum(axis=axis)
        for op, want in (("sum", wide.sum(axis=axis)), ("mean", wide.mean(axis=axis)),
                         ("norm", np.sqrt((wide * wide).sum(axis=axis)))):  # fmt: skip
            y, dx, seed = run(op, x, axis)
            scale = size / count if op == "mean" else size
            assert (np.abs(y - want) <= RTOL[dtype] * (scale + 1e-30)).all(), (op, x.shape)
            dy = np.broadcast_to(kept(seed, x, axis), x.shape)
            slope = {"sum": 1.0, "mean": 1 / count}.get(op)
            if slope is None:
                slope = wide / kept(want, x, axis)
            np.testing.assert_allclose(dx, dy * slope, rtol=4 * RTOL[dtype], err_msg=str(x.shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("op", ["max", "min"])
def test_extrema_with_ties_and_nan(op, axis, dtype):
    rng = np.random.default_rng([8, AXES.index(axis)])
    for kind in ("distinct", "ties", "nan") * 4:
        x = rng.standard_normal(drawn_shape(rng)).astype(dtype)
        if kind == "ties":
            x = np.round(x)
        if kind == "nan":
            x.flat[rng.integers(0, x.size, 1 + x.size // 50)] = np.nan
        want = getattr(np, op)(x, axis=axis)
        y, dx, seed = run(op, x, axis)
        np.testing.assert_array_equal(y, want, err_msg=f"{kind} {x.shape}")
        top = kept(want, x, axis)
        first = first_of_each((x == top) | (np.isnan(x) & np.isnan(top)), axis)
        np.testing.assert_array_equal(dx, np.where(first, kept(seed, x, axis), 0),
                                      err_msg=f"{kind} {x.shape}")  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sum_of_a_short_row_is_that_of_eight_lanes(dtype):
    rng = np.random.default_rng(9)
    for n in (1, 2, 7, 8, 9, 10, 31, 64, 127):
        x = rng.standard_normal((21, n)).astype(dtype)
        lane = np.zeros((21, 8))
        for i in range(n):
            lane[:, i % 8] += x[:, i]
        half = lane[:, :4] + lane[:, 4:]
        quarter = half[:, :2] + half[:, 2:]
        want = (quarter[:, 0] + quarter[:, 1]).astype(dtype)
        np.testing.assert_array_equal(run("sum", x.reshape(21, n, 1), (1, 2))[0], want)


def digest() -> str:
    """Return a digest of the bits of values and gradients of the exact operations."""
    rng, found = np.random.default_rng(10), hashlib.sha256()
    for axis in AXES:
        for dtype in ("float32", "float64"):
            x = rng.standard_normal(drawn_shape(rng)).astype(dtype)
            for op in EXACT:
                for array in run(op, x, axis)[:2]:
                    found.update(array.tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("simd", OTHERS)
def test_bits_do_not_depend_on_the_instruction_set(simd):
    done = subprocess.run(
        [sys.executable, "-c", "import test_reductions as t; print(t.digest())"],
        cwd=Path(__file__).parent, env={**os.environ, "CNN_CORE_SIMD": simd},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == digest(), done.stderr[-3000:]


@pytest.mark.parametrize("op", [*EXACT, "logsumexp"])
def test_a_row_has_its_bits_wherever_it_stands(op):
    rng = np.random.default_rng(11)
    for axis, n, inner in ((1, 10, 1), (1, 10, 5), ((1, 2), 3, 7), (2, 4, 33)):
        x = rng.standard_normal((61, n, inner)).astype(np.float32)
        y = run(op, x, axis)[0]
        for r in (0, 7, 8, 60):
            np.testing.assert_array_equal(run(op, x[r : r + 1], axis)[0][0], y[r])
