"""Data with NaN, infinity, odd weights and rows that count nothing."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import assert_same_state, blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core.errors import DataError, LabelError, OptionError

X, Y = blobs(60)
T = np.random.default_rng(0).standard_normal((60, 3))
IDLE = np.arange(60) % 5 == 2


def put(array, at, value):
    changed = np.array(array)
    changed[at] = value
    return changed


def fit(trainer, x, y, **options):
    options.setdefault("batch_size", 16)
    return trainer.fit(x, y, epochs=2, progress=False, **options)


def passes(call):
    """Tell whether the door lets data through, whatever training then makes of them."""
    try:
        call()
    except DataError as error:
        return "features x" not in str(error)
    return True


def both(**options):
    return make_trainer(**options), make_trainer(**options)


# -- what is looked at by default ---------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_features_are_finite_by_default_in_fit_and_step(value, dtype):
    trainer = make_trainer()
    trainer.step(X, Y)  # the short way is open
    x = put(X.astype(dtype), (34, 5), value)
    before = state(trainer)
    for who, call in (
        ("fit", lambda: fit(trainer, x, Y)),
        ("step", lambda: trainer.step(x, Y)),
        ("validation_data", lambda: fit(trainer, X, Y, validation_data=(x, Y))),
    ):
        text = f"{who}: need finite values in features x; got {value} at row 34, column 5: fill"
        with pytest.raises(DataError, match=text):
            call()
    assert_same_state(state(trainer), before)
    assert np.isnan(trainer.evaluate(x, Y)["loss"])
    assert np.isnan(trainer.net.predict(x)[34]).all()
    trainer.check_finite = True
    with pytest.raises(DataError, match="evaluate: need finite values in features x; got"):
        trainer.evaluate(x, Y)
    trainer.check_finite = False
    assert passes(lambda: trainer.step(x, Y))


def test_check_finite_is_a_flag_or_none():
    for value in (True, False, None, np.True_):
        make_trainer(check_finite=value)
    for value in (1, 0, "False", [], object()):
        with pytest.raises(OptionError, match=r"Trainer: check_finite: need .*True or False"):
            make_trainer(check_finite=value)


@pytest.mark.parametrize("net_dtype", ["float32", "float64"])
def test_a_mapped_file_is_looked_through_if_asked_or_converted(tmp_path, net_dtype):
    x = put(X, (34, 5), np.nan)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    text = "fit: need finite values in features x; got nan at row 34, column 5"
    for given in (mapped, mapped[:], np.asarray(mapped)):
        unasked = make_trainer(make_net(dtype=net_dtype))
        assert passes(lambda trainer=unasked, given=given: fit(trainer, given, Y))
        with pytest.raises(DataError, match=text):
            fit(make_trainer(make_net(dtype=net_dtype), check_finite=True), given, Y)
    np.save(tmp_path / "x.npy", put(x.astype(float), (35, 1), 1e39))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    trainer = make_trainer(make_net(dtype=net_dtype))
    if net_dtype == "float64":
        assert passes(lambda: fit(trainer, mapped, Y))
    else:
        with pytest.raises(DataError, match=r"fit: need features x within float32.* row 35, colu"):
            fit(trainer, mapped, Y)


@pytest.mark.parametrize("finite", [None, True, False])
@pytest.mark.parametrize("who", ["fit", "step", "evaluate"])
def test_a_number_beyond_float32_is_refused_whatever_is_asked(who, finite):
    trainer = make_trainer(check_finite=finite, loss=cnn.MSE())
    call = {"fit": lambda x, y: fit(trainer, x, y), "step": trainer.step,
            "evaluate": trainer.evaluate}[who]  # fmt: skip
    trainer.step(X, T)
    before = state(trainer)
    # Infinity before it, so that the search does not end there
    x = put(X.astype(float), (3, 3), np.inf if finite is False else 0)
    with pytest.raises(DataError, match=rf"{who}: need features x within .*1e\+39 at row 7"):
        call(put(x, (7, 2), 1e39), T)
    text = r"MSE: need targets y within float32.* got 1e\+39 at row 7"
    with pytest.raises(DataError, match=text):
        call(X, put(T, (7, 2), 1e39))
    assert_same_state(state(trainer), before)


# -- rows that count nothing --------------------------------------------------------------


@pytest.mark.parametrize("finite", [None, True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e300])
def test_a_row_without_weight_may_hold_anything(odd, dtype, finite):
    if odd == 1e300 and dtype == "float32":
        pytest.skip("no float32")
    w = np.where(IDLE, 0.0, 2.0)
    x, t = X.astype(dtype), T.astype(dtype)
    plain, other = both(loss=cnn.MSE(), metrics=["mae"], check_finite=finite)
    clean = put(x, IDLE, 0)
    hurt, spoilt = put(x, IDLE, odd), put(t, IDLE, odd)
    kept = hurt.copy(), spoilt.copy()
    a = fit(plain, clean, t, sample_weight=w, validation_data=(clean, t, w))
    b = fit(other, hurt, spoilt, sample_weight=w, validation_data=(hurt, spoilt, w))
    assert dict(a.items()) == dict(b.items())
    assert plain.step(clean, t, w) == other.step(hurt, spoilt, w)
    assert plain.evaluate(clean, t, w) == other.evaluate(hurt, spoilt, w)
    assert_same_state(state(other), state(plain))
    np.testing.assert_array_equal(hurt, kept[0])  # the caller's stay as they are
    np.testing.assert_array_equal(spoilt, kept[1])


@pytest.mark.parametrize("finite", [None, False])
def test_a_row_with_an_ignored_label_may_hold_anything(finite):
    y = np.where(IDLE, -1, Y)
    plain, other = (make_trainer(loss=cnn.SoftmaxCrossEntropy(ignore_index=-1), check_finite=finite)
                    for _ in range(2))  # fmt: skip
    clean, hurt = put(X, IDLE, 0), put(X, IDLE, np.nan)
    a, b = fit(plain, clean, y), fit(other, hurt, y)
    assert dict(a.items()) == dict(b.items())
    for _ in range(2):  # the second one takes the short way, where that is open
        assert plain.step(clean, y) == other.step(hurt, y)
    assert plain.evaluate(clean, y) == other.evaluate(hurt, y)
    assert_same_state(state(other), state(plain))


def test_a_mapped_file_with_odd_rows_that_count_nothing(tmp_path):
    w = np.where(IDLE, 0.0, 2.0)
    plain, other = both()
    np.save(tmp_path / "x.npy", put(X, IDLE, np.nan))
    fit(plain, put(X, IDLE, 0), Y, sample_weight=w)
    fit(other, np.load(tmp_path / "x.npy", mmap_mode="r"), Y, sample_weight=w)
    assert_same_state(state(other), state(plain))


@pytest.mark.parametrize(
    ("loss", "good", "odd"),
    [
        (cnn.SoftmaxCrossEntropy, Y, 99), (cnn.Hinge, np.sign(T), 0.5), (cnn.Poisson, abs(T), -1),
        (cnn.BinaryCrossEntropy, (T > 0) * 1.0, 7.0), (cnn.SoftmaxCrossEntropy, np.eye(3)[Y], -2.0),
    ],
)  # fmt: skip
def test_a_row_without_weight_may_have_a_target_that_the_loss_refuses(loss, good, odd):
    w = np.where(IDLE, 0.0, 2.0)
    plain, other = make_trainer(loss=loss()), make_trainer(loss=loss())
    a = fit(plain, X, good, sample_weight=w)
    b = fit(other, X, put(good, IDLE, odd), sample_weight=w)
    assert dict(a.items()) == dict(b.items())
    assert_same_state(state(other), state(plain))
    with pytest.raises((DataError, LabelError), match="row 33"):  # one that counts
        fit(other, X, put(put(good, IDLE, odd), 33, odd), sample_weight=w)


def test_an_odd_row_that_counts_is_named_past_those_that_do_not():
    w = np.where(IDLE, 0.0, 2.0)
    with pytest.raises(DataError, match="features x; got nan at row 33, column 0"):
        fit(make_trainer(), put(put(X, IDLE, np.nan), 33, np.nan), Y, sample_weight=w)


# -- weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("net_dtype", ["float32", "float64"])
@pytest.mark.parametrize("power", [-1060, -900, -160, 0, 120, 1000])
def test_a_power_of_two_in_all_weights_changes_no_bit(power, net_dtype):
    w = 1 + np.arange(60) % 7 / 8
    plain, other = (make_trainer(make_net(dtype=net_dtype), metrics=["accuracy"]) for _ in "ab")
    scaled = np.ldexp(w, power)
    a, b = fit(plain, X, Y, sample_weight=w), fit(other, X, Y, sample_weight=scaled)
    assert dict(a.items()) == dict(b.items())
    assert plain.step(X, Y, w) == other.step(X, Y, scaled)
    assert plain.evaluate(X, Y, w) == other.evaluate(X, Y, scaled)
    assert_same_state(state(other), state(plain))


@pytest.mark.parametrize("scale", [1e-50, 1e-310, 1e300])
def test_weights_that_are_only_badly_scaled_give_their_weighted_mean(scale):
    w = np.arange(60.0) / 7
    plain, other = (make_trainer(optimizer=cnn.SGD(lr=0.1)) for _ in "ab")
    a = fit(plain, X, Y, sample_weight=w)["loss"]
    b = fit(other, X, Y, sample_weight=w * scale)["loss"]
    assert b == pytest.approx(a, rel=1e-5)
    assert other.net.store.value == pytest.approx(plain.net.store.value, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-44, 3e38])
def test_float32_weights_at_the_ends_of_their_range(scale):
    w = np.full(60, scale, np.float32)
    plain, other = (make_trainer(optimizer=cnn.SGD(lr=0.1)) for _ in "ab")
    a, b = fit(plain, X, Y)["loss"], fit(other, X, Y, sample_weight=w)["loss"]
    assert b == pytest.approx(a, rel=1e-5)
    assert other.net.store.value == pytest.approx(plain.net.store.value, rel=1e-4, abs=1e-6)


def test_weights_far_apart_keep_the_larger_ones():
    w = np.where(IDLE, 1e-200, 1e200)
    plain, other = both()
    a = plain.evaluate(X, Y, np.where(IDLE, 0.0, 1.0))
    assert other.evaluate(X, Y, w) == pytest.approx(a)


# -- prediction ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64"])
def test_no_rows_predict_none(dtype):
    net = make_net()
    found = net.predict(np.empty((0, 7), dtype))
    assert found.shape == (0, 3)
    assert found.dtype == np.float32
    out = np.empty((0, 3), np.float32)
    assert net.predict(np.empty((0, 7), dtype), out=out) is out
    with pytest.raises(cnn.errors.ShapeError, match=r"need x of shape \(N, 7\); got \(0, 6\)"):
        net.predict(np.empty((0, 6), dtype))
    with pytest.raises(cnn.errors.ShapeError, match="evaluate: need x with at least one row"):
        make_trainer(net).evaluate(np.empty((0, 7), dtype), [])
