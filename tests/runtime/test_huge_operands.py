"""Operands of more than 2**31 elements: every offset is reckoned in 64 bits.

Memory that nobody touches costs nothing: the large arrays here are mapped without being backed.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import sys
from math import prod

import numpy as np
import pytest
import test_gemm
from test_gemm import gemm  # noqa: F401

import cnn_core as cnn
from cnn_core import ops
from cnn_core.compile.memory import n_bytes, plan_memory
from cnn_core.compile.schedule import divide
from cnn_core.compile.steps import Buffer, Step
from cnn_core.ir.shapes import row_size, with_rows
from cnn_core.run import program
from cnn_core.state.blocks import SPAN, aligned_zeros, layout
from cnn_core.state.params import ParamStore

FAR = 2**31
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="maps unbacked memory")


def unbacked(n: int, dtype: str) -> np.ndarray:
    """Return ``n`` zeros in memory that exists where it is written to only."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
    try:
        memory = mmap.mmap(-1, n * np.dtype(dtype).itemsize, flags=flags)
    except OSError as error:
        pytest.skip(f"the system gives no such address space: {error}")
    return np.frombuffer(memory, dtype, n)


# -- shapes alone -------------------------------------------------------------------------


def chain(*shapes: tuple) -> tuple[list[Step], list[Buffer]]:
    """Return steps that each read one buffer and write the next."""
    buffers = [Buffer(f"b{i}", shape, True) for i, shape in enumerate(shapes)]
    pairs = itertools.pairwise(buffers)
    return [Step("relu", -1, [a, b], (), 1, b.key) for a, b in pairs], buffers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("max_batch", [FAR // 784 + 1, FAR + 1, 2**40])
def test_the_memory_planner_counts_past_32_bits(max_batch, dtype):
    steps, buffers = chain((cnn.BATCH, 784), (cnn.BATCH, 33), (cnn.BATCH, 784), (cnn.BATCH,))
    offsets, end = plan_memory(steps, buffers, dtype, max_batch)
    item = np.dtype(dtype).itemsize
    sizes = {b: n_bytes(b, dtype, max_batch) for b in buffers}
    for b in buffers:
        exact = prod(with_rows(b.shape, max_batch)) * item
        assert exact <= sizes[b] < exact + 64
    assert end >= sizes[buffers[0]] + sizes[buffers[1]] > FAR
    for a, b in itertools.pairwise(buffers):
        assert offsets[a] + sizes[a] <= offsets[b] or offsets[b] + sizes[b] <= offsets[a]


def test_row_sizes_count_past_32_bits():
    assert row_size((cnn.BATCH, 2**20, 2**20, 3)) == 3 * 2**40


def test_the_schedule_divides_huge_batches_and_weights():
    x = Buffer("x", (cnn.BATCH, 2**20), True)
    w = Buffer("w", (2**20, 2**13), False, home="param")
    y = Buffer("y", (cnn.BATCH, 2**13), True)
    dw = Buffer("dw", (2**20, 2**13), False, home="grad")
    forward = Step("dense", -1, [x, w, y], (), 1, "y", n_unit=2**13)
    weights = Step("dense", 1, [x, w, y, y, dw], (), 2, "dw", n_unit=2**20, stage=1)
    segments, tiles, *_ = divide([forward, weights], 4, 2**20, 2)
    assert len(segments) == 2
    for step, units in enumerate((2**13, 2**20)):
        covered = [(begin, end) for at, begin, end in tiles if at == step]
        assert covered[0][0] == 0
        assert covered[-1][1] == units
        assert all(a[1] == b[0] for a, b in itertools.pairwise(covered))


def test_parameters_start_where_they_should_past_32_bits():
    begins, end = layout([(70_001, 40_003), (2**20, 2**13 + 1)])
    assert begins == [0, -(-70_001 * 40_003 // SPAN) * SPAN]
    assert begins[1] > FAR
    assert end == begins[1] + 2**20 * (2**13 + 1)


def test_views_and_walks_count_past_32_bits():
    rows, columns = 2**20, 2**13
    x = cnn.Input("x", (rows, columns))
    assert x[-1, -1].attrs() == (rows * columns - 1, 0)
    assert x[::-1, 5].attrs() == ((rows - 1) * columns + 5, 1, rows, -columns)
    assert ops.transpose(x).attrs() == (0, 2, columns, 1, rows, columns)
    assert ops.split(x, 2)[1].attrs() == (rows // 2 * columns, 1, rows // 2 * columns, 1)
    assert ops.sum(x).attrs() == (1, rows * columns, 0)
    assert ops.exp(x[:, :1] * x).shape == (rows, columns)


@linux
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_views_and_lookups_read_past_32_bits(monkeypatch, dtype):
    rows, columns = FAR // 2**13 + 3, 2**13
    monkeypatch.setattr(program, "aligned_zeros", lambda n, kind: unbacked(n, np.dtype(kind).str)
                        if n > FAR else aligned_zeros(n, kind))  # fmt: skip
    x, i = cnn.Input("x", (rows, columns)), cnn.Input("i", (2,), "int32")
    picked = ops.take(x, i)
    outputs = [x[-1, -2], x[::-1, 7][:3], ops.split(x, [rows - 1])[1], picked]
    compiled = program.Program(outputs, ParamStore([], dtype))
    data = compiled.value(x)
    data[-3:] = np.arange(3)[:, None] * 10_000 + np.arange(columns)
    compiled.value(i)[...] = [rows - 1, rows - 3]
    compiled.run_forward()
    element, column, last, lines = map(compiled.value, outputs)
    assert element == data[-1, -2]
    assert np.array_equal(column, data[-1:-4:-1, 7])
    assert np.array_equal(last, data[-1:])
    assert np.array_equal(lines, data[[-1, -3]])


# -- products -----------------------------------------------------------------------------


@linux
@pytest.mark.parametrize("row", [2**26, 2**26 + 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_own_products_reach_rows_past_32_bits(gemm, dtype, row):  # noqa: F811
    """The last rows of each operand lie more than 2**31 elements behind its start."""
    m, n, k = 45, 50, 43
    rng = np.random.default_rng(0)
    operands = []
    for n_rows, n_columns in ((50, 50), (50, 50), (m, n)):
        flat = unbacked(50 * row, dtype)
        whole = flat.reshape(50, row)[:n_rows, :n_columns]
        whole[...] = rng.standard_normal(whole.shape)
        operands.append(whole)
    a, b, c = operands
    for trans_a, trans_b, rows in itertools.product((False, True), (False, True), (m, 1)):
        op_a = a[:k, :rows] if trans_a else a[:rows, :k]
        op_b = b[:n, :k] if trans_b else b[:k, :n]
        assert gemm(op_a, op_b, c[:rows], trans_a=trans_a, trans_b=trans_b) == 0
        left, right = op_a.T if trans_a else op_a, op_b.T if trans_b else op_b
        expected = left.astype("f8") @ right.astype("f8")
        assert np.allclose(c[:rows], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("field", ["m", "n", "k", "lda", "ldb", "ldc"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blas_refuses_what_it_cannot_index_and_writes_nothing(gemm, dtype, field):  # noqa: F811
    called = []
    kind = ctypes.CFUNCTYPE(None)
    blas = kind(lambda: called.append(1))
    table = (ctypes.c_void_p * 2).in_dll(gemm.library, "cnn_blas_table")
    before = list(table)
    table[0] = table[1] = ctypes.cast(blas, ctypes.c_void_p).value
    small = np.ones((3, 3), dtype)
    p = test_gemm.Product(3, 3, 3, small.ctypes.data, small.ctypes.data, None, small.ctypes.data,
                          3, 3, 3, 0, 0, 0, 1)  # fmt: skip
    gemm.set_mode(test_gemm.BLAS)
    call = gemm.call[np.dtype(dtype)]
    try:
        for size in (FAR, 2**32 + 3, 2**40):  # the low 32 bits of the second look harmless
            setattr(p, field, size)
            assert call(ctypes.byref(p), gemm.scratch_for(p, dtype)) == test_gemm.TOO_LARGE
        assert not called
        setattr(p, field, 3)
        assert call(ctypes.byref(p), gemm.scratch_for(p, dtype)) == 0
        assert called
    finally:
        table[0], table[1] = before
    assert (small == 1).all()


# -- data ---------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("shuffled", [True, False])
def test_training_gathers_rows_past_32_bits(shuffled, n_threads):
    n, width = FAR // 784 + 300, 784
    x = unbacked(n * width, "uint8").reshape(n, width)
    y = np.zeros(n, np.int32)
    rng = np.random.default_rng(0)
    x[-128:], y[-128:] = rng.integers(0, 256, (128, width)), rng.integers(0, 10, 128)
    index = np.arange(n - 128, n) if shuffled else None
    found = []
    for source, labels, first in ((x, y, n - 128), (x[-128:].copy(), y[-128:].copy(), 0)):
        net = cnn.Sequential([cnn.Dense(64, "relu"), cnn.Dense(10)], width, input_scale=1 / 255)
        trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer="sgd")
        data = trainer._data(source, labels, None, "test")
        program = trainer._program(data, 64, training=True)
        program.pace.n_threads = program.program.use_threads(n_threads)
        rows = None if index is None else index - (n - 128 - first)
        program.run(program.sources(data), rows, first, 128, 64, n_threads=n_threads,
                    learner=trainer.optimizer.learner(trainer.net.store),
                    lr=np.full((2, 1), 0.1))  # fmt: skip
        found.append(net.store.value.copy())
    assert np.array_equal(found[0], found[1])


@linux
@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_prediction_reads_rows_past_32_bits(dtype):
    width = 2**20
    x = unbacked((FAR // width + 3) * width, dtype).reshape(-1, width)
    net = cnn.Sequential([cnn.Dense(3, bias_init="zeros")], width)
    x[-1, :7] = np.arange(1, 8)
    found = net.predict(x)
    assert not found[:-1].any()
    assert np.allclose(found[-1], np.arange(1, 8) @ net.params["dense_0.w"][:7], rtol=1e-4)
