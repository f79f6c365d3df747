"""Losses that count no more than ``most``, whose gradients know nothing of it."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Input, ops
from cnn_core.errors import OptionError

RNG = np.random.default_rng(0)


def run(loss, z, t, dtype):
    """The rows' losses and the gradient at z."""
    node = Input("z", (BATCH, *z.shape[1:]))
    target = Input("t", (BATCH, *t.shape[1:]), "int32" if t.ndim == 1 else "real")
    rows = loss(node, target)
    graph = cnn.Graph(rows, dtype=dtype)
    values = np.array(graph.forward(z=z, t=t))
    return values, graph.backward(seed=np.linspace(1, 2, len(z)).astype(dtype))["z"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 3, 10, 70, 300])
@pytest.mark.parametrize("kind", ["labels", "rows", "questions"])
def test_a_loss_counts_no_more_than_the_most(kind, n, dtype):
    z = RNG.normal(0, 8, (37, n)).astype(dtype)
    t = {"labels": RNG.integers(0, n, 37).astype(np.int32),
         "rows": RNG.dirichlet(np.ones(n), 37).astype(dtype),
         "questions": RNG.integers(0, 2, (37, n)).astype(dtype)}[kind]  # fmt: skip
    op = ops.binary_cross_entropy if kind == "questions" else ops.softmax_cross_entropy
    plain, slope = run(lambda a, b: op(a, b, reduction="none"), z, t, dtype)
    capped, same = run(lambda a, b: op(a, b, most=2.5, reduction="none"), z, t, dtype)
    wanted = np.minimum(plain, 2.5)
    if kind == "questions":
        wanted = np.minimum(np.logaddexp(0, np.float64(z) * (1 - 2 * t)), 2.5).mean(axis=1)
    np.testing.assert_allclose(capped, wanted, rtol=2e-6 if dtype == "float32" else 1e-13)
    np.testing.assert_array_equal(same, slope)
    assert (n == 1 and kind != "questions") or (capped < plain).any()


def test_what_is_no_number_stays_so_and_another_most_is_refused():
    z, t = np.array([[np.nan], [1e30]]), np.array([[1.0], [0.0]])
    rows, _ = run(lambda a, b: ops.binary_cross_entropy(a, b, most=3.0, reduction="none"), z, t,
                  "float64")  # fmt: skip
    np.testing.assert_array_equal(rows, [np.nan, 3.0])
    node = Input("z", (BATCH, 2))
    for most in (0, -1.0, float("inf"), "x"):
        with pytest.raises(OptionError, match="most"):
            ops.binary_cross_entropy(node, node, most=most)
