"""Lowering: which steps there are, in which order, and what they share."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Graph, Input, Parameter, ParamStore, ops
from cnn_core.compile.steps import LATE
from cnn_core.errors import GraphError
from cnn_core.ir.order import parameters_of
from cnn_core.run.program import Program

RNG = np.random.default_rng(5)
W0, W1 = RNG.standard_normal((6, 8)), RNG.standard_normal((8, 3))


def _program(out, dtype="float64", targets=(), seeds=True, **options):
    store = ParamStore(parameters_of([out]), dtype)
    wanted = [*parameters_of([out]), *targets]
    return Program([out], store, seeds=[out] if seeds else (), targets=wanted, **options)


def _net(activation=ops.relu, loss=ops.softmax_cross_entropy, weighted=True, drop=0.0):
    x, w = Input("x", (BATCH, 6)), Input("w", (BATCH,))
    h = ops.dense(x, Parameter("w0", W0), Parameter("b0", np.full(8, 0.1)))
    h = activation(h)
    h = ops.dropout(h, drop, name="drop") if drop else h
    z = ops.dense(h, Parameter("w1", W1), Parameter("b1", np.zeros(3)))
    if loss is ops.softmax_cross_entropy:
        t = Input("t", (BATCH,), "int32")
        target = np.array([0, 2, 1, 1, 0], np.int32)
    else:
        t, target = Input("t", (BATCH, 3)), np.abs(RNG.standard_normal((5, 3)))
    feeds = {"x": RNG.standard_normal((5, 6)), "t": target}
    if weighted:
        feeds["w"] = np.array([1.0, 0.0, 2.0, 0.5, 1.0])
    reduction = "sum_over_batch" if weighted == "over batch" else "mean"
    return loss(z, t, weight=w if weighted else None, reduction=reduction), feeds


def _run(program, feeds):
    program.feed(feeds)
    program.run_forward(seed=3, counter=1)
    program.run_backward(seed=3, counter=1)
    return {"value": program.value(program.outputs[0]).copy(),
            **{k: g.copy() for k, g in program.store.grads.items()}}  # fmt: skip


LOSSES = [ops.softmax_cross_entropy, ops.mse, ops.mae, ops.huber, ops.binary_cross_entropy,
          ops.hinge, ops.poisson,
          lambda p, t, **o: ops.pinball(p, t, 0.3, **o)]  # fmt: skip
ACTIVATIONS = [ops.relu, ops.leaky_relu, ops.elu, ops.selu, ops.sigmoid, ops.tanh, ops.gelu,
               ops.silu, ops.softplus]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True, "over batch"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_fused_loss_head_gives_what_the_steps_apart_give(loss, weighted, dtype):
    out, feeds = _net(loss=loss, weighted=weighted)
    fused = _program(out, dtype, max_batch=8)
    apart = _program(out, dtype, max_batch=8, keep_all=True)
    assert any(s.which == -2 for s in fused.lowered.forward)
    assert all(s.which != -2 for s in apart.lowered.forward)
    one, other = _run(fused, feeds), _run(apart, feeds)
    rtol = 1e-5 if dtype == "float32" else 1e-13
    for key in one:
        np.testing.assert_allclose(one[key], other[key], rtol=rtol, atol=rtol, err_msg=key)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_fused_activation_gives_what_the_steps_apart_give(activation, dtype):
    out, feeds = _net(activation)
    fused = _program(out, dtype, max_batch=8)
    apart = _program(out, dtype, max_batch=8, keep_all=True)
    one, other = _run(fused, feeds), _run(apart, feeds)
    rtol = 1e-5 if dtype == "float32" else 1e-13
    for key in one:
        np.testing.assert_allclose(one[key], other[key], rtol=rtol, atol=rtol, err_msg=key)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_inference_fuses_every_activation(activation):
    x = Input("x", (BATCH, 6))
    out = activation(ops.dense(x, Parameter("w", W0)))
    program = Program([out], ParamStore(parameters_of([out]), "float32"), max_batch=4)
    assert [s.op for s in program.lowered.forward] == ["dense"]
    assert program.lowered.forward[0].activation == out.op


def test_an_activation_with_another_user_below_is_not_fused():
    x = Input("x", (BATCH, 6))
    h = ops.dense(x, Parameter("w", W0))
    out = ops.relu(h) + h
    assert [s.op for s in _program(out, seeds=False).lowered.forward] == ["dense", "relu", "add"]


def test_the_first_gradient_is_written_and_the_others_are_added():
    x = Input("x", (BATCH, 3))
    out = ops.tanh(x) + ops.sigmoid(x) + x
    program = _program(out, targets=[x], keep_all=True, max_batch=4)
    dx = program.lowered.grad[x]
    flags = [s.accumulate for s in program.lowered.backward if s.operands[-1] is dx]
    assert flags == [False, True, True]


def test_gradients_of_all_uses_add_up():
    x = Input("x", (BATCH, 3))
    out = ops.mul(ops.tanh(x), ops.tanh(x)) + x * x * x + ops.relu(ops.add(x, x))
    graph = Graph(out)
    v = np.array([[0.5, -1.0, 2.0]])
    graph.forward(x=v)
    dx = graph.backward(np.ones((1, 3)))["x"]
    t = np.tanh(v)
    np.testing.assert_allclose(dx, 2 * t * (1 - t * t) + 3 * v * v + 2 * (v > 0), rtol=1e-14)


def test_a_parameter_used_twice_gets_both_gradients():
    x, w = Input("x", (BATCH, 3)), Parameter("w", RNG.standard_normal((3, 3)))
    graph = Graph(ops.dense(ops.tanh(ops.dense(x, w)), w))
    graph.forward(x=RNG.standard_normal((4, 3)))
    assert graph.check_gradients()


def test_an_unused_parameter_has_gradient_zero():
    x = Input("x")
    used, unused = Parameter("used", 2.0), Parameter("unused", [1.0, 2.0])
    store = ParamStore([used, unused], "float64")
    graph = Graph(x * used, params=store)
    graph.forward(x=3.0)
    assert graph.backward() == {"x": 2.0, "used": 3.0}
    np.testing.assert_array_equal(store.grads["unused"], [0.0, 0.0])


def test_an_input_that_only_weighs_rows_has_gradient_zero_where_there_is_none():
    w, x = Input("w", (BATCH,)), Input("x", (BATCH,))
    graph = Graph(ops.mul(ops.row_coef(w), x))
    graph.forward(w=np.array([1.0, 3.0]), x=np.array([2.0, 2.0]))
    gradient = graph.backward(np.ones(2))
    np.testing.assert_array_equal(gradient["w"], [0, 0])
    np.testing.assert_allclose(gradient["x"], [0.25, 0.75])


def test_a_gradient_that_does_not_exist_is_an_error():
    w = Input("w", (BATCH,))
    program = {"store": ParamStore([], "float64"), "seeds": [out := ops.row_coef(w)]}
    with pytest.raises(GraphError, match="'row_coef' has no gradient, and one is asked for"):
        Program([out], targets=[w], **program)


def test_dropout_is_left_out_of_inference():
    out, feeds = _net(drop=0.5)
    assert any(s.op == "dropout" for s in _program(out, training=True).lowered.forward)
    inference = _program(out, training=False, max_batch=8)
    assert all(s.op != "dropout" for s in inference.lowered.forward + inference.lowered.backward)
    plain, _ = _net()
    one = _run(inference, feeds)
    other = _run(_program(plain, max_batch=8), feeds)
    for key in one:
        assert one[key].tobytes() == other[key].tobytes()


def test_dropout_may_be_the_output_of_an_inference_program():
    x = Input("x", (BATCH, 3))
    graph = Graph(ops.dropout(x, 0.5, name="drop"))
    np.testing.assert_array_equal(graph.forward(x=np.ones((2, 3))), np.ones((2, 3)))
    np.testing.assert_array_equal(graph.backward(np.ones((2, 3)))["x"], np.ones((2, 3)))


def test_a_node_left_out_of_inference_can_still_be_looked_at():
    x = Input("x", (BATCH, 3))
    graph = Graph(ops.relu(ops.dropout(x, 0.5, name="drop")))
    graph.forward(x=np.ones((2, 3)))
    np.testing.assert_array_equal(graph.value("drop"), np.ones((2, 3)))


def test_seeds_at_a_dropout_and_at_its_operand_add_up_in_inference():
    a = Input("a", (2,))
    p = a * 1.0
    graph = Graph([ops.dropout(p, name="drop"), p])
    graph.forward(a=np.ones(2))
    dx = graph.backward({"drop": np.array([1.0, 3.0]), p: np.array([2.0, 4.0])})["a"]
    np.testing.assert_array_equal(dx, [3, 7])


def test_the_gradient_at_a_dropout_of_inference_is_its_own():
    a = Input("a")
    p = a * 1.0
    graph = Graph(2.0 * ops.dropout(p, name="drop") + 3.0 * p)
    graph.forward(a=1.0)
    assert graph.backward() == {"a": 5}
    assert graph.grad("drop") == 2
    for node in reversed(graph.program.nodes):  # and step by step
        graph.backward_node(node)
    assert graph.grad("drop") == 2
    assert graph.grad("a") == 5


@pytest.mark.parametrize("training", [False, True])
def test_dropout_of_what_has_no_gradient_runs_forward(training):
    a = Input("a", (4,))
    graph = Graph(ops.dropout(a > 0.5, 0.5, name="drop"), training=training)
    y = graph.forward(a=np.array([0.0, 1.0, 2.0, 0.5]))
    assert set(np.unique(y)) <= {0, 2 if training else 1}
    assert y[0] == y[3] == 0
    graph.backward_node("drop")  # which gives nothing to its operand
    with pytest.raises(GraphError, match="'greater' has none"):
        graph.backward(np.ones(4))


def test_inference_keeps_no_activations():
    x = Input("x", (BATCH, 64))
    y = x
    for _ in range(20):
        y = ops.tanh(y + x)
    sizes = {}
    for keep_all in (False, True):
        program = Program([y], ParamStore([], "float32"), max_batch=16, keep_all=keep_all)
        sizes[keep_all] = len(program.arena)
    row_block = 64 * 16 * 4
    assert sizes[True] >= 40 * row_block
    assert sizes[False] <= 5 * row_block


def test_weight_gradients_wait_until_all_row_wise_work_is_done():
    out, _ = _net()
    steps = _program(out, max_batch=8).steps
    homes = [s.operands[-1].home for s in steps]
    first = homes.index("grad")
    assert {s.stage for s in steps[first:]} == {LATE}
    found = [b.source.name for b in (s.operands[-1] for s in steps) if b.home == "grad"]
    assert sorted(found) == ["b0", "b1", "w0", "w1"]
