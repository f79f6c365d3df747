"""A single row fed without its batch axis: what comes back has none either, as in predict."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import ShapeError

RNG = np.random.default_rng(0)
W, ROWS, LABELS = RNG.standard_normal((3, 4)), RNG.standard_normal((5, 3)), [0, 3, 1, 2, 2]


def build(dtype="float64"):
    x, t = Input("x", (BATCH, 3)), Input("t", (BATCH,), "int32")
    z = ops.tanh(x @ Parameter("w", W)) * 2.0
    loss = ops.softmax_cross_entropy(z, t, reduction="none", name="loss")
    return Graph([ops.row_mean(loss, name="mean"), z, loss], dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_single_row_gives_what_its_batch_of_one_gives_without_the_axis(dtype):
    one, batch = build(dtype), build(dtype)
    for row, label in zip(ROWS.astype(dtype), LABELS, strict=True):
        mean, z, loss = one.forward(x=row, t=label)
        expected = batch.forward(x=row[None], t=[label])
        assert mean == expected[0]
        assert np.array_equal(z, expected[1][0])
        assert z.shape == (4,)
        assert isinstance(loss, float)
        assert loss == expected[2][0]
        seed = {"mean": 1.0, "loss": 2.0}
        found = one.backward(seed)
        wanted = batch.backward({"mean": 1.0, "loss": [2.0]})
        assert found["x"].shape == (3,)
        assert np.array_equal(found["x"], wanted["x"][0])
        assert np.array_equal(found["w"], wanted["w"])
        assert np.array_equal(one.value("x"), row)
        assert np.array_equal(one.grad("x"), wanted["x"][0])
        assert one.value("loss") == loss


def test_a_row_after_a_batch_and_a_batch_after_a_row():
    x = Input("x", (BATCH, 3))
    graph = Graph(ops.sum(ops.square(x)))
    assert graph.forward(x=ROWS) == pytest.approx(np.sum(ROWS**2))
    assert graph.backward()["x"].shape == (5, 3)
    graph.forward(x=ROWS[0])
    assert np.array_equal(graph.backward()["x"], 2 * ROWS[0])
    assert graph.check_gradients()
    assert "B=1" in graph._repr_svg_()
    graph.forward(x=ROWS[:1])
    assert np.array_equal(graph.backward()["x"], 2 * ROWS[:1])
    assert graph.value("x").shape == (1, 3)


def test_rows_may_be_lists_and_inputs_without_a_batch_stay_as_they_are():
    x, a = Input("x", (BATCH, 2)), Input("a", (2,))
    graph = Graph(x * a)
    assert graph.forward(x=[1, 2], a=[3.0, 4]).tolist() == [3, 8]
    assert graph.forward(a=[5.0, 6]).tolist() == [5, 12]
    assert graph.forward(x=[[3, 4]]).tolist() == [[15, 24]]


def test_a_step_takes_a_single_row_too():
    one, batch = build(), build()
    for graph, row, label in ((one, ROWS[0], 2), (batch, ROWS[:1], [2])):
        optimizer = cnn.SGD(lr=0.1)
        found = [graph.step(optimizer, x=row, t=label) for _ in range(3)]
        assert found[0][0] > found[-1][0]
        assert np.shape(found[-1][1]) == ((4,) if graph is one else (1, 4))
    assert np.array_equal(one.params["w"], batch.params["w"])


def test_a_row_next_to_a_batch_is_refused():
    graph = build()
    with pytest.raises(ShapeError, match=r"'x': need shape \(B, 3\); got \(3,\)"):
        graph.forward(x=ROWS[0], t=[1])
    with pytest.raises(ShapeError, match=r"'t': need shape \(B,\); got \(\)"):
        graph.forward(x=ROWS[:1], t=1)
    with pytest.raises(ShapeError, match=r"'x': need shape \(B, 3\); got \(4,\)"):
        graph.forward(x=np.ones(4), t=1)
    graph.forward(x=ROWS, t=LABELS)
    with pytest.raises(ShapeError, match="need t anew for 1 rows; fed last with 5"):
        graph.forward(x=ROWS[0])
