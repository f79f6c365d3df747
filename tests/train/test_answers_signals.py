"""Ctrl-C is answered soon, however many rows are at work."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from interrupting import least_until_answered, signal_after, work_of, work_until_answered

import cnn_core as cnn

N = 150_000
SOON = 1 / 20
"""Of the work of a prediction of all rows; the others take more, or a third of it."""

CALLS = {
    "predict": lambda t, x, y: t.net.predict(x),
    "predict of columns in Fortran's order": lambda t, x, y: t.net.predict(np.asfortranarray(x)),
    "predict of bytes": lambda t, x, y: t.net.predict(x.view(np.uint8)[:, ::4]),
    "evaluate": lambda t, x, y: t.evaluate(x, y),
    "validation": lambda t, x, y: t.fit(x[:64], y[:64], validation_data=(x, y), progress=False),
    "fit": lambda t, x, y: t.fit(x, y, batch_size=128, progress=False),
    "fit of one batch": lambda t, x, y: t.fit(x[:20_000], y[:20_000], batch_size=20_000,
                                              progress=False),
    "step": lambda t, x, y: t.step(x[:20_000], y[:20_000]),
}


@pytest.fixture(scope="module")
def task():
    """Return a trainer, and rows that take some three million operations each."""
    layers = [cnn.Dense(1200, "relu"), cnn.Dense(1200, "relu"), cnn.Dense(10)]
    net = cnn.Sequential(layers, 48, input_shift=0.5)
    x = np.random.default_rng(0).standard_normal((N, 48)).astype(np.float32)
    return cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy()), x, np.arange(N) % 10


@pytest.fixture(scope="module")
def work(task) -> float:
    """Return the work of a prediction of all rows, by that of a fiftieth of them."""
    trainer, x, _ = task
    return 50 * work_of(lambda: trainer.net.predict(x[: N // 50]))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a timer that counts work")
@pytest.mark.parametrize("call", CALLS)
def test_interrupt_is_answered_within_a_twentieth_of_the_work(task, call, work):
    soon = SOON * work
    assert least_until_answered(lambda: CALLS[call](*task), work / 16, soon) < soon


@pytest.mark.skipif(sys.platform == "win32", reason="needs a timer that counts work")
def test_step_that_is_broken_off_is_not_made(task, work):
    trainer, x, y = task
    trainer.step(x[:20_000], y[:20_000])  # from now on the short way serves it
    before, count = trainer.net.store.value.copy(), trainer.optimizer.step_count
    work_until_answered(lambda: CALLS["step"](*task), work / 16)
    assert np.array_equal(trainer.net.store.value, before)
    assert trainer.optimizer.step_count == count


def test_rows_in_pieces_have_the_bits_of_rows_at_once(task):
    """Whatever the blocks that pieces are made of."""
    trainer, x, _ = task
    found = trainer.net.predict(x[:5000])
    for at in (0, 1, 1024, 4096, 4999):
        assert np.array_equal(trainer.net.predict(x[at : at + 1]), found[at : at + 1])
    assert np.array_equal(trainer.net.predict(x[1000:3000]), found[1000:3000])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a timer that counts work")
def test_handler_of_a_signal_may_predict_with_the_same_network(task, work):
    x = task[1]
    net = cnn.Sequential([cnn.Dense(1200, "relu"), cnn.Dense(1200)], 48)
    expected, found = net.predict(x[:3]), []
    with signal_after(work / N * 1000, lambda *_: found.append(net.predict(x[:3]))):
        net.predict(x[:5000])
    assert len(found) == 1
    assert np.array_equal(found[0], expected)
