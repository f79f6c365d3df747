"""All that may run at once, at once: trainings, predictions, graphs, settings, forks.

Each must give what it gives alone.  ``bash .ci/sanitize thread`` runs this under ThreadSanitizer,
which sees races also where they happen to do no harm.  Left out, as documented: `predict` of a
network while the same network is trained, which may see weights of which some are updated.
"""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from test_forks import FORK
from test_thread_company import at_once, digest
from training_cases import AllThreads, run_checked, set_threads

import cnn_core as cnn
from cnn_core._ext import core
from cnn_core.compile import schedule
from cnn_core.train import batches

pytestmark = pytest.mark.skipif(
    core.gemm_mode() == "blas", reason="only own kernels promise the same bits"
)
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((240, 40)).astype(np.float32), RNG.integers(0, 6, 240)


@pytest.fixture(autouse=True)
def _all_divided(monkeypatch):
    """Use all threads for everything, and divide narrow layers by columns too."""
    monkeypatch.setattr(batches, "Pace", AllThreads)
    monkeypatch.setattr(schedule, "COLUMN_WEIGHTS", 1)
    monkeypatch.setattr(schedule, "MIN_FLOP", 1.0)
    set_threads(3)
    yield
    cnn.set_num_threads(None)


def network(hidden: int, seed: int) -> cnn.Sequential:
    layers = [cnn.Dense(hidden, "relu"), cnn.Dropout(0.2), cnn.Dense(33, "tanh"), cnn.Dense(6)]
    return cnn.Sequential(layers, 40, seed=seed)


def train(rows: int, hidden: int, seed: int) -> str:
    """Train with batches of ``rows``: few are divided by columns, many by rows."""
    trainer = cnn.Trainer(
        network(hidden, seed), loss=cnn.SoftmaxCrossEntropy(), seed=seed, metrics=["accuracy"],
        optimizer=cnn.Adam(clip_norm=0.5),
    )  # fmt: skip
    trainer.fit(X, Y, batch_size=rows, epochs=6, progress=False, validation_data=(X[:70], Y[:70]))
    trainer.step(X[:rows], Y[:rows])
    trainer.evaluate(X, Y)
    return digest(trainer)


def learn(seed: int) -> bytes:
    """Make steps of a graph of one's own, and look at all that it computes."""
    x, t = cnn.Input("x", (cnn.BATCH, 40)), cnn.Input("t", (cnn.BATCH,), "int32")
    w = cnn.Parameter("w", np.random.default_rng(seed).standard_normal((40, 6)) / 8)
    graph = cnn.Graph(cnn.ops.softmax_cross_entropy(cnn.ops.dense(x, w), t), dtype="float32")
    optimizer = cnn.Adam()
    for at in [0, 40, 80, 120] * 5:
        graph.step(optimizer, x=X[at : at + 40], t=Y[at : at + 40])
        graph.forward(x=X, t=Y)
        graph.backward()
    return graph.params.value.tobytes() + graph.params.grad.tobytes()


JOBS = [lambda: train(96, 70, 0), lambda: train(16, 90, 1), lambda: train(96, 64, 2),
        lambda: learn(3), lambda: learn(4)]  # fmt: skip


def test_trainings_predictions_and_graphs_at_once_are_as_they_are_alone():
    net = network(80, 5)
    alone = [job() for job in JOBS]
    expected = net.predict(X)
    done = threading.Event()

    def settings() -> None:
        while not done.wait(0.01):
            for n in (1, 2, 4, 3):
                set_threads(n)

    def predict() -> bool:
        """Predict with a network that others predict with, rows alone and together."""
        for _ in range(30):
            for rows in (1, 9, 240):
                assert np.array_equal(net.predict(X[:rows]), expected[:rows])
        return True

    def work() -> list:
        try:
            return at_once([*JOBS, predict, predict])
        finally:
            done.set()

    found, _ = at_once([work, settings])
    assert found == [*alone, True, True]


def test_one_graph_and_one_trainer_used_by_several_threads():
    x = cnn.Input("x", (cnn.BATCH, 40))
    w = cnn.Parameter("w", RNG.standard_normal((40, 33)))
    graph = cnn.Graph(cnn.ops.tanh(cnn.ops.dense(x, w)), dtype="float32")
    trainer = cnn.Trainer(network(50, 0), loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.SGD(0.01))
    expected = [graph.forward(x=X[:rows]) for rows in (48, 240)]

    def forward() -> None:
        for _ in range(10):
            for y in expected:
                assert np.array_equal(graph.forward(x=X[: len(y)]), y)

    at_once([forward, forward, *[lambda: [trainer.step(X, Y) for _ in range(5)]] * 2])
    assert trainer.optimizer.step_count == 10


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")
def test_forks_while_others_train_and_predict():
    run_checked(FORK + """
net = make(2).net
expected, predicted = go(make(1)), net.predict(x)
stop = False
def busy(work):
    while not stop:
        work()
def predict():
    assert np.array_equal(net.predict(x), predicted)
threads = [threading.Thread(target=busy, args=(f,)) for f in (lambda: go(make(0)), predict)]
for t in threads:
    t.start()
try:
    for _ in range(4):
        assert in_child(lambda: go(make(1))) == expected
finally:
    stop = True
for t in threads:
    t.join()
""")  # fmt: skip
