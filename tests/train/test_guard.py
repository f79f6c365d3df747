"""The guard: what stopped being finite is named, with its rows, and nothing is updated."""

from __future__ import annotations

import re

import numpy as np
import pytest
from training_cases import set_threads

import cnn_core as cnn
from cnn_core import BATCH, Dense, Input, Model, ops
from cnn_core.errors import DataError, NotFiniteError, OptionError

N, ROW = 60, 37
RNG = np.random.default_rng(4)
X = RNG.standard_normal((N, 5)).astype(np.float32)
Y = RNG.standard_normal((N, 2)).astype(np.float32)


def rows(**changed) -> np.ndarray:
    """Return features of which row `ROW` has other numbers in some columns."""
    x = X.copy()
    for column, value in changed.items():
        x[ROW, int(column[1:])] = value
    return x


def sequential(*layers, **options) -> cnn.Sequential:
    return cnn.Sequential([*layers, Dense(2, name="last")], 5, seed=0, **options)


def with_parameter(net: cnn.Model, **values: float) -> cnn.Model:
    for name, value in values.items():
        net.params[name.replace("__", ".")][...] = value
    return net


def made(function, **changed):
    """Return a network of a function of its input in front of a layer, and its rows."""
    x = Input("x", (BATCH, 5))
    return Model(Dense(2, name="last")(function(x)), seed=0), rows(**changed)


def grow(**options) -> cnn.Sequential:
    return sequential(*options.pop("first", ()), cnn.Activation(ops.exp, name="grow"), **options)


def double_exp(x):
    return ops.exp(ops.exp(x, name="inner"), name="outer")


def root_behind_a_layer(x):
    return ops.sqrt(ops.abs(Dense(5, name="first", use_bias=False)(x)), name="root")


def embedded():
    """Return a network that looks words up, one of which is NaN, and rows of which one has it."""
    x, word = Input("x", (BATCH, 5)), Input("word", (BATCH,), "int32")
    found = cnn.Concat()([x, cnn.Embedding(3, 2, name="words")(word)])
    net = Model(Dense(2, name="last")(found), seed=0)
    net.params["words.table"][2, 1] = np.nan
    return net, {"x": X, "word": np.where(np.arange(N) == ROW, 2, 1)}


ZEROS = {f"c{i}": 0 for i in range(5)}
ALL_200 = {f"c{i}": 200 for i in range(5)}
HERE = rf"in row {ROW}\b"
GROWN = rf"inf in the value of 'exp_0' in 'grow', {HERE}"
FAULTS = {
    "NaN in the data": ((sequential(), rows(c2=np.nan)), rf"value of 'x', {HERE}"),
    "infinite data": ((sequential(Dense(3)), rows(c0=np.inf)), rf"value of 'x', {HERE}"),
    "log of zero": (
        made(lambda x: ops.log(ops.abs(x), name="logarithm"), c1=0),
        rf"-inf in the value of 'logarithm', {HERE}, where 0 of 'abs_0' met"),
    "log of a negative": (
        made(lambda x: ops.log(x + 50.0, name="ln"), c1=-60),
        rf"nan in the value of 'ln', {HERE}, where -10 of 'add_0' met"),
    "division by zero": (
        made(lambda x: ops.div(1.0, x, name="ratio"), c3=0),
        rf"inf in the value of 'ratio', {HERE}, where 1 of .* and 0 of 'x' met"),
    "root of a negative": (
        made(lambda x: ops.sqrt(x + 9.0, name="root"), c4=-20),
        rf"nan in the value of 'root', {HERE}, where -11 of 'add_0' met"),
    "slope of a root": (
        made(root_behind_a_layer, **ZEROS), rf"in the gradient of .*made by 'root', {HERE}"),
    "exponential": ((grow(), rows(c0=200)), rf"{GROWN}, where 200 of 'x' met"),
    "scaled pixels": ((grow(input_scale=10.0), rows(c0=20)), rf"{GROWN}, where 200 of 'x' met"),
    "a float64 network": (
        (grow(dtype="float64"), rows(c0=800).astype("f8")), rf"{GROWN}, where 800 of 'x' met"),
    "dropout": (
        (grow(first=[cnn.Dropout(0.5)]), rows(**ALL_200)), rf"{GROWN}, where 400 of 'dropout_0'"),
    "exponential of an exponential": (
        (sequential(cnn.Activation(double_exp)), rows(c0=6)),
        rf"value of 'outer' in 'activation_0', {HERE}, where 403.429 of 'inner'"),
    "power": (
        (sequential(cnn.Activation(lambda x: ops.power(x, 40.0, name="p"))), rows(c3=30)),
        rf"inf in the value of 'p' in 'activation_0', {HERE}, where 30 of 'x' met"),
    "huge weight": (
        (with_parameter(sequential(Dense(4, name="first")), first__w=3e38), X),
        r"in the value of 'first', in .*where .* of 'x' and 3e\+38 of 'first.w'"),
    "huge bias": (
        (with_parameter(sequential(Dense(4, name="first")), first__b=3e38), X),
        r"in the value of 'mse_0', in every row"),
    "NaN in a weight": (
        (with_parameter(sequential(), last__w=np.nan), X),
        r"nan in the value of 'last', in every row of the batch"),
    "NaN in a bias": (
        (with_parameter(sequential(Dense(3, "relu", name="first")), first__b=np.nan), X),
        r"nan in the value of 'first', in every row"),
    "huge square": ((sequential(), rows(c1=1e25)), rf"in the value of 'mse_0', {HERE}"),
    "huge output": (
        (sequential(Dense(9)), rows(c1=3e38)),
        rf"inf in the value of 'mse_0', {HERE}, where .* of 'last' and .* of 'y' met"),
    "reciprocal of zero": (
        made(lambda x: ops.reciprocal(x, name="inverse"), c2=0),
        rf"inf in the value of 'inverse', {HERE}, where 0 of 'x' met"),
    "a network in the network": (
        (sequential(cnn.Sequential([cnn.Activation(ops.exp)], 5)), rows(c0=200)),
        rf"inf in the value of 'exp_0' in 'sequential_0', {HERE}, where 200 of 'x' met"),
    "a residual layer": (
        (sequential(cnn.Residual([cnn.Activation(ops.exp)])), rows(c0=200)),
        rf"inf in the value of 'exp_0' in 'residual_0', {HERE}, where 200 of 'x' met"),
    "a poisoned word": (embedded(), rf"nan in the value of 'words', {HERE}, where .*'words.table'"),
    "rate of a Poisson loss": (
        (with_parameter(sequential(), last__w=1), rows(**ALL_200)),
        rf"in the value of 'poisson_0', {HERE}"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_message_names_node_and_row_of_a_planted_fault(fault):
    (net, x), words = FAULTS[fault]
    loss = "poisson" if "Poisson" in fault else "mse"
    trainer = cnn.Trainer(net, loss=loss, seed=1, check_finite=False)
    before = net.store.value.copy()
    y = np.abs(Y).astype(net.dtype)
    with pytest.raises(NotFiniteError) as caught:
        trainer.fit(x, y, batch_size=N, epochs=3, progress=False)
    text = str(caught.value)
    assert text.startswith("epoch 1, step 1: need finite numbers; got "), text
    assert re.search(words, text), text
    assert "no parameter was changed" in text
    assert np.array_equal(net.store.value, before, equal_nan=True)
    assert trainer.optimizer.step_count == 0
    with pytest.raises(NotFiniteError, match=r"^step 1: need finite numbers") as caught:
        trainer.step(x, y)
    assert re.search(words, str(caught.value))


def test_an_exploding_rate_is_caught_in_its_step():
    net = sequential(Dense(16, "relu", name="first"))
    trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=1e4), seed=1)
    with pytest.raises(DataError, match=r"epoch \d+, step \d+: need finite numbers; got .* in the "
                                        r"(value|gradient) of '"):  # fmt: skip
        trainer.fit(X, Y, batch_size=8, epochs=50, progress=False)
    assert np.isfinite(net.store.value).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 5, 16, 37, 131])
def test_a_single_infinite_gradient_is_noticed_wherever_it_is(n, dtype):
    net = cnn.Sequential([Dense(1, init="zeros", bias_init="zeros")], n, dtype=dtype, seed=0)
    trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=1e-3))
    for at in range(n):  # the output is 0, and the gradient of w[at] twice as much as x[at]
        x = np.ones((1, n), dtype)
        x[0, at] = np.finfo(dtype).max
        with pytest.raises(NotFiniteError, match=r"inf in the gradient of '.*w'"):
            trainer.step(x, -np.ones((1, 1), dtype))
        assert not net.store.value.any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_finite_gradients_that_add_up_to_infinity_are_nothing_wrong(dtype):
    net = cnn.Sequential([Dense(1, init="zeros", use_bias=False)], 37, dtype=dtype, seed=0)
    most = np.finfo(dtype).max / 4
    trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=float(1 / most)))
    trainer.step(np.full((1, 37), most, dtype), -np.ones((1, 1), dtype))
    assert net.store.value[:37] == pytest.approx(-2)


@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_are_those_of_the_data_wherever_the_batch_is(shuffle):
    net = sequential(cnn.Activation(ops.exp, name="grow"))
    trainer = cnn.Trainer(net, loss="mse", seed=1)
    with pytest.raises(NotFiniteError, match=rf"epoch 1, step \d: .*'grow', in row {ROW}, where"):
        trainer.fit(rows(c0=200), Y, batch_size=7, shuffle=shuffle, progress=False)


@pytest.mark.parametrize("threads", [1, 3])
def test_skipped_steps_change_nothing_and_are_counted(threads, monkeypatch):
    monkeypatch.setattr("cnn_core.compile.schedule.MIN_FLOP", 1.0)
    set_threads(threads)
    trainer, plain = (cnn.Trainer(sequential(cnn.Activation(ops.exp)), loss="mse", guard="skip",
                                  optimizer=cnn.Adam(clip_norm=c), seed=1) for c in (1.0, 1.0))
    x = rows(c0=200)
    history = trainer.fit(x, Y, batch_size=10, epochs=2, shuffle=False, progress=False)
    assert trainer.skipped == 2
    assert trainer.optimizer.step_count == 12
    assert np.isfinite(history["loss"]).all()
    for _ in range(2):
        for step in range(6):
            if step == ROW // 10:
                before = plain.net.store.value.copy()
                assert not np.isfinite(plain.step(x[30:40], Y[30:40]))
                assert np.array_equal(plain.net.store.value, before)
            else:
                plain.step(x[10 * step : 10 * step + 10], Y[10 * step : 10 * step + 10])
    assert np.array_equal(trainer.net.store.value, plain.net.store.value)
    set_threads(1)


def test_without_a_guard_the_arithmetic_goes_on():
    for clip in (None, 1.0):
        net = sequential(cnn.Activation(ops.exp))
        trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(clip_norm=clip), guard=None)
        history = trainer.fit(rows(c0=200), Y, batch_size=N, progress=False)
        assert not np.isfinite(history["loss"][0])
        assert not np.isfinite(net.store.value).all()
    with pytest.raises(OptionError, match="need guard None or 'raise' or 'skip'; got 'stop'"):
        cnn.Trainer(sequential(), loss="mse", guard="stop")


def test_skipped_steps_are_resumed_to_the_bit(tmp_path):
    def trained(resume, epochs):
        trainer = cnn.Trainer(sequential(cnn.Activation(ops.exp)), loss="mse", guard="skip", seed=1)
        trainer.fit(rows(c0=200), Y, batch_size=7, epochs=epochs, progress=False, resume=resume,
                    callbacks=[cnn.Checkpoint(tmp_path / "run", every=3)])  # fmt: skip
        return trainer

    whole = trained(None, 3)
    (tmp_path / "run").unlink()
    trained(None, 1)
    again = trained(tmp_path / "run", 3)
    assert np.array_equal(whole.net.store.value, again.net.store.value)
    assert (whole.skipped, whole.optimizer.step_count) == (3, 27)
    assert (again.skipped, again.optimizer.step_count) == (3, 27)
