"""Program: memory, feeding, running whole or in parts, and from several threads."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from cnn_core import BATCH, Dense, Dropout, Graph, Input, Parameter, ParamStore, Sequential, ops
from cnn_core.errors import GraphError, ShapeError, StateError
from cnn_core.ir.order import parameters_of
from cnn_core.run.program import Program

RNG = np.random.default_rng(11)


def _tanh_program(**options):
    x = Input("x", (BATCH, 4))
    return x, Program([ops.tanh(x)], ParamStore([], "float64"), **options)


def test_addresses_are_aligned_to_lines():
    x, w = Input("x", (BATCH, 3)), Parameter("w", np.ones((3, 5)))
    out = ops.dense(x, w)
    store = ParamStore([w], "float32")
    program = Program([out], store, max_batch=3, keep_all=True, seeds=[out], targets=[w])
    for buffer in program.code.buffers:
        assert program.view(buffer).ctypes.data % 64 == 0


def test_guards_cover_all_that_no_buffer_owns():
    _, program = _tanh_program(max_batch=5, guard=64)
    program.n_rows = 2
    used = sum(program.view(b).nbytes for b in program.code.buffers)
    assert sum(len(g) for _, g in program.guards()) + used == len(program.arena)


def test_feed_names_what_is_wrong_and_copies_nothing():
    a, b = Input("a", (BATCH, 2)), Input("b", (BATCH, 2))
    program = Program([a + b], ParamStore([], "float64"), max_batch=4)
    program.feed({"a": np.ones((2, 2)), "b": np.ones((2, 2))})
    for bad, error, text in (
        ({"a": np.zeros((2, 2)), "c": 1}, GraphError, "input 'c': need one of the inputs"),
        ({"a": np.zeros((2, 2)), "b": np.zeros((3, 2))}, ShapeError, "input 'b': need 2 rows"),
        ({"a": np.zeros((2, 2)), "b": np.zeros(2)}, ShapeError, "input 'b': need shape"),
        ({"a": np.zeros((5, 2)), "b": np.zeros((5, 2))}, ShapeError, "need at most 4 rows; got 5"),
        ({"a": np.zeros((0, 2)), "b": np.zeros((0, 2))}, ShapeError, "got \\(0, 2\\)"),
    ):
        with pytest.raises(error, match=text):
            program.feed(bad)
        assert program.n_rows == 2
        np.testing.assert_array_equal(program.value(a), np.ones((2, 2)))


@pytest.mark.parametrize("n_rows", [0, -1, 6])
def test_a_run_of_no_rows_or_too_many_is_refused(n_rows):
    _, program = _tanh_program(max_batch=5)
    with pytest.raises(ShapeError, match=f"need 1 to 5 rows; got {n_rows}"):
        program.binding.run(0, 1, n_rows)


def test_a_plan_takes_as_much_working_memory_as_its_steps_ask_for():
    """A small network's hardly any: many of them fit into little memory."""
    x, w = Input("x", (BATCH, 4)), Parameter("w", np.ones((4, 3)))
    small = Program([ops.dense(x, w)], ParamStore([w], "float32"), max_batch=32)
    wide = Parameter("w", np.ones((2000, 1000)))
    y = ops.dense(Input("x", (BATCH, 2000)), wide)
    large = Program([y], ParamStore([wide], "float32"), max_batch=512)
    _, none = _tanh_program(max_batch=100)
    assert none.plan.n_scratch == 0
    assert small.plan.n_scratch < 20_000
    assert 1_000_000 < large.plan.n_scratch < 5_000_000


LEAK = """
import resource
import numpy as np
from cnn_core import BATCH, Gate, Input, ParamStore
from cnn_core.errors import StateError
from cnn_core.run.program import Program

class Inner(Gate):
    def forward(self, x):
        for _ in range(1000):
            try:
                binding.train(sources, None, 0, 1, 1, 0, -1, None, None, 0)
            except StateError:
                continue
            raise AssertionError("entered twice")
        return x

x = Input("x", (BATCH, 4))
binding = Program([Inner()(x)], ParamStore([], "float64"), max_batch=1).binding
sources = [(0, 0, "float64", 1.0, 0.0)] * 1000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
binding.run(0, 1, 1)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 20_000, f"{grown} KB"
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss in KB")
def test_a_refused_call_frees_what_it_has_allocated():
    done = subprocess.run([sys.executable, "-c", LEAK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_steps_out_of_range_are_refused():
    _, program = _tanh_program()
    for first, last in ((-1, 1), (0, 9), (1, 0)):
        with pytest.raises(IndexError, match="need steps within"):
            program.binding.run(first, last, 1)
    with pytest.raises(IndexError, match="need a step in"):
        program.plan.replace_kernel(9, 0)
    with pytest.raises(IndexError, match="need a tensor in"):
        program.binding.bind(-1, 0)


def _deep():
    x, t = Input("x", (BATCH, 20)), Input("t", (BATCH,), "int32")
    h = x
    for i, activation in enumerate((ops.relu, ops.tanh, ops.gelu, ops.silu)):
        w = Parameter(f"w{i}", RNG.standard_normal((20, 20)) / 4)
        b = Parameter(f"b{i}", RNG.standard_normal(20))
        h = ops.dropout(activation(ops.dense(h, w, b)), 0.2, name=f"drop{i}") + h
    out = ops.softmax_cross_entropy(h, t, label_smoothing=0.1)
    feeds = {"x": RNG.standard_normal((13, 20)), "t": RNG.integers(0, 20, 13).astype(np.int32)}
    return out, feeds


def _train_program(out, dtype, keep_all):
    parameters = parameters_of([out])
    return Program([out], ParamStore(parameters, dtype), max_batch=16, seeds=[out],
                   targets=parameters, keep_all=keep_all, training=True)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_node_by_node_has_the_bits_of_the_whole_plan(dtype):
    out, feeds = _deep()
    program = _train_program(out, dtype, keep_all=True)
    run = {"seed": 5, "counter": 2}
    found = []
    for node_by_node in (False, True):
        program.feed(feeds)
        if node_by_node:
            for node in program.nodes:
                program.run_node(node, **run)
            for node in reversed(program.nodes):
                program.run_node(node, backward=True, **run)
        else:
            program.run_forward(**run)
            program.run_backward(**run)
        found.append((program.value(out).tobytes(), program.store.grad.tobytes()))
        program.store.grad[:] = np.nan
        for name, (begin, end) in program.store.spans.items():
            program.store.grad[begin + program.store[name].size : end] = 0
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fused_and_kept_programs_agree(dtype):
    out, feeds = _deep()
    found = []
    for keep_all in (False, True):
        program = _train_program(out, dtype, keep_all)
        program.feed(feeds)
        program.run_forward(seed=5, counter=2)
        program.run_backward(seed=5, counter=2)
        found.append((program.value(out).copy(), program.store.grad.copy()))
    rtol = 1e-5 if dtype == "float32" else 1e-13
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_bits_do_not_depend_on_the_number_of_threads(n_threads):
    out, _ = _deep()
    x = {"x": RNG.standard_normal((400, 20)), "t": RNG.integers(0, 20, 400).astype(np.int32)}
    found = []
    for threads in (1, n_threads):
        parameters = parameters_of([out])
        program = Program([out], ParamStore(parameters, "float32"), max_batch=512, seeds=[out],
                          targets=parameters, training=True)  # fmt: skip
        assert program.use_threads(threads) == threads
        program.feed(x)
        program.binding.run(0, program.n_steps, program.n_rows, seed=5, counter=2, n_thread=threads)
        found.append((program.value(out).tobytes(), program.store.grad.tobytes()))
    assert found[0] == found[1]


# -- several callers ---------------------------------------------------------------------------


def _in_threads(work, n=4):
    errors = []

    def guarded(i):
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(old)
    if errors:
        raise errors[0]


def test_predict_from_several_threads():
    net = Sequential([Dense(32, activation="tanh"), Dropout(0.3), Dense(4)], inputs=8)
    data = [np.random.default_rng(i).standard_normal((300, 8)).astype(np.float32) for i in range(4)]
    expected = [net.predict(x) for x in data]

    def work(i):
        for _ in range(60):
            np.testing.assert_array_equal(net.predict(data[i]), expected[i])

    _in_threads(work)


def test_a_program_under_its_lock_from_several_threads():
    _, program = _tanh_program(max_batch=50)
    out = program.outputs[0]

    def work(i):
        value = np.random.default_rng(i).standard_normal((50, 4))
        for _ in range(100):
            with program.lock:
                program.feed({"x": value})
                program.run_forward()
                found = program.value(out).copy()
            np.testing.assert_allclose(found, np.tanh(value), rtol=1e-14)

    _in_threads(work)


def test_a_graph_from_several_threads():
    x, w = Input("x", (BATCH, 64)), Parameter("w", RNG.standard_normal((64, 64)))
    graph = Graph(ops.dense(x, w))
    graph.forward(x=np.zeros((16, 64)))

    def work(i):
        value = np.random.default_rng(i).standard_normal((16, 64))
        for _ in range(100):
            np.testing.assert_allclose(graph.forward(x=value), value @ w.value, atol=1e-11)

    _in_threads(work)


def test_a_program_called_from_within_its_own_run_is_refused():
    _, program = _tanh_program()
    seen = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    def kernel(call):
        try:
            program.run_forward()
        except StateError as error:
            seen.append(str(error))
        return 0

    former = program.plan.replace_kernel(0, ctypes.cast(kernel, ctypes.c_void_p).value)
    program.run_forward()
    assert len(seen) == 1
    assert "called from within its own run" in seen[0]
    program.plan.replace_kernel(0, former)
    program.feed({"x": np.ones((1, 4))})
    program.run_forward()
    np.testing.assert_allclose(program.value(program.outputs[0]), np.tanh(np.ones((1, 4))))


# -- processes and memory ------------------------------------------------------------------------


def _python(code):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True,
                          text=True, timeout=120)  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_after_use_works():
    done = _python("""
        import os
        import numpy as np
        import cnn_core as cnn
        cnn.set_num_threads(2)
        net = cnn.Sequential([cnn.Dense(256, activation="relu"), cnn.Dense(4)], inputs=128)
        trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam())
        x = np.random.default_rng(0).standard_normal((64, 128)).astype("f4")
        y = np.zeros(64, np.int32)
        for _ in range(3):
            trainer.step(x, y)
        before = net.predict(x)
        pid = os.fork()
        if pid == 0:
            ok = np.array_equal(net.predict(x), before)
            ok = ok and np.isfinite(trainer.step(x, y))
            os._exit(0 if ok else 1)
        trainer.step(x, y)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        print("done")
    """)
    assert done.stdout.strip() == "done", done.stderr


def test_memory_that_is_not_there_is_a_memory_error():
    for rows in (10**12, 10**17):
        with pytest.raises(MemoryError):
            _tanh_program(max_batch=rows)


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_a_failed_allocation_leaves_the_graph_as_it_was():
    done = _python("""
        import resource
        import numpy as np
        from cnn_core import BATCH, Graph, Input, ops
        x = Input("x", (BATCH, 1))
        y = x
        for _ in range(64):
            y = ops.tanh(y)
        graph = Graph(y)
        before = graph.forward(x=np.ones((4, 1)))
        big = np.ones((1 << 20, 1))
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), resource.RLIM_INFINITY))
        try:
            graph.forward(x=big)
        except MemoryError:
            print("MemoryError")
        assert np.array_equal(graph.forward(x=np.ones((4, 1))), before)
        print("done")
    """)
    assert done.stdout.split() == ["MemoryError", "done"], done.stderr


def test_making_a_program_leaves_the_gradients_of_a_shared_store():
    """Another graph over the store may have made them, in another thread too."""
    x, w, b = Input("x", (BATCH, 3)), Parameter("w", np.ones((3, 5))), Parameter("b", np.ones(5))
    store = ParamStore([w, b], "float32")
    store.grad[:] = 7
    y = ops.dense(x, w, b)
    program = Program([y], store, max_batch=8, seeds=[y], targets=[w, b])
    program.use_threads(2)
    assert (store.grad == 7).all()
