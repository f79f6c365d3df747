"""Forks: the child goes on with what the parent had, whatever other threads were doing."""

from __future__ import annotations

import sys

import pytest
from training_cases import run_checked

from cnn_core._ext import core

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system"),
    pytest.mark.skipif(
        core.gemm_mode() == "blas", reason="only own kernels promise the same bits"
    ),
]

FORK = """
import hashlib, os, threading, warnings
import numpy as np
import cnn_core as cnn
warnings.simplefilter("ignore")
cnn.set_num_threads(3)

def make(seed):
    net = cnn.Sequential([cnn.Dense(140, "relu"), cnn.Dense(10)], 131, seed=seed)
    return cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), seed=seed)

rng = np.random.default_rng(0)
x, y = rng.standard_normal((600, 131)).astype("f"), rng.integers(0, 10, 600)

def go(trainer):
    trainer.fit(x, y, batch_size=200, epochs=3, progress=False)
    predicted = trainer.net.predict(x)
    return hashlib.sha256(trainer.net.store.value.tobytes() + predicted.tobytes()).hexdigest()

def in_child(work):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, work().encode())
        finally:
            os._exit(0)
    os.close(write)
    text = os.read(read, 100).decode()
    assert os.waitpid(child, 0)[1] == 0
    return text
"""


def test_child_of_a_fork_trains_on_with_old_and_new_networks():
    run_checked(FORK + """
reference = make(0)
expected = go(reference), go(reference), go(make(1))
trainer = make(0)
assert go(trainer) == expected[0]
assert in_child(lambda: go(trainer)) == expected[1]        # goes on with a network from before
assert in_child(lambda: go(make(1))) == expected[2]        # and with a new one
assert in_child(lambda: in_child(lambda: go(trainer))) == expected[1]
assert go(trainer) == expected[1]                          # the parent is as it was
""")  # fmt: skip


def test_fork_while_another_thread_trains():
    run_checked(FORK + """
expected = go(make(1))
stop = False
def busy():
    trainer = make(0)
    while not stop:
        go(trainer)
thread = threading.Thread(target=busy)
thread.start()
for _ in range(8):
    assert in_child(lambda: go(make(1))) == expected
stop = True
thread.join()
assert go(make(1)) == expected
""")


SLOW = """
import os, threading, traceback
import numpy as np
import cnn_core as cnn

class Slow(cnn.Gate):
    inside, go_on = threading.Event(), threading.Event()
    def forward(self, x):
        Slow.inside.set()
        assert Slow.go_on.wait(60)
        return x
    def backward(self, dy):
        return dy

def in_child_meanwhile(busy, work):
    thread = threading.Thread(target=busy)
    thread.start()
    assert Slow.inside.wait(60)
    child = os.fork()
    if child == 0:
        Slow.go_on = threading.Event()      # the parent's has a lock of its own
        Slow.go_on.set()
        try:
            work()
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    Slow.go_on.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    work()

x, y = np.ones((40, 6), "f"), np.arange(40) % 3
net = cnn.Sequential([cnn.Dense(8), Slow(), cnn.Dense(3)], 6)
trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy())
product = cnn.Input("x", (cnn.BATCH, 6)) * cnn.Parameter("w", np.ones(6))
graph = cnn.Graph(cnn.ops.sum(Slow()(product)))
def fit():
    trainer.fit(x, y, epochs=2, progress=False)
def step():
    trainer.step(x, y)
"""


@pytest.mark.parametrize(
    ("busy", "work"),
    [
        ("fit", "fit"), ("fit", "step"), ("step", "fit"),
        ("lambda: net.predict(x)", "lambda: net.predict(x)"),
        ("lambda: trainer.evaluate(x, y)", "lambda: trainer.evaluate(x, y)"),
        ("lambda: graph.forward(x=x)", "lambda: (graph.forward(x=x), graph.backward())"),
        ("lambda: graph.step(cnn.SGD(0.1), x=x)", "lambda: graph.step(cnn.SGD(0.1), x=x)"),
    ],
)  # fmt: skip
def test_child_of_a_fork_uses_what_another_thread_was_using(busy, work):
    """The thread does not live on in the child; what it held is free there."""
    run_checked(SLOW + f"in_child_meanwhile({busy}, {work})")


def test_child_of_a_fork_from_within_a_run_still_holds_what_it_holds():
    run_checked("""
import os
import numpy as np
import cnn_core as cnn
class Forks(cnn.Gate):
    def forward(self, x):
        child = os.fork()
        if child == 0:
            try:
                graph.forward(x=1.0)
            except cnn.errors.StateError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        return x
graph = cnn.Graph(Forks()(cnn.Input("x")))
assert graph.forward(x=2.0) == 2.0
""")


def test_child_of_a_fork_uses_threads_again():
    run_checked(FORK + """
def n_threads():
    return str(len(os.listdir("/proc/self/task")))
if os.path.isdir("/proc/self/task"):
    trainer = make(0)
    program = trainer._program(trainer._data(x, y, None, "t"), 200, training=True)
    program.pace.next = lambda: (2, 3)
    go(trainer)
    assert n_threads() == "3", n_threads()
    def work():
        before = n_threads()
        go(trainer)
        return before + n_threads()
    assert in_child(work) == "13"
""", OPENBLAS_NUM_THREADS="1")  # fmt: skip
