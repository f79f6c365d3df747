"""Trainer: which rows are used, in which layout, with which weights."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import assert_same_state, blobs, hard_trainer, make_net, make_trainer, state

import cnn_core as cnn


def fit(trainer, x, y, **options):
    options.setdefault("batch_size", 16)
    return trainer.fit(x, y, progress=False, **options)


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


@pytest.mark.parametrize("batch_size", [1, 3, 50, 51, 10**6, 2**62])
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
