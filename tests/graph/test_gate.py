"""Gates in Python: values, gradients, inputs, shapes, and what they keep."""

from __future__ import annotations

import numpy as np
import pytest
from gates import Multiply, Scale, Square

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
RNG = np.random.default_rng(7)


def circuit(dtype="float64"):
    x, y, z = Input("x"), Input("y"), Input("z")
    return Graph(Multiply(x + y, z), dtype=dtype)


@DTYPES
def test_the_gate_of_the_design(dtype):
    graph = circuit(dtype)
    value = graph.forward(x=-2.0, y=5.0, z=-4.0)
    assert value == -12.0
    assert isinstance(value, float)
    assert graph.backward() == {"x": -4.0, "y": -4.0, "z": 3.0}
    assert graph.value("add_0") == 3.0
    assert graph.grad("add_0") == -4.0


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: Multiply(x, y),
        lambda x, y: Multiply((x, y)),
        lambda x, y: Multiply([x, y]),
        lambda x, y: Multiply()(x, y),
    ],
)
def test_ways_to_apply_a_gate(build):
    graph = Graph(build(Input("x"), Input("y")))
    assert graph.forward(x=3.0, y=4.0) == 12.0
    assert graph.backward() == {"x": 4.0, "y": 3.0}


@pytest.mark.parametrize(
    "build",
    [
        lambda x, name: Multiply(x, 2.0, name=name),
        lambda x, name: Multiply((2.0, x), name=name),
        lambda x, name: Multiply()(2.0, x, name=name),
    ],
)
def test_numbers_stand_beside_nodes_and_nodes_have_names(build):
    graph = Graph(build(Input("x"), "twice"))
    assert graph.forward(x=3.0) == 6.0
    assert graph.backward() == {"x": 2.0}
    assert graph.name_of(graph.outputs[0]) == "twice"
    assert graph.grad("twice") == 1.0


def test_arrays_stand_beside_nodes():
    weights = np.array([1.0, 2.0, 3.0])
    graph = Graph(ops.sum(Multiply(Input("x", (3,)), weights)))
    assert graph.forward(x=[1.0, 1.0, 2.0]) == 9.0
    np.testing.assert_array_equal(graph.backward()["x"], weights)


def test_options_in_an_own_init_need_no_call_of_the_base():
    x = Input("x")
    made, default, direct = Scale(3.0)(x), Scale(x), Scale(x, factor=5.0)
    graph = Graph(made + default + direct)
    assert graph.forward(x=2.0) == 20.0
    assert graph.backward() == {"x": 10.0}


def test_a_gate_applied_twice_keeps_both_inputs():
    gate, x, y = Square(), Input("x"), Input("y")
    graph = Graph(gate(x) + gate(y))
    assert graph.forward(x=3.0, y=5.0) == 34.0
    assert graph.backward() == {"x": 6.0, "y": 10.0}
    chained = Graph(gate(gate(x)))
    assert chained.forward(x=2.0) == 16.0
    assert chained.backward() == {"x": 32.0}


@DTYPES
def test_one_node_as_both_inputs_gets_both_gradients(dtype):
    x = Input("x", (BATCH, 2))
    graph = Graph(ops.sum(Multiply(x, x)), dtype=dtype)
    value = RNG.standard_normal((3, 2)).astype(dtype)
    graph.forward(x=value)
    np.testing.assert_array_equal(graph.backward()["x"], value + value)


@pytest.mark.parametrize("gate_first", [True, False])
def test_gradients_add_up_with_those_of_other_operations(gate_first):
    x, w = Input("x", (BATCH, 3)), Parameter("w", RNG.standard_normal((3, 2)))
    by_gate, by_c = ops.dense(x, Multiply(w, w)), ops.dense(x, w)
    mixed = ops.sum((by_gate + by_c) if gate_first else (by_c + by_gate))
    plain = ops.sum(ops.dense(x, w * w) + ops.dense(x, w))
    value = RNG.standard_normal((4, 3))
    found = []
    for out in (mixed, plain):
        graph = Graph(out)
        graph.forward(x=value)
        found.append(graph.backward())
        assert graph.check_gradients()
    for name in ("x", "w"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-13)


def test_gradients_of_a_mixed_graph_agree_with_differences():
    x, w = Input("x", (BATCH, 3)), Parameter("w", RNG.standard_normal((3, 4)))
    hidden = Square()(ops.tanh(ops.dense(x, w)))
    graph = Graph(ops.mean(Multiply(hidden, ops.exp(Scale(0.5)(hidden)))))
    graph.forward(x=RNG.standard_normal((5, 3)))
    before = graph.backward()
    assert graph.check_gradients()
    after = graph.backward()  # the gates have seen other values in between
    for name in before:
        assert before[name].tobytes() == after[name].tobytes()


def test_a_batch_has_its_rows_first_and_may_change_its_length():
    gate = Square()
    graph = Graph(gate(Input("x", (BATCH, 2))))
    for rows in (2, 5, 1, 3):
        value = RNG.standard_normal((rows, 2))
        np.testing.assert_array_equal(graph.forward(x=value), value * value)
        assert gate.seen[-1].shape == (rows, 2)
        dx = graph.backward(np.ones((rows, 2)))["x"]
        np.testing.assert_array_equal(dx, 2 * value)


@pytest.mark.parametrize("rows", [None, 4])
@DTYPES
def test_what_a_gate_is_given(rows, dtype):
    given = []

    class Watch(cnn.Gate):
        def forward(self, x, k):
            given.append((x, k))
            return x * 1.0

        def backward(self, dy):
            given.append(dy)
            return dy, None

    lead = () if rows is None else (BATCH,)
    graph = Graph(Watch(Input("x", lead), Input("k", lead, "int32")), dtype=dtype)
    shape = () if rows is None else (rows,)
    graph.forward(x=np.ones(shape), k=np.ones(shape, np.int32))
    graph.backward(np.ones(shape))
    (x, k), dy = given
    kind = np.generic if rows is None else np.ndarray
    for array, expected in ((x, dtype), (k, "int32"), (dy, dtype)):
        assert isinstance(array, kind)
        assert array.dtype == expected
        assert array.shape == shape


def test_what_a_gate_was_given_stays_as_it_was():
    class Spoil(cnn.Gate):
        """Keeps all, and overwrites what it was given before."""

        kept: tuple = ()

        def forward(self, x):
            self.kept = (*self.kept, x)
            return x + 0.0

        def backward(self, dy):
            for x in self.kept:
                x[...] = -1
            dy[...] = -2
            return np.ones_like(dy)

    gate, x = Spoil(), Input("x", (BATCH, 2))
    twice = x * 2.0
    graph = Graph(ops.sum(gate(twice)))
    graph.forward(x=np.ones((2, 2)))
    graph.forward(x=np.full((2, 2), 3.0))
    np.testing.assert_array_equal(gate.kept[0], np.full((2, 2), 2.0))
    graph.backward()
    np.testing.assert_array_equal(graph.value(twice), np.full((2, 2), 6.0))
    np.testing.assert_array_equal(graph.grad("Spoil_0"), np.ones((2, 2)))


def test_none_is_a_gradient_of_zero():
    class First(cnn.Gate):
        def forward(self, x, y):
            return x

        def backward(self, dz):
            return dz, None

    x, y = Input("x", (2,)), Input("y", (2,))
    graph = Graph(ops.sum(First(x, y) + y * 3.0))
    graph.forward(x=[1.0, 2.0], y=[3.0, 4.0])
    found = graph.backward()
    np.testing.assert_array_equal(found["x"], [1.0, 1.0])
    np.testing.assert_array_equal(found["y"], [3.0, 3.0])
    alone = Graph(ops.sum(First(x, y)))
    alone.forward(x=[1.0, 2.0], y=[3.0, 4.0])
    np.testing.assert_array_equal(alone.backward()["y"], [0.0, 0.0])


@pytest.mark.parametrize("result", ["float16", "float32", "float64", "int64", "bool", "list"])
def test_results_of_any_real_dtype_are_taken(result):
    class As(cnn.Gate):
        def forward(self, x):
            return x.tolist() if result == "list" else x.astype(result)

        def backward(self, dy):
            return [self.forward(dy)]

    graph = Graph(As(Input("x", (BATCH,))), dtype="float32")
    value = graph.forward(x=[1.0, 0.0, 1.0])
    assert value.dtype == np.float32
    np.testing.assert_array_equal(value, [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(graph.backward([0.0, 1.0, 1.0])["x"], [0.0, 1.0, 1.0])


def test_each_program_goes_back_from_its_own_forward():
    node = Multiply(Input("x"), Input("y"))
    one, other = Graph(node), Graph(node)
    one.forward(x=2.0, y=3.0)
    other.forward(x=10.0, y=20.0)
    assert one.backward() == {"x": 3.0, "y": 2.0}
    assert other.backward() == {"x": 20.0, "y": 10.0}


def test_a_step_between_forward_and_backward_does_not_disturb():
    w = Parameter("w", 2.0)
    graph = Graph(Multiply(Input("x"), w))
    graph.forward(x=3.0)
    graph.step(cnn.SGD(lr=0.0001), x=100.0)
    assert graph.backward()["w"] == 3.0


def test_names_order_and_pictures(tmp_path):
    graph = circuit()
    assert [graph.name_of(n) for n in graph.nodes_topologically_sorted()] == [
        "x", "y", "add_0", "z", "Multiply_0",
    ]  # fmt: skip
    graph.forward(x=-2.0, y=5.0, z=-4.0)
    graph.backward()
    graph.draw(tmp_path / "circuit.svg", layout="own")
    text = (tmp_path / "circuit.svg").read_text()
    assert "Multiply" in text
    assert "-12" in text
