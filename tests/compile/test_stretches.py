"""Row-wise steps in blocks of rows: the bits of whole batches, memory for one block, errors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ParamStore, ops
from cnn_core._ext import core
from cnn_core.compile import compiled, schedule, stretches
from cnn_core.errors import DataError, LabelError
from cnn_core.ir.order import parameters_of
from cnn_core.run.program import Program

needs_own_products = pytest.mark.skipif(
    core.gemm_mode() == "blas", reason="sums of BLAS depend on how they are divided"
)


@pytest.fixture(autouse=True)
def _warnings(recwarn):
    """More threads than cores warn."""


@pytest.fixture
def small_cache(monkeypatch):
    """Blocks of 16 rows wherever there are two, and threads for the smallest plan."""
    monkeypatch.setattr(stretches, "cache_size", lambda: 1)
    monkeypatch.setattr(stretches, "PRODUCT_ROWS", -(1 << 60))
    monkeypatch.setattr(stretches, "SUM_SHARE", 1 << 60)
    monkeypatch.setattr(stretches, "LOCAL_SHARE", 0)
    monkeypatch.setattr(schedule, "MIN_FLOP", 1.0)
    compiled._shared.clear()  # what was compiled without
    yield
    compiled._shared.clear()


def _trained(dtype, widths, rows, rng):
    """Return all that a few epochs of training leave behind."""
    x = rng.standard_normal((rows, widths[0])).astype(dtype)
    y = rng.integers(0, widths[-1], rows)
    layers = [cnn.Dense(n, activation=a)
              for n, a in zip(widths[1:-1], ("relu", "gelu"), strict=True)]
    net = cnn.Sequential([*layers, cnn.Dropout(0.3), cnn.Dense(widths[-1])], widths[0],
                         dtype=dtype, seed=1)  # fmt: skip
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(lr=1e-2))
    losses = [trainer.step(x, y), trainer.step(x[:-1], y[:-1])]
    for weight in (None, rng.random(rows)):
        trainer.fit(x, y, sample_weight=weight, batch_size=rows // 3 * 2, epochs=2, progress=False)
    return [np.array(losses), net.store.value.copy(), net.predict(x)]


@needs_own_products
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("widths", [(5, 67, 33, 3), (1, 1, 130, 2), (16, 64, 20, 17)])
def test_blocks_make_the_bits_of_whole_batches(widths, dtype, request):
    rows = int(np.random.default_rng(widths[1]).integers(100, 700))
    found = {}
    for blocks in (False, True):
        if blocks:
            request.getfixturevalue("small_cache")
        for threads in (1, 3) if blocks else (1,):
            cnn.set_num_threads(threads)
            found[blocks, threads] = _trained(dtype, widths, rows, np.random.default_rng(7))
    cnn.set_num_threads(None)
    for how, results in found.items():
        for one, other in zip(found[False, 1], results, strict=True):
            assert one.tobytes() == other.tobytes(), how


def _chain(rng, rows=100):
    x, k = Input("x", (BATCH, 7)), Parameter("k", rng.standard_normal((7, 5)))
    h = ops.tanh(ops.dense(x, k))
    out = ops.mse(ops.square(h), Input("y", (BATCH, 5)))
    feeds = {n: rng.standard_normal((rows, w)) for n, w in (("x", 7), ("y", 5))}
    program = Program([out], ParamStore(parameters_of([out]), "float64"), max_batch=rows,
                      seeds=[out], targets=parameters_of([out]))  # fmt: skip
    return program, feeds


@needs_own_products
@pytest.mark.parametrize("threads", [1, 2])
def test_what_no_other_block_needs_has_memory_for_one_block(threads, small_cache):
    """On several threads the weights' gradients come last and need their operands whole."""
    program, feeds = _chain(np.random.default_rng(0))
    program.use_threads(threads)
    program.arena[:] = 0xFF
    program.feed(feeds)
    program.binding.run(0, program.n_steps, program.n_rows, n_thread=threads)
    local = {b: summed for b, summed, fed, *_ in program.code.stretches.locals if not fed}
    assert any(local.values())
    assert not all(local.values())
    for b, summed in local.items():
        untouched = np.all(program.view(b).view(np.uint8) == 0xFF)
        assert untouched == (threads == 1 or not summed), b.key


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_failure_names_the_first_row_whatever_the_threads(threads, small_cache):
    x, t = Input("x", (BATCH, 4)), Input("t", (BATCH,), "int32")
    loss = ops.softmax_cross_entropy(ops.tanh(x), t)
    program = Program([loss], ParamStore([], "float32"), max_batch=400, seeds=[loss],
                      targets=[x])  # fmt: skip
    program.use_threads(threads)
    labels = np.zeros(400, np.int32)
    labels[[77, 150, 398]] = 4, -1, 9
    program.feed({"x": np.zeros((400, 4), np.float32), "t": labels})
    with pytest.raises(LabelError, match="got 4 at row 77 of the batch"):
        program.binding.run(0, program.n_steps, 400, n_thread=threads)


def test_check_finite_names_the_first_node_whatever_the_rows(small_cache):
    x = Input("x", (BATCH, 3))
    graph = Graph(ops.mean(ops.sqrt(ops.log(x, name="first"), name="second")))
    rows = np.full((200, 3), 2.0)
    rows[3], rows[190] = 0.5, 0.0  # its root is NaN; its logarithm is -inf
    with pytest.raises(DataError, match="first: need finite"):
        graph.forward(x=rows, check_finite=True)


def _program(widths, rows):
    h = Input("x", (BATCH, widths[0]))
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        h = ops.dense(ops.relu(h) if i else h, Parameter(f"w{i}", np.ones((n_in, n_out))))
    loss = ops.mse(h, Input("y", (BATCH, widths[-1])))
    return Program([loss], ParamStore(parameters_of([loss]), "float32"), max_batch=rows,
                   seeds=[loss], targets=parameters_of([loss]))  # fmt: skip


@needs_own_products
def test_blocks_fill_half_of_the_cache(monkeypatch):
    monkeypatch.setattr(stretches, "cache_size", lambda: 1 << 20)
    program = _program((32, 64, 64, 64), 32_000)
    (stretch,) = program.code.stretches.stretches
    assert all(step.split == 1 for step in program.steps[stretch.first : stretch.last])
    labels = {program.steps[i].label for i in program.code.stretches.states}
    assert labels == {"dense_0", "dense_1", "dense_2"}
    assert stretch.n_row % 16 == 0
    assert stretch.n_row >= 192
    assert 0.3 < program.code.stretches.n_bytes / (1 << 20) <= 0.5


@pytest.mark.parametrize(
    ("widths", "rows"),
    [((784, 512, 10), 32), ((32, 64, 64, 64), 200), ((1000, 1000, 1000), 4096)],
    ids=["all in the cache", "one block", "too wide for weights to be copied for each block"],
)
def test_where_blocks_do_not_pay_there_are_none(widths, rows, monkeypatch):
    monkeypatch.setattr(stretches, "cache_size", lambda: 1 << 20)
    assert _program(widths, rows).code.stretches is None


def test_where_all_is_kept_there_are_no_blocks():
    """They would save no writing, and writing takes the longest."""
    h = Input("x", (BATCH, 16))
    for _ in range(12):
        h = ops.relu(h)
    for keep_all in (False, True):
        program = Program([ops.mean(h)], ParamStore([], "float32"), max_batch=200_000,
                          keep_all=keep_all)  # fmt: skip
        assert (program.code.stretches is None) == keep_all


@pytest.mark.parametrize("reduce", [ops.mean, ops.sum])
def test_a_chain_that_ends_in_a_sum_over_the_batch_is_one_stretch(reduce, small_cache):
    h = ops.dense(Input("x", (BATCH, 3)), Parameter("w", np.eye(3)))
    for f in (ops.relu, ops.square, ops.neg):
        h = f(h)
    loss = reduce(h)
    program = Program([loss], ParamStore(parameters_of([loss]), "float64"), max_batch=64,
                      seeds=[loss], targets=parameters_of([loss]))  # fmt: skip
    (stretch,) = program.code.stretches.stretches
    late = [(s.op, s.which) for s in program.steps[stretch.last :]]
    assert (stretch.first, late) == (0, [("dense", 1), (reduce.__name__, -1)])
