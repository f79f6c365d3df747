"""A large graph's forward, backward and step use the threads, to the same bits."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from gates import Relu

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core._ext import core
from cnn_core.compile import schedule

needs_own_products = pytest.mark.skipif(
    core.gemm_mode() == "blas", reason="sums of BLAS depend on how they are divided"
)


@pytest.fixture(autouse=True)
def _threads(recwarn):
    """More threads than cores warn."""
    yield
    cnn.set_num_threads(None)


def mixed(rng, rows: int, dtype: str, gate=ops.relu) -> tuple[Graph, dict[str, np.ndarray]]:
    """Return a graph with products, norms, sums over the batch, a used-again parameter, dropout."""
    n_in, width = (int(2 ** rng.uniform(4, 8)) for _ in range(2))
    x, y = Input("x", (BATCH, n_in)), Input("y", (BATCH, width))
    w = Parameter("w", rng.standard_normal((n_in, width)) / n_in**0.5)
    v = Parameter("v", rng.standard_normal((width, width)) / width**0.5)
    scale, shift = Parameter("scale", np.ones(width)), Parameter("shift", np.zeros(width))
    h = gate(ops.dense(x, w))
    h = ops.dropout(ops.layer_norm(ops.dense(h, v) + h, scale, shift), rate=0.2, key=3)
    h = ops.tanh(ops.dense(h - ops.mean(h, axis=0), v)) * scale
    graph = Graph([ops.mean(ops.square(h - y)), h], dtype=dtype, training=True)
    feed = {"x": rng.standard_normal((rows, n_in)), "y": rng.standard_normal((rows, width))}
    return graph, {k: a.astype(dtype) for k, a in feed.items()}


def everything(graph: Graph, feed: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Return the bits of all that forward, backward and a step make."""
    graph._counter = 0
    outputs = graph.forward(**feed)
    found = graph.backward({graph.outputs[0]: 1.0})
    reals = [n for n in graph.nodes_topologically_sorted() if n.dtype == "real"]
    made = {f"value {n.name} {i}": graph.value(n) for i, n in enumerate(reals)}
    made |= {f"gradient {n.name} {i}": graph.grad(n) for i, n in enumerate(reals)}
    made |= found | {f"output {i}": y for i, y in enumerate(outputs)}
    before = {name: array.copy() for name, array in graph.params.items()}
    made["loss"], made["h"] = graph.step(cnn.SGD(lr=0.1), **feed)
    made |= {f"{name} after": array.copy() for name, array in graph.params.items()}
    for name, array in before.items():
        graph.params[name][...] = array
    return {name: np.asarray(a).tobytes() for name, a in made.items()}


@needs_own_products
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 37, 1000])
def test_all_ways_have_the_bits_of_one_thread(rows, dtype, monkeypatch):
    monkeypatch.setattr(schedule, "MIN_FLOP", 1.0)
    rng = np.random.default_rng(rows)
    graph, feed = mixed(rng, rows, dtype)
    graph.forward(**feed)
    graph._runner = None  # the short way has one thread
    found = {}
    for n in (1, 2, 3):
        cnn.set_num_threads(n)
        found[n] = everything(graph, feed)
        if n > 1:
            assert graph.program.n_threads == graph._stepping.program.n_threads == n
    for n in (2, 3):
        assert [name for name in found[1] if found[n][name] != found[1][name]] == []


def test_forward_backward_and_step_are_tried_with_all_threads_and_with_one():
    graph, feed = mixed(np.random.default_rng(0), 2000, "float32")
    cnn.set_num_threads(2)
    for _ in range(2):
        graph.forward(**feed)
        graph.backward({graph.outputs[0]: 1.0})
        graph.step(cnn.SGD(lr=1e-9), **feed)
    tried = {**graph.program._paces, **graph._stepping.program._paces}
    assert tried.keys() == {"forward", "backward", "step"}
    assert all(pace._trials.keys() == {1, 2} for pace in tried.values())
    assert all(min(pace._trials.values()) for pace in tried.values())


def test_few_rows_of_a_graph_compiled_for_many_use_one_thread():
    graph, feed = mixed(np.random.default_rng(0), 2000, "float32")
    cnn.set_num_threads(1)
    graph.forward(**feed)
    cnn.set_num_threads(2)
    graph.forward(**{name: array[:2] for name, array in feed.items()})
    assert graph.program._paces == {}


def test_a_gate_runs_on_the_thread_that_called():
    called = set()

    class Spy(Relu):
        def forward(self, h):
            called.add(threading.get_ident())
            return super().forward(h)

        def backward(self, dy):
            called.add(threading.get_ident())
            return super().backward(dy)

    graph, feed = mixed(np.random.default_rng(0), 2000, "float32", gate=Spy())
    cnn.set_num_threads(2)
    for _ in range(2):
        graph.forward(**feed)
        graph.backward({graph.outputs[0]: 1.0})
    assert graph.program.n_threads == 2
    assert called == {threading.get_ident()}
