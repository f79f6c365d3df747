"""The joined gradient of a shared weight has the bits of the separate ones."""

from __future__ import annotations

import numpy as np
import pytest
from gates import Multiply

from cnn_core import BATCH, SGD, Graph, Input, Parameter, ParamStore, ops
from cnn_core.ir.order import parameters_of
from cnn_core.run.program import Program

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def programs(loss, dtype, targets=None):
    """Return the same graph with everything kept, and as a step sees it."""
    found = []
    for keep_all in (True, False):
        store = ParamStore(parameters_of([loss]), dtype)
        wanted = parameters_of([loss]) if targets is None else targets
        found.append(Program([loss], store, seeds=[loss], targets=wanted, keep_all=keep_all,
                             max_batch=4))  # fmt: skip
    return found


def run(program, feed):
    program.feed(feed)
    batched = any(node.batched for node in program.nodes)
    program.store.grad[:] = np.nan  # nothing is to be added to what was there
    for _ in range(2):
        program.binding.run(0, program.n_steps, program.n_rows if batched else 1)
    return {name: grad.copy() for name, grad in program.store.grads.items()}


def joined(program):
    return [s for s in program.steps if s.op == "weight_grad"]


def assert_same(loss, feed, dtype, n_joined, *, exact=True):
    kept, plain = programs(loss, dtype)
    assert not joined(kept)
    assert len(joined(plain)) == n_joined
    expected, found = run(kept, feed), run(plain, feed)
    for name, grad in expected.items():
        assert np.isfinite(grad).all()
        if exact:
            assert found[name].tobytes() == grad.tobytes(), name
        else:
            tiny = 16 * np.finfo(dtype).eps * np.abs(grad).max()
            np.testing.assert_allclose(found[name], grad, rtol=0, atol=tiny, err_msg=name)


def unrolled(rows, n_in, n_out, seed=0, more=None):
    """Return a loss over uses of one weight with inputs of ``rows``, and what to feed."""
    rng = np.random.default_rng([seed, n_in, n_out])
    w, b = Parameter("w", rng.standard_normal((n_in, n_out))), Parameter("b", np.ones(n_out))
    total, feed = None, {}
    for i, lead in enumerate(rows):
        x = Input(f"x{i}", (*lead, n_in))
        feed[x.name] = rng.standard_normal((*lead, n_in))
        y = ops.sum(ops.tanh(ops.dense(x, w, b)))
        total = y if total is None else total + y
        if more is not None and i in more:
            total = total + more[i](w)
    return total, feed


ROWS = {
    "one row each": [(1,)] * 5, "vectors": [(1,), (1,)], "sequences": [(7,), (7,), (7,)],
    "different rows": [(1,), (5,), (2,), (40,)], "axes before": [(2, 3), (6,), (1, 1)],
    "many": [(1,)] * 40, "long": [(700,), (600,), (3,)],
}  # fmt: skip


@DTYPES
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (8, 16), (17, 33), (40, 10), (5, 100), (1, 50)])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_the_joined_gradient_has_the_bits_of_the_separate_ones(rows, shape, dtype):
    loss, feed = unrolled(rows, *shape)
    assert_same(loss, feed, dtype, 1)


@DTYPES
def test_a_recurrent_network(dtype):
    rng = np.random.default_rng(1)
    w, u = (Parameter(n, 0.4 * rng.standard_normal((20, 20))) for n in "wu")
    state, feed = Parameter("h", rng.standard_normal((1, 20))), {}
    for i in range(6):
        x = Input(f"x{i}", (1, 20))
        feed[x.name] = rng.standard_normal((1, 20))
        state = ops.relu(ops.dense(x, w) + ops.dense(state, u))
    assert_same(ops.sum(ops.square(state)), feed, dtype, 2)


@DTYPES
def test_a_weight_whose_last_use_is_another_operation(dtype):
    """Backward, its contribution comes first, and the joined product is added to it."""
    loss, feed = unrolled([(1,), (3,)], 6, 5, more={1: lambda w: ops.sum(ops.square(w))})
    assert_same(loss, feed, dtype, 1)


OTHERS = {
    "square": lambda w: ops.sum(ops.square(w)), "gate": lambda w: ops.sum(Multiply(w, w)),
    "matmul": lambda w: ops.sum(ops.matmul(np.ones((2, 6)), w)), "slice": lambda w: ops.sum(w[1:3]),
    "batch": lambda w: ops.sum(ops.dense(Input("b0", (BATCH, 6)), w)),
}  # fmt: skip


@DTYPES
@pytest.mark.parametrize("more", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("at", [0, 1])
def test_other_uses_of_the_weight_count_as_well(at, more, dtype):
    """In between, the sums may take another order: they agree to rounding."""
    loss, feed = unrolled([(1,), (3,), (2,)], 6, 5, more={at: more})
    names = {n.name for n in Graph(loss).nodes_topologically_sorted()}
    if "b0" in names:
        feed["b0"] = np.random.default_rng(0).standard_normal((3, 6))
    assert_same(loss, feed, dtype, 1, exact=False)


def test_what_is_not_joined():
    rng = np.random.default_rng(0)
    w, x = Parameter("w", rng.standard_normal((3, 3))), Input("x", (1, 3))
    once = ops.sum(ops.dense(x, w))
    batched = Input("z", (BATCH, 3))
    twice_batched = ops.sum(ops.dense(ops.dense(batched, w), w))
    made = w * 2.0
    of_a_node = ops.sum(ops.dense(ops.dense(x, made), made))
    feeds = {"x": rng.standard_normal((1, 3)), "z": rng.standard_normal((4, 3))}
    for loss in (once, twice_batched, of_a_node):
        names = {n.name for n in Graph(loss).nodes_topologically_sorted()}
        assert_same(loss, {k: v for k, v in feeds.items() if k in names}, "float64", 0)


@DTYPES
def test_a_constant_and_a_parameter_as_rows(dtype):
    rng = np.random.default_rng(0)
    w, h = Parameter("w", rng.standard_normal((3, 3))), Parameter("h", np.ones((2, 3)))
    loss = ops.sum(ops.dense(h, w)) + ops.sum(ops.tanh(ops.dense(np.eye(3), w)))
    assert_same(loss, {}, dtype, 1)


@DTYPES
def test_steps_of_a_graph_learn_from_the_joined_gradient(dtype):
    loss, feed = unrolled([(1,), (4,)], 6, 5)
    graph, other = Graph(loss, dtype=dtype), Graph(loss, dtype=dtype)
    one, two = SGD(lr=0.1), SGD(lr=0.1)
    for _ in range(3):
        graph.step(one, **feed)
        other.forward(**feed)
        other.backward()
        two.apply(other.params)
    assert graph.params.value.tobytes() == other.params.value.tobytes()
