"""lr_find: what it trains, where it ends, what it suggests, and that nothing is changed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from training_cases import blobs, make_net, make_trainer

import cnn_core as cnn
from cnn_core.errors import DataError, OptionError
from cnn_core.optim import SGD, Adam, CosineDecay
from cnn_core.train.lr_find import steepest

X, Y = blobs(300)


def test_each_step_is_that_of_a_training_at_its_rate():
    trainer = make_trainer(make_net(dropout=0.2), optimizer=SGD(lr=0.3, momentum=0.9), seed=3)
    found = trainer.lr_find(X, Y, low=1e-3, high=1.0, steps=15, batch_size=32)
    rates = np.geomspace(1e-3, 1, 15)
    np.testing.assert_array_equal(found.rates, rates[: len(found.rates)])
    trainer.optimizer.lr = lambda step: rates[min(step, 14)]
    losses = []
    for epoch in (0, 1):
        trainer.epochs_done = epoch
        order = trainer._row_order(len(X))
        losses += [trainer.step(X[r], Y[r]) for r in order[:288].reshape(9, 32)]
    np.testing.assert_array_equal(found.losses, losses[: len(found.losses)])
    assert len(found.losses) > 9


@pytest.mark.parametrize("lr", [0.01, CosineDecay(0.1, 50)], ids=str)
def test_the_trainer_stays_as_it_is_to_the_bit(lr):
    trainer, other = (make_trainer(make_net(dropout=0.2), optimizer=Adam(lr=lr)) for _ in "ab")
    for each in (trainer, other):
        each.fit(X, Y, epochs=2, progress=False)
    before = pickle.dumps(trainer)
    assert trainer.lr_find(X, Y, high=100.0, steps=60).exploded
    assert pickle.dumps(trainer) == before
    for each in (trainer, other):
        each.fit(X, Y, epochs=1, progress=False)
        each.step(X[:50], Y[:50])
    assert trainer.net.store.value.tobytes() == other.net.store.value.tobytes()
    assert trainer.optimizer.lr is lr


def test_the_suggestion_trains_and_lies_below_the_rate_at_which_the_loss_explodes():
    trainer = make_trainer(optimizer=SGD(lr=1e-9))
    found = trainer.lr_find(X, Y, low=1e-5, high=1e4, steps=150)
    assert found.exploded
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 150
    assert 1e-3 < found.suggestion < found.rates[-1] / 3
    trainer.optimizer.lr = found.suggestion
    history = trainer.fit(X, Y, epochs=5, progress=False)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert repr(found) == (f"RangeTest: {len(found.rates)} steps at rates 1e-05 to "
                           f"{found.rates[-1]:.2g}, where the loss exploded; suggestion "
                           f"{found.suggestion:.2g}")  # fmt: skip


def test_losses_below_zero_and_such_as_overflow_end_it_too():
    x, t = np.random.default_rng(0).standard_normal((2, 256))
    net = cnn.Sequential([cnn.Dense(2)], 1, seed=0)
    trainer = cnn.Trainer(net, loss="gaussian_nll", optimizer=SGD(), guard=None)
    found = trainer.lr_find(x[:, None], 0.01 * t, low=1e-4, high=1e15, steps=300)
    assert found.exploded
    assert found.smoothed.min() < 0
    assert np.isfinite(found.losses).all()
    flat = make_trainer().lr_find(X, Y, low=1e-12, high=2e-12, steps=30)
    assert not flat.exploded
    assert len(flat.losses) == 30


def test_where_a_loss_does_not_fall_there_is_no_suggestion():
    rates = np.geomspace(1e-5, 1, 50)
    assert steepest(rates, np.linspace(1, 2, 50)) is None
    fall = 1 / (1 + np.exp(np.arange(50) - 30.0)) + (np.arange(50) > 42)
    assert steepest(rates, fall) == rates[30]


def test_the_first_loss_that_is_not_finite_is_an_error():
    trainer = make_trainer()
    trainer.net.store.value[:] = np.nan
    with pytest.raises(DataError, match="need a finite"):
        trainer.lr_find(X, Y)


def test_the_picture(tmp_path):
    figure_module = pytest.importorskip("matplotlib.figure")
    found = make_trainer().lr_find(X, Y, steps=40)
    found.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes()[:4] == b"\x89PNG"
    axis = figure_module.Figure().add_subplot()
    assert found.plot(ax=axis) is axis.figure
    assert axis.get_xscale() == "log"
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), found.losses)


@pytest.mark.parametrize(("options", "words"), [
    ({"low": 1.0, "high": 0.1}, "lr_find: need low < high; got 1 and 0.1"),
    ({"low": 0}, "lr_find: need low, a number in"), ({"steps": 1}, "lr_find: need steps, a whole"),
    ({"batch_size": 0}, "lr_find: batch_size: need a whole number"),
    ({"class_weight": {9: 1}}, "lr_find: class_weight: need classes that occur"),
])  # fmt: skip
def test_bad_options_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        make_trainer().lr_find(X, Y, **options)


def test_a_small_fall_between_two_steps_is_not_the_steepest():
    rates = np.geomspace(1e-6, 1, 200)
    smooth = 1 - 0.5 / (1 + np.exp(-(np.arange(200) - 100) / 8))  # falls most at step 100
    smooth[150:] -= 0.05  # at once, and more than any other two neighbours
    assert 95 <= int(np.flatnonzero(rates == steepest(rates, smooth))[0]) <= 105
