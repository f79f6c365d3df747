"""Threads of Python, and threads that the system refuses."""

from __future__ import annotations

import hashlib
import sys
import threading

import numpy as np
import pytest
from training_cases import big_net, run_checked, set_threads

import cnn_core as cnn
from cnn_core._ext import core

pytestmark = pytest.mark.skipif(
    core.gemm_mode() == "blas", reason="only own kernels promise the same bits"
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")


@pytest.fixture(autouse=True)
def _default_threads():
    yield
    cnn.set_num_threads(None)


# -- several Python threads ---------------------------------------------------------------


def at_once(functions) -> list:
    """Call functions, each in a thread of its own; return their results in order."""
    results: list = [None] * len(functions)

    def call(i: int) -> None:
        try:
            results[i] = functions[i]()
        except BaseException as error:
            results[i] = error

    running = [threading.Thread(target=call, args=(i,)) for i in range(len(functions))]
    for t in running:
        t.start()
    for t in running:
        t.join(60)
        assert not t.is_alive(), "a thread hangs"
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def digest(trainer: cnn.Trainer) -> str:
    return hashlib.sha256(trainer.net.store.value.tobytes()).hexdigest()


def job(seed: int):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((400, 90)).astype(np.float32), rng.integers(0, 5, 400)
    net = cnn.Sequential([cnn.Dense(70, "relu"), cnn.Dropout(0.2), cnn.Dense(5)], 90, seed=seed)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), seed=seed)
    for _ in range(3):
        trainer.fit(x, y, batch_size=100, epochs=2, progress=False)
        trainer.step(x[:150], y[:150])
        trainer.evaluate(x, y)
        net.predict(x)
    return digest(trainer)


def test_several_python_threads_train_different_networks_at_once():
    set_threads(3)
    expected = [job(seed) for seed in range(6)]
    found = at_once([lambda seed=seed: job(seed) for seed in range(6)])
    assert found == expected


def test_prediction_with_one_network_from_several_threads():
    set_threads(2)
    net = big_net("odd widths")
    x = np.random.default_rng(0).standard_normal((1500, 131)).astype(np.float32)
    expected = net.predict(x)

    def predict(n: int):
        for _ in range(30):
            part = np.array_equal(net.predict(x[:n]), expected[:n])
            row = np.array_equal(net.predict(x[n - 1]), single[n - 1])
            whole = np.array_equal(net.predict(x[:n].astype(np.float64)), expected[:n])
            assert part
            assert row
            assert whole

    single = {n - 1: net.predict(x[n - 1]) for n in (1, 7, 300, 1500)}
    at_once([lambda n=n: predict(n) for n in (1, 7, 300, 1500)])


def test_threads_may_be_set_while_others_predict():
    run_checked("""
import threading, warnings
import numpy as np, cnn_core as cnn
warnings.simplefilter("ignore")
net = cnn.Sequential([cnn.Dense(140, "relu"), cnn.Dense(10)], 131, seed=0)
x = np.random.default_rng(0).standard_normal((300, 131))
expected = net.predict(x)
done = threading.Event()
def toggle():
    while not done.is_set():
        for n in (1, 2, 3):
            cnn.set_num_threads(n)
thread = threading.Thread(target=toggle)
thread.start()
try:
    assert all(np.array_equal(net.predict(x), expected) for _ in range(200))
finally:
    done.set()
    thread.join()
""")


def test_a_plan_that_is_dropped_as_soon_as_it_is_made_is_made_again():
    class Dropping(cnn.Sequential):
        drops = 2

        def _prepare(self):
            super()._prepare()
            if self.drops:
                self.drops -= 1
                self._forget_plan()

    x = np.random.default_rng(0).standard_normal((30, 13)).astype(np.float32)
    expected = cnn.Sequential([cnn.Dense(5, "relu"), cnn.Dense(3)], 13).predict(x)
    for rows in (x, x.astype(np.float64)):      # the short way and the long one
        net = Dropping([cnn.Dense(5, "relu"), cnn.Dense(3)], 13)
        assert np.array_equal(net.predict(rows), expected)
        assert net.drops == 0


def test_one_trainer_used_by_several_threads_makes_every_step_once():
    x = np.random.default_rng(0).standard_normal((60, 131)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, 10, 60)
    ones = np.ones(60, np.float32)
    trainer, expected = (
        cnn.Trainer(big_net("odd widths"), loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.SGD(0.01))
        for _ in range(2)
    )
    ways = [(x, y), (x, y, ones), (x.tolist(), y), (x, y)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        at_once([lambda way=way: [trainer.step(*way) for _ in range(50)] for way in ways])
    finally:
        sys.setswitchinterval(before)
    for _ in range(200):
        expected.step(x, y)
    assert trainer.optimizer.step_count == 200
    assert trainer.net.store.value == pytest.approx(expected.net.store.value, rel=1e-3, abs=1e-5)


def test_threads_may_be_set_while_others_train():
    """A training that is under way keeps its pace, and a new number of threads its schedule."""
    run_checked("""
import sys, threading, warnings
import numpy as np, cnn_core as cnn
warnings.simplefilter("ignore")
sys.setswitchinterval(1e-6)
rng = np.random.default_rng(0)
x, y = rng.standard_normal((600, 131)).astype("f"), rng.integers(0, 10, 600)
net = cnn.Sequential([cnn.Dense(140, "relu"), cnn.Dense(10)], 131, seed=0)
trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy())
data = trainer._data(x, y, None, "fit")
program = trainer._program(data, 200, training=True)
done = threading.Event()
def toggle():
    while not done.is_set():
        for n in (1, 2, 3, 4):
            cnn.set_num_threads(n)
            trainer._program(data, 200, training=True)  # as another fit or step would
            cnn.Trainer(net, loss=cnn.MSE())            # listens to changes from now on
thread = threading.Thread(target=toggle)
thread.start()
try:
    for _ in range(60):
        trainer.fit(x, y, batch_size=50, epochs=1, progress=False)
        trainer.step(x[:200], y[:200])
finally:
    done.set()
    thread.join()
assert trainer.optimizer.step_count == 60 * 13
assert program.pace.n_threads == program.program.n_threads
""")


# -- threads refused ----------------------------------------------------------------------


@POSIX
def test_threads_refused_by_the_system_mean_fewer_and_one_warning():
    """A stack larger than all memory that the process may have: no thread can start."""
    resource = pytest.importorskip("resource")
    if not sys.platform.startswith("linux"):
        pytest.skip("the stack limit governs new threads on Linux only")
    if resource.getrlimit(resource.RLIMIT_STACK)[1] != resource.RLIM_INFINITY:
        pytest.skip("the stack limit may not be raised here")
    inner = """
import warnings, threading
import numpy as np
import cnn_core as cnn
try:
    threading.Thread(target=int).start()
except RuntimeError:
    pass
else:
    print("threads start")
    raise SystemExit
cnn.set_num_threads(1)
def go():
    net = cnn.Sequential([cnn.Dense(140, "relu"), cnn.Dense(10)], 131, seed=0)
    trainer = cnn.Trainer(net, loss=cnn.MSE())
    trainer.fit(np.ones((300, 131)), np.ones((300, 10)), batch_size=150, epochs=2, progress=False)
    return net.predict(np.ones((300, 131), "f"))
expected = go()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    cnn.set_num_threads(2)
    assert np.array_equal(go(), expected)
    assert np.array_equal(go(), expected)
texts = [str(w.message) for w in caught if "the system gave 1" in str(w.message)]
assert len(texts) == 1, [str(w.message) for w in caught]
"""
    outer = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_STACK, (64 << 30, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.RLIM_INFINITY))
os.execv(sys.executable, [sys.executable, "-c", {inner!r}])
"""
    if run_checked(outer, OPENBLAS_NUM_THREADS="1") == "threads start":
        pytest.skip("this system starts threads all the same")
