"""Trainer: whole runs against NumPy, and what fit, step and evaluate promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_training import LOSSES, NumpyNet
from training_cases import (
    assert_same_state,
    blobs,
    hard_trainer,
    make_net,
    make_trainer,
    state,
)

import cnn_core as cnn
from cnn_core.train import batches

OURS = {
    "cross_entropy": cnn.SoftmaxCrossEntropy(),
    "smoothed": cnn.SoftmaxCrossEntropy(label_smoothing=0.1),
    "ignoring": cnn.SoftmaxCrossEntropy(ignore_index=-1),
    "smoothed_ignoring": cnn.SoftmaxCrossEntropy(label_smoothing=0.2, ignore_index=-1),
    "binary": cnn.BinaryCrossEntropy(),
    "mse": cnn.MSE(),
    "mae": cnn.MAE(),
    "huber": cnn.Huber(delta=0.7),
    "pinball": cnn.Pinball(0.3),
    "poisson": cnn.Poisson(),
    "hinge": cnn.Hinge(),
}


def fit(trainer, x, y, **options):
    options.setdefault("batch_size", 16)
    return trainer.fit(x, y, progress=False, **options)


# -- whole runs against NumPy -------------------------------------------------------------


def targets(loss: str, n: int, outputs: int, rng: np.random.Generator) -> np.ndarray:
    if loss in ("cross_entropy", "smoothed"):
        return rng.integers(0, outputs, n)
    if loss.endswith("ignoring"):
        return np.where(rng.random(n) < 0.3, -1, rng.integers(0, outputs, n))
    if loss == "binary":
        return rng.random((n, outputs))
    if loss == "poisson":
        return rng.poisson(2.0, (n, outputs)).astype(float)
    if loss == "hinge":
        return rng.choice([-1.0, 1.0], (n, outputs))
    return rng.standard_normal((n, outputs))


def compare_with_numpy(
    loss: str, activation: str, optimizer: str, *, outputs: int = 3, weighted: bool = False,
    dtype: str = "float64", tolerance: float = 1e-10, one_hot: bool = False,
) -> None:  # fmt: skip
    """Train 5 epochs of 53 rows, 16 at a time, in both; compare each loss and all parameters."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((53, 6)), targets(loss, 53, outputs, rng)
    if one_hot:
        y = np.eye(outputs)[y]
    w = rng.random(53) if weighted else None
    net = make_net(6, outputs, (11, 5), activation, dtype=dtype)
    names = ["dense_0", "dense_1", "dense_2"]
    peer = NumpyNet([net.params[f"{n}.w"] for n in names], [net.params[f"{n}.b"] for n in names],
                    activation, LOSSES[loss])  # fmt: skip
    ours = {"sgd": cnn.SGD(lr=0.05, momentum=0.9), "adam": cnn.Adam(lr=0.02)}[optimizer]
    lr = ours.lr
    trainer = cnn.Trainer(net, loss=OURS[loss], optimizer=ours)
    history = fit(trainer, x, y, epochs=5, shuffle=False, sample_weight=w)
    for epoch in range(5):
        total = counted = 0.0
        for at in range(0, 53, 16):
            part = slice(at, at + 16)
            weight = None if w is None else w[part]
            share = (y[part] != -1) * 1.0 if loss.endswith("ignoring") else np.ones(len(x[part]))
            share = share if w is None else share * w[part]
            total += peer.step(x[part], y[part], weight, optimizer, lr) * share.sum()
            counted += share.sum()
        assert history["loss"][epoch] == pytest.approx(total / counted, rel=tolerance)
    for name, w_, b_ in zip(names, peer.w, peer.b, strict=True):
        assert np.abs(net.params[f"{name}.w"] - w_).max() <= tolerance * np.abs(w_).max()
        assert np.abs(net.params[f"{name}.b"] - b_).max() <= tolerance * np.abs(b_).max()


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", OURS)
def test_every_loss_trains_like_numpy(loss, outputs, weighted):
    if outputs == 1 and isinstance(OURS[loss], cnn.SoftmaxCrossEntropy):
        outputs = 19  # more classes than one vector holds
    if outputs == 3 and loss == "hinge":
        outputs = 1  # several outputs take labels
    # Gradients of these are sums of signs; where they cancel, Adam makes much of the rounding.
    optimizer = "sgd" if loss in ("mae", "hinge", "pinball") else "adam"
    compare_with_numpy(loss, "tanh", optimizer, outputs=outputs, weighted=weighted)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    "activation",
    ["linear", "relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "silu", "softplus"],
)
def test_every_activation_trains_like_numpy(activation, optimizer):
    compare_with_numpy("cross_entropy", activation, optimizer)


@pytest.mark.parametrize("loss", ["cross_entropy", "smoothed"])
def test_probability_rows_train_like_numpy(loss):
    compare_with_numpy(loss, "tanh", "sgd", outputs=4, weighted=True, one_hot=True)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_float32_training_stays_near_float64(loss):
    compare_with_numpy(loss, "tanh", "sgd", dtype="float32", tolerance=2e-5)


# -- the same bits ------------------------------------------------------------------------

SUM = 1e-14
"""Losses are summed call by call, in double precision: the calls' lengths may show here."""

def test_same_seed_gives_the_same_bits():
    x, y = blobs(101)
    trainers = [hard_trainer() for _ in range(2)]
    histories = [fit(t, x, y, epochs=3) for t in trainers]
    assert_same_state(state(trainers[0]), state(trainers[1]))
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=SUM)


def test_other_seed_gives_other_order_and_masks():
    x, y = blobs(101)
    for shuffle in (True, False):  # without shuffling, only the masks differ
        a, b = hard_trainer(seed=0), hard_trainer(seed=1)
        fit(a, x, y, shuffle=shuffle)
        fit(b, x, y, shuffle=shuffle)
        assert not np.array_equal(a.net.store.value, b.net.store.value)


@pytest.mark.parametrize("make", [hard_trainer, make_trainer], ids=["hard", "adam"])
def test_two_fits_equal_one_to_the_bit(make):
    x, y = blobs(101)  # a short last batch in every epoch
    whole, parts = make(), make()
    history = fit(whole, x, y, epochs=4)
    first, second = fit(parts, x, y, epochs=2), fit(parts, x, y, epochs=2)
    assert_same_state(state(parts), state(whole))
    assert first["loss"] + second["loss"] == pytest.approx(history["loss"], rel=SUM)
    assert parts.epochs_done == 4


def test_fit_between_evaluations_and_predictions_is_the_same():
    x, y = blobs(101)
    plain, busy = hard_trainer(), hard_trainer()
    fit(plain, x, y, epochs=2)
    for _ in range(2):
        busy.evaluate(x, y)
        fit(busy, x, y, validation_data=(x[:9], y[:9]))
        busy.net.predict(x)
    assert_same_state(state(busy), state(plain))


class StepsAtOnce:
    """A pace that makes a fixed number of steps in each call."""

    steps = 1

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads

    def next(self) -> tuple[int, int]:
        return self.steps, 1

    def record(self, steps: int, n_threads: int, seconds: float) -> None:
        pass


@pytest.mark.parametrize("shuffle", [True, False])
def test_length_of_calls_does_not_change_bits(monkeypatch, shuffle):
    x, y = blobs(103)
    results = []
    for steps in (None, 1, 2, 3, 7, 1000):
        trainer = hard_trainer()
        if steps:
            monkeypatch.setattr(StepsAtOnce, "steps", steps)
            monkeypatch.setattr(batches, "Pace", StepsAtOnce)
        history = fit(trainer, x, y, epochs=2, shuffle=shuffle)
        results.append((state(trainer), history["loss"]))
    for found, loss in results[1:]:
        assert_same_state(found, results[0][0])
        assert loss == pytest.approx(results[0][1], rel=SUM)


@pytest.mark.parametrize("weights", [False, True])
def test_steps_one_by_one_equal_fit(weights):
    x, y = blobs(101)
    w = np.random.default_rng(0).random(101).astype(np.float32) if weights else None
    whole, steps = hard_trainer(), hard_trainer()
    fit(whole, x, y, epochs=2, shuffle=False, sample_weight=w)
    for _ in range(2):
        for at in range(0, 101, 16):
            part = slice(at, at + 16)
            steps.step(x[part], y[part], None if w is None else w[part])
        steps.epochs_done += 1
    assert_same_state(state(steps), state(whole))


def test_short_way_of_a_step_equals_the_long_way():
    x, y = blobs(96)
    ways = {
        "short": lambda t, a, b: t.step(a, b),
        "int32": lambda t, a, b: t.step(a, b.astype(np.int32)),
        "lists": lambda t, a, b: t.step(a.tolist(), b.tolist()),
        "strided": lambda t, a, b: t.step(np.repeat(a, 2, axis=1)[:, ::2], np.repeat(b, 2)[::2]),
        "column": lambda t, a, b: t.step(a, b[:, None]),
    }
    results = []
    for way in ways.values():
        trainer = hard_trainer()
        losses = [way(trainer, x[at : at + 16], y[at : at + 16]) for at in range(0, 96, 16)]
        results.append((state(trainer), losses))
    for found, losses in results[1:]:
        assert losses == results[0][1]
        assert_same_state(found, results[0][0])


def test_bits_do_not_depend_on_the_largest_batch_so_far():
    x, y = blobs(200)
    a, b = hard_trainer(), hard_trainer()
    a.step(x[:16], y[:16])
    b.evaluate(x, y)
    big = b._data(x, y, None, "test")
    b._program(big, 200, training=True)
    b.step(x[:16], y[:16])
    assert_same_state(state(a), state(b))


# -- what it returns ----------------------------------------------------------------------


def test_history_has_one_entry_per_epoch_and_key():
    x, y = blobs(80)
    trainer = make_trainer(metrics=["accuracy", "top_2", "log_loss"])
    history = fit(trainer, x, y, epochs=3, validation_data=(x[:30], y[:30]))
    names = ["loss", "accuracy", "top_2", "log_loss"]
    assert list(history) == [*names, *(f"val_{n}" for n in names)]
    assert all(len(history[n]) == 3 for n in history)
    assert history.epochs == len(history.seconds) == 3
    assert not history.interrupted
    assert trainer.reports == list(history)


def test_last_validation_entry_equals_evaluate():
    x, y = blobs(700)  # more than one evaluation batch
    w = np.random.default_rng(0).random(600)
    trainer = make_trainer(metrics=["accuracy"], net=make_net(dropout=0.4))
    history = fit(trainer, x[:100], y[:100], epochs=2, validation_data=(x[100:], y[100:], w))
    found = trainer.evaluate(x[100:], y[100:], w)
    assert {f"val_{k}": v for k, v in found.items()} == {
        k: v[-1] for k, v in history.items() if k.startswith("val_")
    }


def test_training_figures_are_those_before_each_update():
    """With a rate of almost nothing the net stands still: fit must report what evaluate does."""
    x, y = blobs(90)
    trainer = make_trainer(make_net(dtype="float64"), optimizer=cnn.SGD(lr=1e-17),
                           metrics=["accuracy", "log_loss"])  # fmt: skip
    w = np.random.default_rng(3).random(90)
    history = fit(trainer, x, y, batch_size=13, sample_weight=w)
    found = trainer.evaluate(x, y, w)
    for key, value in found.items():
        assert history[key] == [pytest.approx(value, rel=1e-12)]


def test_step_returns_the_loss_before_the_update():
    x, y = blobs(40)
    trainer = make_trainer(make_net(dtype="float64"))
    for _ in range(3):
        expected = trainer.evaluate(x, y)["loss"]
        assert trainer.step(x, y) == pytest.approx(expected, rel=1e-12)


def test_evaluate_changes_nothing():
    x, y = blobs(40)
    trainer = hard_trainer()
    trainer.step(x, y)
    before = state(trainer)
    assert trainer.evaluate(x, y) == trainer.evaluate(x, y)
    assert_same_state(state(trainer), before)


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1300])
def test_evaluate_over_several_runs_equals_one(n):
    x, y = blobs(n)
    trainer = make_trainer(make_net(dtype="float64"), metrics=["accuracy"])
    z = trainer.net.predict(x)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    found = trainer.evaluate(x, y)
    assert found["loss"] == pytest.approx(-log_p[np.arange(n), y].mean(), rel=1e-12)
    assert found["accuracy"] == pytest.approx((z.argmax(1) == y).mean(), rel=1e-12)


def test_learning_works():
    x, y = blobs(600)
    trainer = make_trainer(metrics=["accuracy"])
    history = fit(trainer, x[:400], y[:400], epochs=20)
    assert history["loss"][-1] < history["loss"][0] / 2
    assert trainer.evaluate(x[400:], y[400:])["accuracy"] > 0.85


# -- state from outside -------------------------------------------------------------------


def test_rate_may_change_between_fits():
    x, y = blobs(40)
    trainer = make_trainer(optimizer=cnn.SGD(lr=0.1))
    fit(trainer, x, y)
    trainer.optimizer.lr = 1e-18
    before = trainer.net.store.value.copy()
    fit(trainer, x, y)
    assert np.array_equal(trainer.net.store.value, before)


def test_reset_optimizer_starts_afresh():
    x, y = blobs(40)
    trainer, fresh = make_trainer(), make_trainer()
    start = trainer.net.store.value.copy()
    fit(trainer, x, y, epochs=2)
    trainer.optimizer.reset()
    trainer.net.store.value[:] = start
    trainer.epochs_done = 0
    fit(trainer, x, y, epochs=2)
    fit(fresh, x, y, epochs=2)
    assert_same_state(state(trainer), state(fresh))


@pytest.mark.parametrize("short", [True, False])
def test_loaded_state_goes_on_from_there(short):
    x, y = blobs(48)
    xy = (x, y) if short else (x.tolist(), y.tolist())
    straight, back = make_trainer(), make_trainer()
    for _ in range(3):
        straight.step(*xy)
        back.step(*xy)
    kept, params = back.optimizer.state_dict(), back.net.store.value.copy()
    for _ in range(4):
        back.step(*xy)
    back.optimizer.load_state_dict(kept)
    back.net.store.value[:] = params
    straight.step(*xy)
    back.step(*xy)
    assert_same_state(state(back), state(straight))


def test_set_params_is_seen_by_training_and_prediction():
    x, y = blobs(40)
    a, b = make_trainer(make_net(seed=0)), make_trainer(make_net(seed=1))
    a.step(x, y)
    b.step(x, y)
    a.net.set_params(dict(b.net.params))
    assert np.array_equal(a.net.predict(x), b.net.predict(x))
    assert a.evaluate(x, y) == b.evaluate(x, y)


def test_nets_and_trainers_share_nothing():
    x, y = blobs(40)
    alone, one, two = make_trainer(), make_trainer(), make_trainer(make_net(seed=5))
    fit(alone, x, y, epochs=2)
    for _ in range(2):
        fit(one, x, y)
        fit(two, x, y)
    assert_same_state(state(one), state(alone))


def test_two_trainers_train_one_net_in_turn():
    x, y = blobs(40)
    net = make_net()
    a, b = make_trainer(net, optimizer=cnn.SGD(lr=0.1)), make_trainer(net, optimizer="adam")
    before = net.store.value.copy()
    a.step(x, y)
    middle = net.store.value.copy()
    b.step(x, y)
    assert not np.array_equal(before, middle)
    assert not np.array_equal(middle, net.store.value)
    assert (a.optimizer.step_count, b.optimizer.step_count) == (1, 1)


def test_trainer_without_progress_writes_nothing(capfd):
    x, y = blobs(40)
    make_trainer().fit(x, y, epochs=2)  # progress=True, but no terminal
    assert capfd.readouterr() == ("", "")
