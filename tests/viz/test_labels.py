"""What edges say: numbers as in the lecture, summaries of arrays."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import ops
from cnn_core.viz.labels import Labels, number
from cnn_core.viz.model import sign


@pytest.mark.parametrize(
    ("x", "text"),
    [(0.0, "0.00"), (-12.0, "-12.00"), (0.731, "0.73"), (0.1, "0.10"), (0.0137, "0.014"),
     (-0.00012, "-1.2e-4"), (123456.0, "1.23e5"), (float("nan"), "nan"), (-np.inf, "-inf")],
)  # fmt: skip
def test_numbers_are_short_and_never_rounded_to_zero(x, text):
    assert number(x) == text


def label(values, shape=None, dtype="real"):
    x = cnn.Input("x", (cnn.BATCH, *np.shape(values)[1:]) if shape is None else shape, dtype=dtype)
    graph = cnn.Graph(ops.take(np.eye(30), x) if dtype == "int32" else ops.exp(x))
    graph.forward(x=values)
    return Labels(graph)[x]


def test_large_arrays_show_shape_mean_and_deviation():
    values = np.random.default_rng(0).normal(0.1, 1.2, (32, 128))
    found = label(values).value
    assert found == ("(B=32, 128)", f"mean {values.mean():.2g}", f"std {values.std():.3g}")


def test_small_vectors_show_their_numbers():
    assert label(np.array([1.0, -0.5, 0.25]), (3,)).value == ("[1, -0.5, 0.25]",)


def test_equal_numbers_are_said_once():
    assert label(np.full((4, 8), 0.5)).value == ("(B=4, 8)", "all 0.5")


def test_whole_numbers_show_their_range_and_no_gradient():
    found = label(np.arange(7), dtype="int32")
    assert found.value == ("(B=7)", "min 0", "max 6")
    assert found.gradient == ()


def test_what_is_not_finite_is_counted():
    values = np.ones((4, 8))
    values[0, :3], values[1, 0] = np.nan, np.inf
    assert label(values).value == ("(B=4, 8)", "3 NaN", "1 inf", "of 32")


def test_gradients_of_constants_are_left_out_and_those_that_vanish_are_zero():
    x, two = cnn.Input("x"), cnn.Constant(2.0, name="two")
    graph = cnn.Graph(ops.maximum(x, two) * (two + 1.0))
    graph.forward(x=1.0)
    graph.backward()
    labels = Labels(graph)
    by_name = {graph.name_of(n): labels[n] for n in graph.nodes_topologically_sorted()}
    assert by_name["two"].gradient == by_name["add_0"].gradient == ()
    assert by_name["x"].gradient == ("0.00",)
    assert by_name["maximum_0"].gradient == ("3.00",)


def test_a_users_gate_has_the_name_of_its_class_or_its_symbol():
    class MultiplyGate(cnn.Gate):
        def forward(self, x, y):
            self.x, self.y = x, y
            return x * y

        def backward(self, dz):
            return [self.y * dz, self.x * dz]

    x, y = cnn.Input("x"), cnn.Input("y")
    assert sign(MultiplyGate(x, y)) == ("MultiplyGate",)
    MultiplyGate.symbol = "*"
    assert sign(MultiplyGate(x, y)) == ("*",)
    MultiplyGate.symbol = "{nothing}"
    assert sign(MultiplyGate(x, y)) == ("{nothing}",)
