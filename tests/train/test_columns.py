"""Wide layers of few rows are divided by columns: the same bits, and really divided."""

from __future__ import annotations

import ctypes
import itertools
import sys
import time

import numpy as np
import pytest
from training_cases import (
    NETS,
    AllThreads,
    assert_same_state,
    big_net,
    run_script,
    set_threads,
    state,
)

import cnn_core as cnn
from cnn_core._ext import core
from cnn_core.compile import schedule
from cnn_core.compile.schedule import divide
from cnn_core.compile.steps import COLUMNS, ROWS
from cnn_core.run.program import Program
from cnn_core.state.params import ParamStore
from cnn_core.train import batches

pytestmark = pytest.mark.skipif(
    core.gemm_mode() == "blas", reason="only own kernels promise the same bits"
)


@pytest.fixture(autouse=True)
def _columns(monkeypatch):
    """Divide layers of any size by columns, on all threads."""
    monkeypatch.setattr(batches, "Pace", AllThreads)
    monkeypatch.setattr(schedule, "COLUMN_WEIGHTS", 1)
    monkeypatch.setattr(schedule, "MIN_FLOP", 1.0)
    yield
    cnn.set_num_threads(None)


def split_of(net: cnn.Sequential) -> list[int]:
    """Return how the segments of the network's prediction divide."""
    net.predict(np.zeros((3, *net.input.shape[1:]), net.dtype))
    assert net._program is not None
    found = net._program.schedule
    assert found is not None
    return [segment[0] for segment in found.segments]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_training_has_the_same_bits(name, dtype):
    """Batches of 200, 60 and 12 rows: above and below half the columns of the layers."""
    rng = np.random.default_rng(0)
    outputs = big_net(name).output.shape[1]
    x, y = rng.integers(0, 256, (200, 131)).astype(np.uint8), rng.integers(0, outputs, 200)
    results = []
    for n in (1, 2, 3, 7):
        set_threads(n)
        net = big_net(name, dtype)
        trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), metrics=["accuracy"], seed=3)
        figures = [
            dict(trainer.fit(x[:rows], y[:rows], batch_size=rows, epochs=2, progress=False,
                             sample_weight=np.arange(1, rows + 1)).items())
            for rows in (200, 60, 12)
        ]  # fmt: skip
        figures.append(trainer.fit(x[:90], y[:90], batch_size=60, epochs=1, progress=False)["loss"])
        results.append((state(trainer), figures))
    for found, figures in results[1:]:
        assert_same_state(found, results[0][0])
        assert figures == results[0][1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_prediction_has_the_same_bits(name, dtype):
    net = big_net(name, dtype)
    x = np.random.default_rng(0).standard_normal((300, 131)).astype(dtype)
    for rows in (1, 2, 16, 64, 127, 128, 129, 300):
        set_threads(1)
        one = net.predict(x[:rows])
        for n in (2, 3, 7):
            set_threads(n)
            assert np.array_equal(net.predict(x[:rows]), one), (rows, n)


def test_one_row_has_the_same_bits_alone_and_among_others():
    set_threads(3)
    net = big_net("odd widths")
    x = np.random.default_rng(0).standard_normal((8, 131)).astype(np.float32)
    assert np.array_equal(net.predict(x[0]), net.predict(x)[0])


DIGESTS = """
import hashlib, warnings
import numpy as np
import cnn_core as cnn
from cnn_core.compile import schedule
warnings.simplefilter("ignore")
schedule.COLUMN_WEIGHTS = 1
rng = np.random.default_rng(0)
x, y = rng.standard_normal((500, 131)).astype("f"), rng.integers(0, 10, 500)
for n in (1, 2, 3):
    cnn.set_num_threads(n)
    layers = [cnn.Dense(330, "relu"), cnn.Dense(133, "tanh"), cnn.Dense(10)]
    net = cnn.Sequential(layers, 131, seed=0)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy())
    program = trainer._program(trainer._data(x, y, None, "test"), 60, training=True)
    program.pace.next = lambda n=n: (2, n)
    trainer.fit(x, y, batch_size=60, epochs=2, progress=False)
    assert program.program.n_threads == n
    print(hashlib.sha256(net.store.value.tobytes() + net.predict(x[:50]).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("simd", ["baseline", "avx2", "avx512"])
def test_every_instruction_set_has_the_same_bits(simd):
    done = run_script(DIGESTS, CNN_CORE_SIMD=simd, CNN_CORE_GEMM="own")
    if f"got '{simd}'" in done.stderr:
        pytest.skip(f"this CPU has no {simd}")
    assert done.returncode == 0, done.stderr
    digests = done.stdout.split()
    assert len(digests) == 3
    assert len(set(digests)) == 1


class Call(ctypes.Structure):
    """The first members of cnn_call."""

    _fields_ = [("step", ctypes.c_void_p), ("tensor", ctypes.c_void_p),
                *((name, ctypes.c_int64) for name in
                  ("begin", "end", "column", "n_column", "n_row"))]  # fmt: skip


@pytest.mark.parametrize(("rows", "by_columns"), [(1, True), (64, True), (100, True), (101, False)])
def test_calls_cover_the_rows_and_columns_once(rows, by_columns):
    set_threads(2)
    net = cnn.Sequential([cnn.Dense(200), cnn.Dense(3)], 40)
    x = np.ones((rows, 40), np.float32)
    expected = net.predict(x)
    program = net._program
    assert program is not None
    calls = []
    kernel_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Call))

    @kernel_type
    def spy(call):
        c = call.contents
        calls.append((c.begin, c.end, c.column, c.n_column))
        return kernel(call)

    kernel = kernel_type(address := program.plan.replace_kernel(0, 0))
    program.plan.replace_kernel(0, ctypes.cast(spy, ctypes.c_void_p).value)
    try:
        assert np.array_equal(net.predict(x), expected)
    finally:
        program.plan.replace_kernel(0, address)
    calls.sort()
    if by_columns:
        assert {c[:2] for c in calls} == {(0, rows)}
        parts = [(column, column + n) for _, _, column, n in calls]
        whole = 200
    else:
        assert {c[2:] for c in calls} == {(0, 0)}
        parts, whole = [c[:2] for c in calls], rows
    assert len(parts) > 1
    assert parts[0][0] == 0
    assert parts[-1][1] == whole
    assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))


def test_python_in_a_small_divided_run_waits_for_nobody():
    """One row's work is below what the GIL is given up for, but another thread needs it."""
    set_threads(2)
    net = cnn.Sequential([cnn.Dense(200), cnn.Dense(3)], 40)
    x = np.ones(40, np.float32)
    expected = net.predict(x)
    kernel_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)

    @kernel_type
    def slow(call):
        end = time.perf_counter() + 0.03        # by then the other thread waits for the GIL
        while time.perf_counter() < end:
            pass
        return kernel(call)

    kernel = kernel_type(address := net._program.plan.replace_kernel(0, 0))
    net._program.plan.replace_kernel(0, ctypes.cast(slow, ctypes.c_void_p).value)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1.0)                  # and Python does not hand it over
    try:
        assert np.array_equal(net.predict(x), expected)
    finally:
        sys.setswitchinterval(before)
        net._program.plan.replace_kernel(0, address)


def test_only_layers_with_many_weights_are_divided_by_columns(monkeypatch):
    monkeypatch.setattr(schedule, "COLUMN_WEIGHTS", 131 * 64)
    set_threads(2)
    layers = [cnn.Dense(64, "relu"), cnn.Dense(32, "relu"), cnn.Dense(140), cnn.Dense(70)]
    assert split_of(cnn.Sequential(layers, 131)) == [COLUMNS, ROWS, COLUMNS]
    monkeypatch.setattr(schedule, "COLUMN_WEIGHTS", 1 << 20)
    net = cnn.Sequential([cnn.Dense(64), cnn.Dense(32)], 131)
    assert split_of(net) == [ROWS]


def test_steps_over_the_whole_batch_stay_between():
    """A mean over the batch needs all rows at once."""
    set_threads(2)
    x = cnn.Input("x", (cnn.BATCH, 30))
    w = cnn.Parameter("w", np.ones((30, 40)))
    y = cnn.ops.dense(cnn.ops.sub(x, cnn.ops.mean(x, axis=0)), w)
    program = Program([y], ParamStore([w], np.dtype("float32")), max_batch=8)
    found = divide(program.steps, 2, 8, program.n_steps)
    assert found is not None
    assert [s[0] for s in found.segments][-1] == COLUMNS
    assert not found.rows_first
