"""Gates in Python: shapes of their own, and how many inputs they take."""

from __future__ import annotations

import numpy as np
import pytest
from gates import Multiply

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import GraphError, ShapeError

RNG = np.random.default_rng(7)


class MeanOfRows(cnn.Gate):
    def infer_shape(self, x):
        return x[1:]

    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=0)

    def backward(self, dy):
        return np.broadcast_to(dy / self.shape[0], self.shape)


class OneHot(cnn.Gate):
    def infer_shape(self, k):
        return (*k, 4)

    def forward(self, k):
        return np.eye(4)[k]

    def backward(self, dy):
        raise AssertionError("an int32 input has no gradient")


def test_a_shape_of_its_own():
    w = Parameter("w", RNG.standard_normal((4, 3)))
    hidden = ops.dense(OneHot(Input("k", (BATCH,), "int32")), w)
    graph = Graph(ops.sum(MeanOfRows(hidden) * np.array([1.0, 2.0, 3.0])))
    labels = np.array([3, 0, 3, 1, 2], np.int32)
    expected = (w.value[labels].mean(0) * [1, 2, 3]).sum()
    assert graph.forward(k=labels) == pytest.approx(expected, rel=1e-14)
    counts = np.bincount(labels, minlength=4)[:, None] / 5
    np.testing.assert_allclose(graph.backward()["w"], counts * [1, 2, 3], rtol=1e-14)
    assert graph.check_gradients()


@pytest.mark.parametrize("n", [0, 32])
def test_the_number_of_inputs_has_limits(n):
    with pytest.raises(GraphError, match=f"Multiply: need 1 to 31 inputs; got {n}"):
        Multiply()(*[Input(f"x{i}") for i in range(n)])


def test_many_inputs_each_get_their_gradient():
    class Total(cnn.Gate):
        def forward(self, *xs):
            return sum(i * x for i, x in enumerate(xs))

        def backward(self, dy):
            return [i * dy for i in range(31)]

    xs = [Input(f"x{i}") for i in range(31)]
    total = Total(*xs)
    graph = Graph(total + sum(xs))  # all are written by one and added by the other
    graph.forward(**{x.name: 1.0 for x in xs})
    assert graph.backward() == {x.name: i + 1.0 for i, x in enumerate(xs)}


@pytest.mark.parametrize("shape", [3, "B", object()])
def test_infer_shape_must_return_a_shape(shape):
    class Odd(cnn.Gate):
        def infer_shape(self, x):
            return shape

    with pytest.raises(ShapeError, match="Odd: need infer_shape to return a tuple or None; got"):
        Odd(Input("x"))
