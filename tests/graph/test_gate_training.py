"""Gates in networks: training, threads, prediction, pickles, forks."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from gates import Multiply, Relu, Scale, Square, trainer_of, wide_network

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops

HERE = Path(__file__).resolve().parent


@pytest.fixture
def threads():
    def use(n):
        cnn.set_num_threads(n)

    yield use
    cnn.set_num_threads(None)


def trained(activation, n_threads, use):
    use(n_threads)
    net, x, y = wide_network(activation)
    trainer = trainer_of(net)
    trainer.fit(x, y, batch_size=64, epochs=2, progress=False)
    losses = [trainer.step(x, y) for _ in range(3)]
    return net, losses, next(iter(trainer._programs.values())).program.n_threads


def test_a_gate_gives_the_bits_of_the_same_arithmetic_in_c(threads):
    plain, expected, _ = trained("relu", 1, threads)
    for n in (1, 2):
        net, losses, used = trained(Relu(), n, threads)
        assert used == n, "the network is to be large enough for threads"
        assert losses == expected
        for name in plain.params:
            assert net.params[name].tobytes() == plain.params[name].tobytes(), name


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_parameter_behind_gates_and_other_operations(n_threads, threads):
    """The gate's contribution comes before those that wait for the whole batch."""
    threads(n_threads)

    class Mixed(cnn.nn.layers.Layer):
        def __init__(self, product):
            super().__init__()
            self.product = product

        def build(self, x, name, rng):
            w = Parameter(f"{name}.w", rng.standard_normal((64, 64)) * 0.1)
            return ops.dense(x, w) + ops.dense(x, self.product(w, w)) + ops.sum(w)

    found = []
    for product in (Multiply, ops.mul):
        net = cnn.Sequential([cnn.Dense(64), Mixed(product), cnn.Dense(3)], inputs=32,
                             dtype="float64", seed=3)  # fmt: skip
        _, x, y = wide_network("relu")
        trainer = trainer_of(net, cnn.SGD(lr=0.01))
        for _ in range(3):
            trainer.step(x.astype(np.float64), y)
        found.append({k: v.copy() for k, v in net.params.items()})
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("call", ["predict", "evaluate"])
def test_prediction_leaves_the_state_of_a_gate_alone(call):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 2))
    between = []

    class Curious(Square):
        def backward(self, dy):
            between[-1]()
            return super().backward(dy)

    found = []
    for disturb in (False, True):
        gate = Curious()
        net = cnn.Sequential([cnn.Dense(2), gate], inputs=3, dtype="float64", seed=0)
        trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD(lr=0.01))
        more = {"predict": lambda net=net: net.predict(x[:3] + 1),
                "evaluate": lambda trainer=trainer: trainer.evaluate(x[:3] + 1, y[:3])}  # fmt: skip
        between.append(more[call] if disturb else lambda: None)
        for _ in range(3):
            trainer.step(x, y)
        assert len(gate.seen) == 3
        found.append(net.store.value.tobytes())
    assert found[0] == found[1]


def test_prediction_sees_what_training_has_taught_a_gate():
    class Centre(cnn.Gate):
        mean = 0.0

        def forward(self, x):
            self.mean = 0.5 * self.mean + 0.5 * x.mean()
            return x - self.mean

        def backward(self, dy):
            return dy

    gate = Centre()
    net = cnn.Sequential([cnn.Dense(2), gate], inputs=3, dtype="float64", seed=0)
    x = np.random.default_rng(0).standard_normal((8, 3))
    first = net.predict(x)
    trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD(lr=1e-30))
    for _ in range(3):
        trainer.step(x, np.zeros((8, 2)))
    learnt = gate.mean
    assert learnt != 0
    assert not np.array_equal(net.predict(x), first)
    assert gate.mean == learnt


def test_a_gate_is_a_layer():
    w = cnn.Sequential([cnn.Dense(4), Scale(3.0), cnn.Dense(2)], inputs=3, dtype="float64", seed=0)
    p = cnn.Sequential([cnn.Dense(4), cnn.Dense(2)], inputs=3, dtype="float64", seed=0)
    p.set_params(dict(zip(p.params, w.params.values(), strict=True)))
    x = np.random.default_rng(0).standard_normal((5, 3))
    bias = w.params["dense_1.b"]
    np.testing.assert_allclose(w.predict(x) - bias, 3 * (p.predict(x) - bias), rtol=1e-12)
    np.testing.assert_allclose(w.predict(x[0]), w.predict(x)[0], rtol=1e-12)


def test_a_network_with_a_gate_can_be_pickled():
    net, x, y = wide_network(Relu())
    trainer = trainer_of(net)
    trainer.step(x, y)
    again = pickle.loads(pickle.dumps(net))
    assert again.predict(x).tobytes() == net.predict(x).tobytes()
    other = trainer_of(again)
    assert other.step(x, y) == pytest.approx(trainer.evaluate(x, y)["loss"], rel=1e-5)
    assert again.predict(x).tobytes() != net.predict(x).tobytes()


def test_two_python_threads_with_gates_on_the_pool_do_not_lock_each_other_out(threads):
    threads(2)
    expected, found, errors = [], {}, []

    def train(key):
        try:
            net, x, y = wide_network(Relu(), seed=key)
            trainer = trainer_of(net)
            trainer.fit(x, y, batch_size=64, epochs=5, progress=False)
            found[key] = net.predict(x).tobytes()
        except BaseException as error:
            errors.append(error)

    for key in range(2):
        train(key)
        expected.append(found.pop(key))
    workers = [threading.Thread(target=train, args=(key,), daemon=True) for key in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not errors
    assert [found.get(key) for key in range(2)] == expected


NESTED = """
import numpy as np
import cnn_core as cnn
from gates import Relu, trainer_of, wide_network

cnn.set_num_threads(2)

class Ask(Relu):
    def forward(self, h):
        other, x, _ = wide_network("relu")
        other.predict(x)  # compiled here: it asks for threads while this one has the pool
        return super().forward(h)

net, x, y = wide_network(Ask())
trainer = trainer_of(net)
trainer.fit(x, y, batch_size=256, epochs=12, progress=False)
program = next(iter(trainer._programs.values())).program
assert program.n_threads == 2
program.binding.run(0, program.n_forward, 256, n_thread=2)
program.binding.run(0, program.n_steps, 256, n_thread=2)
print("done")
"""


def test_a_gate_on_the_pool_may_predict_with_another_network_that_wants_it():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NESTED], timeout=120, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(HERE)}, check=False,
    )  # fmt: skip
    assert done.stdout == "done\n", done.stderr


def _in_child(queue, graph):
    queue.put((graph.forward(x=3.0, y=4.0), graph.backward()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_gate_works_in_a_forked_child():
    graph = Graph(Multiply(Input("x"), Input("y")))
    graph.forward(x=1.0, y=2.0)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue, graph))
    child.start()
    value, gradients = queue.get(timeout=60)
    child.join(60)
    assert value == 12.0
    assert gradients == {"x": 4.0, "y": 3.0}
    assert graph.backward() == {"x": 2.0, "y": 1.0}


def test_a_gate_runs_on_the_thread_that_runs_the_graph():
    seen = []

    class Where(Scale):
        def forward(self, x):
            seen.append(threading.get_ident())
            return super().forward(x)

    net = cnn.Sequential([cnn.Dense(64), Where()], inputs=64)
    net.predict(np.ones((300, 64), np.float32))
    graph = Graph(ops.sum(Where()(Input("x", (BATCH, 2)))))
    worker = threading.Thread(target=lambda: graph.forward(x=np.ones((2, 2))))
    worker.start()
    worker.join(60)
    assert seen[:-1] == [threading.get_ident()] * (len(seen) - 1)
    assert seen[-1] == worker.ident
