"""check_gradients: agrees with right gradients, and finds wrong ones."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from cnn_core import BATCH, Gate, Graph, Input, Parameter, ops
from cnn_core.errors import DtypeError, StateError

RNG = np.random.default_rng(9)


def _graph():
    x, t = Input("x", (BATCH, 5)), Input("t", (BATCH,), "int32")
    w0, w1 = RNG.standard_normal((5, 20)), RNG.standard_normal((20, 4))
    h = ops.tanh(ops.dense(x, Parameter("w0", w0), Parameter("b0", np.zeros(20))), name="h")
    graph = Graph(ops.softmax_cross_entropy(ops.dense(h, Parameter("w1", w1)), t))
    graph.forward(x=RNG.standard_normal((6, 5)), t=np.array([0, 1, 2, 3, 1, 0]))
    return graph


def test_the_report_has_a_line_for_each_input_and_parameter():
    report = _graph().check_gradients()
    assert report.ok is True
    assert bool(report) is True
    assert sorted(line.name for line in report.lines) == ["b0", "w0", "w1", "x"]
    assert report.worst < 1e-6
    assert all(line.reached for line in report.lines)
    assert "all gradients agree" in str(report)


def test_values_and_parameters_are_as_before():
    graph = _graph()
    value, params = graph.value(graph.outputs[0]), graph.params.value.copy()
    graph.check_gradients()
    assert graph.value(graph.outputs[0]) == value
    np.testing.assert_array_equal(graph.params.value, params)


def test_a_wrong_gradient_is_found():
    graph = _graph()
    low = graph.program.lowered
    step = next(s for s in low.backward if s.op == "tanh")
    dx = graph.program.view(step.operands[-1])

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    def kernel(call):
        dx[...] = 1.0
        return 0

    at = graph.program.code.step_index[step]
    graph.program.plan.replace_kernel(at, ctypes.cast(kernel, ctypes.c_void_p).value)
    report = graph.check_gradients()
    assert not report.ok
    wrong = {line.name for line in report.lines if line.error > 1e-6}
    assert wrong == {"w0", "b0", "x"}
    assert "WRONG" in str(report)


def test_what_the_output_does_not_depend_on_is_said():
    w, x = Input("w", (BATCH,)), Input("x", (BATCH,))
    graph = Graph(ops.mul(ops.row_coef(w), x))
    graph.forward(w=np.array([1.0, 1.0]), x=np.array([1.0, 2.0]))
    lines = {line.name: line for line in graph.check_gradients().lines}
    assert lines["x"].reached
    assert lines["x"].error < 1e-6
    assert not lines["w"].reached


def test_a_parameter_behind_a_comparison_has_gradient_0_and_the_report_says_why():
    w, x = Parameter("w", np.array([0.5, -2.0])), Input("x", (2,))
    graph = Graph(ops.sum(x * (w > 0.0)))
    graph.forward(x=[3.0, 4.0])
    gradients = graph.backward()
    assert np.array_equal(gradients["w"], [0, 0])
    assert np.array_equal(gradients["x"], [1, 0])
    report = graph.check_gradients()
    assert report.ok
    assert {line.name: line.reached for line in report.lines} == {"w": False, "x": True}
    (line,) = (line for line in str(report).splitlines() if line.startswith("w "))
    assert line.endswith("(the output does not depend on it)")


@pytest.mark.parametrize(
    ("build", "x"),
    [(ops.log, [1.0, -1.0, 2.0]), (ops.log, [-1.0, -1.0, -2.0]), (ops.log, [1.0, 0.0, 2.0]),
     (ops.sqrt, [1.0, 0.0, 2.0]), (lambda x: x**0.5, [4.0, -4.0, 1.0])],
)  # fmt: skip
def test_gradients_that_are_no_finite_numbers_do_not_agree(build, x):
    node, other = Input("x", (3,)), Input("other", (3,))
    graph = Graph(ops.sum(build(node)) + ops.sum(other * other))
    graph.forward(x=x, other=[1.0, 2.0, 3.0])
    report = graph.check_gradients()
    assert not report.ok
    assert report.worst == np.inf
    assert "WRONG" in str(report)


def test_small_gradients_beside_large_ones_are_no_false_alarm():
    x = Input("x", (BATCH, 3))
    graph = Graph(ops.tanh(x))
    graph.forward(x=np.arange(12.0).reshape(4, 3))
    assert graph.check_gradients().ok


def test_dropout_keeps_its_mask_while_it_is_checked():
    x = Input("x", (BATCH, 8))
    graph = Graph(ops.tanh(ops.dropout(x, 0.5)), training=True)
    graph.forward(x=RNG.standard_normal((3, 8)))
    assert graph.check_gradients().ok


def test_it_needs_float64_and_values():
    x = Input("x")
    with pytest.raises(DtypeError, match="need a graph of float64; got float32"):
        Graph(x * x, dtype="float32").check_gradients()
    with pytest.raises(StateError, match="need forward first"):
        Graph(x * x).check_gradients()


class Moody(Gate):
    """x, until its call number ``at`` raises ``error``."""

    def __init__(self, at=None, error=None, *, backward=False):
        self.calls, self.at, self.error, self.backwards = [0], at, error, backward

    def forward(self, x):
        self._count(here=not self.backwards)
        return np.array(x)

    def backward(self, dy):
        self._count(here=self.backwards)
        return [np.array(dy)]

    def _count(self, *, here):
        self.calls[0] += here
        if here and self.calls[0] == self.at:
            raise self.error


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
@pytest.mark.parametrize("at", [2, 3, 9, 14, 30])
def test_a_broken_check_leaves_parameters_and_inputs_as_they_were(at, error):
    x, w = Input("x", (3,)), Parameter("w", np.array([1.0, -2.0, 3.0]))
    gate = Moody(at, error)
    graph = Graph(ops.sum(ops.square(gate(x * w))))
    value = graph.forward(x=[0.5, 1.5, 2.5])
    before = graph.params.value.tobytes()
    with pytest.raises(type(error)):
        graph.check_gradients()
    assert graph.params.value.tobytes() == before
    assert graph.value(x).tolist() == [0.5, 1.5, 2.5]
    assert not graph.has_values
    with pytest.raises(StateError, match="need forward first"):
        graph.backward()
    assert graph.forward() == value
    assert graph.check_gradients().ok


@pytest.mark.parametrize("check", [True, False])
def test_gradients_are_not_there_after_a_backward_that_broke(check):
    x = Input("x", (3,))
    gate = Moody(2, ValueError("no"), backward=True)
    graph = Graph(ops.sum(ops.square(gate(x))))
    graph.forward(x=[0.5, 1.5, 2.5])
    graph.backward()
    with pytest.raises(ValueError, match="no"):
        graph.check_gradients() if check else graph.backward()
    assert not graph.has_gradients
    assert graph.has_values is not check
    with pytest.raises(StateError, match="need backward first"):
        graph.grad(x)


def test_after_a_check_of_several_outputs_the_gradients_are_those_of_its_weights():
    """Walking on node by node continues from them, not from 1."""
    x = Input("x", (3,))
    y, z = ops.square(x), ops.exp(x)
    graph = Graph([y, z])
    graph.forward(x=[0.5, 1.5, 2.5])
    assert graph.check_gradients().ok
    expected = graph.grad(y) * 2 * graph.value(x) + graph.grad(z) * graph.value(z)
    np.testing.assert_allclose(graph.grad(x), expected, rtol=1e-14)
    for node in reversed(graph.nodes_topologically_sorted()):
        if node.inputs:
            graph.backward_node(node)
    np.testing.assert_allclose(graph.grad(x), expected, rtol=1e-14)
