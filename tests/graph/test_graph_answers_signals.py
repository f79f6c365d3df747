"""Ctrl-C ends a long run of a graph soon, and leaves it whole."""

from __future__ import annotations

import signal
import sys
import threading

import numpy as np
import pytest
from interrupting import least_until_answered, signal_after, work_of

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import StateError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a timer that counts work")

ROWS, WIDTH, DEPTH = 2048, 2048, 6
SOON = 1 / 5
"""Of the work of a forward run; the others take more."""


@pytest.fixture(scope="module")
def task():
    """Return a graph of six products of 17 billion operations, its rows, and its work."""
    rng = np.random.default_rng(0)
    w = Parameter("w", rng.standard_normal((WIDTH, WIDTH), np.float32) / WIDTH**0.5)
    h = Input("x", (BATCH, WIDTH))
    for _ in range(DEPTH):
        h = ops.dense(h, w)
    graph = Graph(ops.mean(ops.square(h)), dtype="float32")
    x = rng.standard_normal((ROWS, WIDTH), np.float32)
    work = 8 * work_of(lambda: graph.forward(x=x[: ROWS // 8]))
    cnn.set_num_threads(1)
    graph.forward(x=x)
    yield graph, x, work
    cnn.set_num_threads(None)


def answers_soon(call, work: float) -> bool:
    return least_until_answered(call, work / 12, SOON * work) < SOON * work


@pytest.mark.parametrize("threads", [1, 2])
def test_backward_and_step_are_broken_off_whole(task, threads):
    graph, x, work = task
    cnn.set_num_threads(threads)
    if not graph.has_values:
        graph.forward(x=x)
    assert answers_soon(graph.backward, work)
    assert (graph.has_values, graph.has_gradients) == (True, False)
    before, optimizer = graph.params["w"].copy(), cnn.Adam()
    assert answers_soon(lambda: graph.step(optimizer, x=x), work)
    assert optimizer.step_count == 0
    assert np.array_equal(graph.params["w"], before)


@pytest.mark.parametrize("threads", [1, 2])
def test_forward_that_was_broken_off_has_no_values(task, threads):
    graph, x, work = task
    cnn.set_num_threads(threads)
    assert answers_soon(lambda: graph.forward(x=x), work)
    assert not graph.has_values
    with pytest.raises(StateError, match="backward: need forward first"):
        graph.backward()


@pytest.mark.parametrize("threads", [1, 2])
def test_handler_of_a_signal_may_run_other_graphs_and_what_it_raises_comes_out(task, threads):
    graph, x, work = task
    found = []
    other = Graph(ops.square(Input("y", (BATCH, 3))))

    def handler(*_):
        other.forward(y=np.ones((4, 3)))
        found.append(np.full(4, 1e-300) * 1e-10)  # a number that the core flushes to zero
        if len(found) == 2:
            raise TimeoutError("enough")
        signal.setitimer(signal.ITIMER_PROF, work / 12)

    cnn.set_num_threads(threads)
    with signal_after(work / 12, handler), pytest.raises(TimeoutError, match="enough"):
        graph.forward(x=x)
    assert len(found) == 2
    assert np.all(found[0] > 0)


def test_another_thread_than_the_main_one_runs_to_its_end(task):
    """Python handles signals on its main thread alone."""
    graph, x, _ = task
    done = threading.Thread(target=lambda: graph.forward(x=x))
    done.start()
    done.join()
    assert graph.has_values
