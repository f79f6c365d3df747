"""Trainer: whole runs against NumPy, and what fit, step and evaluate promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_training import LOSSES, NumpyNet
from training_cases import assert_same_state, blobs, make_net, make_trainer, state

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

HARD = {"dropout": 0.3, "hidden": (18, 9)}


def hard_trainer(seed: int = 0, dtype: str = "float32") -> cnn.Trainer:
    """Return a trainer with momentum, clipping, a schedule and dropout."""
    rate = cnn.optim.Warmup(cnn.optim.CosineDecay(0.1, 60, floor=0.01), 5)
    optimizer = cnn.SGD(
        lr=rate, momentum=0.9, weight_decay=1e-3, no_decay=("*.b",), clip_norm=1.0
    )  # fmt: skip
    return make_trainer(make_net(dtype=dtype, **HARD), optimizer=optimizer, seed=seed)


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


# -- the rows -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_is_used_once_per_epoch(n, shuffle):
    """With a tiny rate and SGD the gradients add up, and so they tell which rows came."""
    x = np.eye(n)
    net = cnn.Sequential([cnn.Dense(1, use_bias=False, init="zeros")], n, dtype="float64")
    trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD(lr=1e-9), seed=4)
    weight = np.arange(1.0, n + 1)
    fit(trainer, x, np.ones(n), epochs=3, shuffle=shuffle, batch_size=n, sample_weight=weight)
    moved = net.params["dense_0.w"][:, 0] / 1e-9 / 3
    assert moved == pytest.approx(2 * weight / weight.sum(), rel=1e-6)
    fit(trainer, x, np.ones(n), epochs=1, shuffle=shuffle, batch_size=7)
    last = net.params["dense_0.w"][:, 0] / 1e-9 - 3 * moved
    allowed = {2 / 7, 2 / (n % 7)} if n % 7 else {2 / 7}
    assert all(any(abs(v - a) < 1e-5 for a in allowed) for v in last)
    assert np.sum(last) == pytest.approx(2.0 * -(-n // 7), rel=1e-5)


def test_order_changes_from_epoch_to_epoch_and_follows_the_seed():
    trainer = make_trainer(seed=5)
    orders = []
    for _ in range(3):
        orders.append(trainer._row_order(50))
        trainer.epochs_done += 1
    assert all(sorted(o) == list(range(50)) for o in orders)
    assert len({tuple(o) for o in orders}) == 3
    assert np.array_equal(orders[0], make_trainer(seed=5)._row_order(50))
    assert not np.array_equal(orders[0], make_trainer(seed=6)._row_order(50))


def test_shuffled_fit_equals_steps_in_that_order():
    x, y = blobs(50)
    whole, steps = make_trainer(seed=3), make_trainer(seed=3)
    fit(whole, x, y, epochs=2)
    for _ in range(2):
        order = steps._row_order(50)
        for at in range(0, 50, 16):
            steps.step(x[order[at : at + 16]], y[order[at : at + 16]])
        steps.epochs_done += 1
    assert_same_state(state(steps), state(whole))


@pytest.mark.parametrize("batch_size", [1, 3, 50, 51, 10**6, 2**70])
def test_any_batch_size(batch_size):
    x, y = blobs(50)
    trainer = make_trainer()
    history = fit(trainer, x, y, epochs=2, batch_size=batch_size)
    assert trainer.optimizer.step_count == 2 * -(-50 // min(batch_size, 50))
    assert np.isfinite(history["loss"]).all()


def test_no_epochs_change_nothing():
    x, y = blobs(20)
    trainer = make_trainer()
    trainer.step(x, y)
    before = state(trainer)
    history = fit(trainer, x, y, epochs=0)
    assert history.epochs == 0
    assert list(history) == []
    assert_same_state(state(trainer), before)


# -- layouts and dtypes -------------------------------------------------------------------

LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "list": lambda a: a.tolist(),
    "read-only": lambda a: (a.setflags(write=False), a)[1],
    "misaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_the_data_does_not_matter(layout):
    x, y = blobs(70)
    w = np.random.default_rng(1).random(70).astype(np.float32)
    plain, other = make_trainer(), make_trainer()
    change = LAYOUTS[layout]
    fit(plain, x, y, sample_weight=w, epochs=2)
    fit(other, change(x), change(y), sample_weight=change(w), epochs=2)
    assert_same_state(state(other), state(plain))
    assert other.evaluate(change(x), change(y)) == plain.evaluate(x, y)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "int64", "bool", "float16", "float64", "uint8"]
)
@pytest.mark.parametrize("net_dtype", ["float32", "float64"])
def test_other_dtypes_train_like_their_values(dtype, net_dtype):
    x = np.random.default_rng(0).integers(0, 2, (60, 7)).astype(dtype)
    y = blobs(60)[1]
    plain, other = (make_trainer(make_net(dtype=net_dtype)) for _ in range(2))
    fit(plain, x.astype(net_dtype), y, epochs=2)
    fit(other, x, y, epochs=2)
    assert_same_state(state(other), state(plain))


def test_float64_data_is_rounded_as_numpy_rounds_it():
    x = np.random.default_rng(0).standard_normal((60, 7))
    y = blobs(60)[1]
    plain, other = make_trainer(), make_trainer()
    fit(plain, x.astype(np.float32), y, epochs=2)
    fit(other, x, y, epochs=2)
    assert_same_state(state(other), state(plain))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("scale", "shift"), [(1 / 255, 0.0), (1 / 128, -1.0), (1.0, 0.5)])
def test_uint8_with_scale_trains_like_scaled_floats(dtype, scale, shift):
    pixels = np.random.default_rng(0).integers(0, 256, (80, 7)).astype(np.uint8)
    y = blobs(80)[1]
    # In float32 the core multiplies and adds in float32, like this.
    real = np.dtype(dtype).type
    floats = pixels.astype(dtype) * real(scale) + real(shift)
    plain = make_trainer(make_net(dtype=dtype))
    scaled = make_trainer(make_net(dtype=dtype, input_scale=scale, input_shift=shift))
    fit(plain, floats, y, epochs=2)
    fit(scaled, pixels, y, epochs=2)
    assert_same_state(state(scaled), state(plain))
    assert scaled.evaluate(pixels, y) == plain.evaluate(floats, y)
    assert np.array_equal(scaled.net.predict(pixels), plain.net.predict(floats))
    assert scaled.step(pixels, y) == plain.step(floats, y)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_memory_mapped_data_trains_like_an_array(tmp_path, dtype):
    x = (np.abs(blobs(300)[0]) * 40).astype(dtype)
    y = blobs(300)[1]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r"), np.load(tmp_path / "y.npy", mmap_mode="r")
    plain, other = (make_trainer(make_net(input_scale=0.01)) for _ in range(2))
    fit(plain, x, y, epochs=2)
    fit(other, *mapped, epochs=2)
    other.step(*mapped)
    plain.step(x, y)
    assert_same_state(state(other), state(plain))


def test_training_leaves_the_data_as_it_is():
    x, y = blobs(40)
    w = np.random.default_rng(1).random(40)
    copies = x.copy(), y.copy(), w.copy()
    trainer = hard_trainer()
    fit(trainer, x, y, sample_weight=w, epochs=2)
    trainer.step(x, y, w)
    trainer.evaluate(x, y, w)
    for array, copy in zip((x, y, w), copies, strict=True):
        assert np.array_equal(array, copy)


def test_image_rows_of_several_axes():
    x, y = blobs(60, inputs=12)
    x, y = x.reshape(60, 3, 4), np.repeat(y[:, None], 3, axis=1).astype(np.float32)
    net = cnn.Sequential([cnn.Dense(5, "tanh"), cnn.Dense(1)], (3, 4), dtype="float64")
    trainer = cnn.Trainer(net, loss=cnn.MSE(), metrics=["mae"])
    w, b = net.params["dense_0.w"], net.params["dense_0.b"]
    p = np.tanh(x @ w + b) @ net.params["dense_1.w"] + net.params["dense_1.b"]
    assert net.predict(x) == pytest.approx(p, rel=1e-12)
    found = trainer.evaluate(x, y[..., None])
    assert found["loss"] == pytest.approx(((p[..., 0] - y) ** 2).mean(), rel=1e-12)
    assert found["mae"] == pytest.approx(np.abs(p[..., 0] - y).mean(), rel=1e-12)
    history = fit(trainer, x, y[..., None], epochs=20)
    assert history["loss"][-1] < found["loss"]


# -- sample weights -----------------------------------------------------------------------


def test_equal_weights_equal_none():
    x, y = blobs(60)
    plain, weighted = (make_trainer(make_net(dtype="float64"), metrics=["accuracy", "log_loss"])
                       for _ in range(2))  # fmt: skip
    a = fit(plain, x, y, epochs=3)
    b = fit(weighted, x, y, epochs=3, sample_weight=np.full(60, 0.25))
    assert weighted.net.store.value == pytest.approx(plain.net.store.value, rel=1e-9, abs=1e-12)
    for key in a:
        assert a[key] == pytest.approx(b[key], rel=1e-9)


def test_rows_of_weight_zero_count_nothing():
    x, y = blobs(64)
    w = (np.arange(64) % 4 != 3).astype(float)
    some, few = (make_trainer(make_net(dtype="float64")) for _ in range(2))
    fit(some, x, y, epochs=2, shuffle=False, batch_size=16, sample_weight=w)
    fit(few, x[w > 0], y[w > 0], epochs=2, shuffle=False, batch_size=12)
    assert some.net.store.value == pytest.approx(few.net.store.value, rel=1e-9, abs=1e-12)
    assert some.evaluate(x, y, w)["loss"] == pytest.approx(few.evaluate(x[w > 0], y[w > 0])["loss"])


def test_batch_without_any_weight_has_loss_and_gradient_zero():
    x, y = blobs(32)
    w = np.r_[np.zeros(16), np.ones(16)]
    trainer = make_trainer(optimizer=cnn.SGD(lr=0.1), metrics=["accuracy"])
    other = make_trainer(optimizer=cnn.SGD(lr=0.1), metrics=["accuracy"])
    a = fit(trainer, x, y, batch_size=16, shuffle=False, sample_weight=w)
    b = fit(other, x[16:], y[16:], batch_size=16, shuffle=False, sample_weight=w[16:])
    assert np.array_equal(trainer.net.store.value, other.net.store.value)
    assert dict(a.items()) == dict(b.items())
    assert trainer.optimizer.step_count == 2


def test_whole_weights_equal_repeated_rows():
    x, y = blobs(20)
    repeat = np.arange(20) % 3 + 1
    weighted, repeated = (make_trainer(make_net(dtype="float64")) for _ in range(2))
    for _ in range(5):
        a = weighted.step(x, y, repeat)
        b = repeated.step(np.repeat(x, repeat, axis=0), np.repeat(y, repeat))
        assert a == pytest.approx(b, rel=1e-12)
    assert weighted.net.store.value == pytest.approx(repeated.net.store.value, rel=1e-8, abs=1e-11)


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
