"""Graphs of a fixed number of rows: losses, and their gradients, as for a batch of as many."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import LabelError, ShapeError

ROWS, CLASSES = 7, 4
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, CLASSES, ROWS)
REAL = ["mse", "mae", "huber", "hinge", "poisson", "binary_cross_entropy"]
LOSSES = {
    **{name: (lambda z, t, name=name, **o: getattr(ops, name)(z, t, **o), "real") for name in REAL},
    "pinball": (lambda z, t, **o: ops.pinball(z, t, q=0.3, **o), "real"),
    "softmax_cross_entropy": (lambda z, t, **o: ops.softmax_cross_entropy(z, t, **o), "real"),
    "softmax_cross_entropy_labels": (
        lambda z, t, **o: ops.softmax_cross_entropy(z, t, label_smoothing=0.1, **o), "int32"),
    "softmax_cross_entropy_ignored": (
        lambda z, t, **o: ops.softmax_cross_entropy(z, t, ignore_index=1, **o), "int32"),
    "hinge_labels": (lambda z, t, **o: ops.hinge(z, t, **o), "int32"),
}  # fmt: skip


def graph_of(name, lead, dtype, check=False, **options):
    build, kind = LOSSES[name]
    z = Input("z", (lead, CLASSES))
    t = Input("t", (lead,) if kind == "int32" else (lead, CLASSES), kind)
    weight = options.pop("weight", None)
    if weight:
        options["weight"] = Input("w", (lead,))
    graph = Graph(build(z, t, **options), dtype=dtype)
    given = {"z": Z.astype(dtype), "t": LABELS if kind == "int32" else T.astype(dtype)}
    if weight:
        given["w"] = W.astype(dtype)
    return graph, graph.forward(check_finite=check, **given)


Z, T = RNG.standard_normal((ROWS, CLASSES)), RNG.dirichlet(np.ones(CLASSES), ROWS)
W = RNG.uniform(0, 2, ROWS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"weight": True}, {"reduction": "none"}])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_fixed_rows_has_the_bits_of_that_of_a_batch(name, options, dtype):
    fixed, value = graph_of(name, ROWS, dtype, **options)
    batch, expected = graph_of(name, BATCH, dtype, **options)
    assert np.array_equal(value, expected)
    seed = np.ones(np.shape(expected))
    found, wanted = fixed.backward(seed), batch.backward(seed)
    for key in wanted:
        assert np.array_equal(found[key], wanted[key]), key
    assert np.any(found["z"])


def test_gradients_of_fixed_rows_add_up_and_pass_the_check():
    w = Parameter("w", RNG.standard_normal((CLASSES, CLASSES)))
    x, t = Input("x", (ROWS, CLASSES)), Input("t", (ROWS,), "int32")
    z = x @ w
    loss = ops.softmax_cross_entropy(z, t) + ops.mse(z, x) + ops.sum(ops.square(w))
    graph = Graph(loss)
    graph.forward(x=Z, t=LABELS)
    assert graph.check_gradients()
    before = graph.forward()
    optimizer = cnn.SGD(lr=0.05)
    losses = [graph.step(optimizer, x=Z, t=LABELS) for _ in range(30)]
    assert losses[0] == pytest.approx(before)
    assert losses[-1] < 0.7 * losses[0]


def test_fixed_rows_next_to_a_batch_of_another_length():
    """Looking for NaN goes through the fixed rows, not through as many as the batch has."""
    x, z, t = Input("x", (BATCH, 3)), Input("z", (2, 3)), Input("t", (2,), "int32")
    rows = ops.softmax_cross_entropy(z, t, reduction="none")
    graph = Graph([ops.sum(ops.square(x)), ops.sum(rows)])
    z_value, t_value = np.zeros((2, 3)), np.array([0, 2])
    for n in (1, 50):
        _, found = graph.forward(x=np.ones((n, 3)), z=z_value, t=t_value, check_finite=True)
        assert found == pytest.approx(2 * np.log(3))


def test_a_wrong_label_in_fixed_rows_is_named_with_its_row():
    z, t = Input("z", (3, 4)), Input("t", (3,), "int32")
    graph = Graph(ops.softmax_cross_entropy(z, t, reduction="none", name="loss"))
    with pytest.raises(LabelError, match="loss: need labels from 0 to 3; got 4 at row 2"):
        graph.forward(z=np.zeros((3, 4)), t=[0, 1, 4])


def test_fixed_rows_and_a_batch_do_not_mix():
    with pytest.raises(ShapeError, match=r"got z \(3, 4\) and t \(B,\)"):
        ops.softmax_cross_entropy(Input("z", (3, 4)), Input("t", (BATCH,), "int32"))
    with pytest.raises(ShapeError, match=r"got p \(3, 4\) and t \(2, 4\)"):
        ops.mse(Input("p", (3, 4)), Input("t", (2, 4)))
    with pytest.raises(ShapeError, match=r"one weight per row, shape \(3,\); got w \(B,\)"):
        ops.mse(Input("p", (3, 4)), Input("t", (3, 4)), weight=Input("w", (BATCH,)))
    with pytest.raises(ShapeError, match="one shape"):
        ops.mse(Input("p"), Input("t"))
