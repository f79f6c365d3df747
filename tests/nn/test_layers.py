"""Layers: what they compute, their options, how their weights start."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import DataError, DtypeError, OptionError, ShapeError
from cnn_core.nn.activations import ACTIVATIONS

X = np.random.default_rng(0).standard_normal((9, 6))


def one(layer, **options) -> cnn.Sequential:
    return cnn.Sequential([layer], 6, dtype="float64", **options)


def phi(x):
    from math import erf

    return np.vectorize(lambda v: (1 + erf(v / 2**0.5)) / 2)(x)


FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "gelu": lambda x: x * phi(x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_computes_activation_of_xw_plus_b(activation, use_bias):
    net = one(cnn.Dense(4, activation, use_bias=use_bias, bias_init=cnn.init.constant(0.3)))
    assert list(net.params) == ["dense_0.w", "dense_0.b"][: 1 + use_bias]
    z = X @ net.params["dense_0.w"] + (0.3 if use_bias else 0)
    assert net.predict(X) == pytest.approx(FORMULAS[activation](z), rel=1e-12)


@pytest.mark.parametrize("activation", [a for a in ACTIVATIONS if a != "linear"])
def test_activation_layer_equals_the_option_of_dense(activation):
    apart = cnn.Sequential([cnn.Dense(4), cnn.Activation(activation)], 6, dtype="float64")
    together = cnn.Sequential([cnn.Dense(4, activation)], 6, dtype="float64")
    apart.set_params(dict(together.params))
    assert np.array_equal(apart.predict(X), together.predict(X))


def test_activation_may_be_a_function():
    def double_relu(x):
        return cnn.ops.add(cnn.ops.relu(x), cnn.ops.relu(x))

    for net in (
        one(cnn.Dense(4, double_relu)),
        cnn.Sequential([cnn.Dense(4), cnn.Activation(double_relu)], 6, dtype="float64"),
    ):
        z = X @ net.params["dense_0.w"] + net.params["dense_0.b"]
        assert net.predict(X) == pytest.approx(2 * np.maximum(z, 0), rel=1e-12)
        cnn.Trainer(net, loss=cnn.MSE()).step(X, np.ones((9, 4)))


def test_dropout_is_off_in_prediction_and_evaluation():
    net = cnn.Sequential([cnn.Dense(5), cnn.Dropout(0.9), cnn.Dense(3)], 6, dtype="float64")
    plain = cnn.Sequential([cnn.Dense(5), cnn.Dense(3)], 6, dtype="float64")
    plain.set_params({k: net.params[k] for k in net.params})
    assert np.array_equal(net.predict(X), plain.predict(X))
    y = np.ones((9, 3))
    losses = [cnn.Trainer(n, loss=cnn.MSE()).evaluate(X, y) for n in (net, plain)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.75])
def test_dropout_zeroes_its_share_and_keeps_the_mean(rate):
    """d loss / d output = 1 / n: the gradient at the weights shows the mask of each row."""
    layers = [cnn.Dense(1000, use_bias=False, init="zeros"), cnn.Dropout(rate)]
    net = cnn.Sequential(layers, 1, dtype="float64")
    trainer = cnn.Trainer(net, loss=cnn.MAE(), optimizer=cnn.SGD(lr=1.0), seed=3)
    trainer.step(np.ones((1, 1)), np.full((1, 1000), -1.0))
    moved = -net.params["dense_0.w"][0] * 1000
    values = {0.0, 1 / (1 - rate)} if rate else {1.0}
    assert {round(v, 9) for v in moved} == {round(v, 9) for v in values}
    kept = np.mean(moved != 0)
    assert abs(kept - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / 1000) + 1e-12


@pytest.mark.parametrize("last", [cnn.Dropout(0.5), cnn.Activation("linear")])
def test_last_layer_may_compute_nothing_in_prediction(last):
    net = cnn.Sequential([cnn.Dense(3), last], 6, dtype="float64")
    z = X @ net.params["dense_0.w"] + net.params["dense_0.b"]
    assert net.predict(X) == pytest.approx(z, rel=1e-12)
    trainer = cnn.Trainer(net, loss=cnn.MSE(), metrics=["mae"])
    trainer.fit(X, z, epochs=2, validation_data=(X, z), progress=False)


def test_two_dropouts_draw_different_masks():
    layers = [cnn.Dropout(0.5), cnn.Dropout(0.5), cnn.Dense(1, use_bias=False, init="zeros")]
    net = cnn.Sequential(layers, 4000, dtype="float64")
    trainer = cnn.Trainer(net, loss=cnn.MAE(), optimizer=cnn.SGD(lr=1.0))
    trainer.step(np.ones((1, 4000)), [[1.0]])
    kept = np.mean(net.params["dense_0.w"] != 0)
    assert abs(kept - 0.25) < 0.03  # with one mask it would be a half


# -- how weights start --------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_default_initialiser_follows_the_activation_and_the_place(activation):
    layers = [cnn.Dense(300, activation), cnn.Dense(300, activation)]
    net = cnn.Sequential(layers, 200, dtype="float64")
    small = activation in ("linear", "softmax")
    wide = activation == "selu"
    for name, n_in, variance in (("dense_0", 200, 1 if wide else 1 / 3),
                                 ("dense_1", 300, 1 / 3 if small else 1)):  # fmt: skip
        w, b = net.params[f"{name}.w"], net.params[f"{name}.b"]
        assert w.var() * n_in == pytest.approx(variance, rel=0.03)
        assert b.var() * n_in == pytest.approx(1 / 3, rel=0.2)
        assert np.abs(b).max() <= n_in**-0.5


def test_initialisers_by_name_and_function():
    net = one(cnn.Dense(4, init="zeros", bias_init=lambda shape, rng: np.arange(4)))
    assert not net.params["dense_0.w"].any()
    assert net.params["dense_0.b"].tolist() == [0, 1, 2, 3]


def test_float32_and_float64_nets_of_one_seed_start_alike():
    a, b = (cnn.Sequential([cnn.Dense(4, "relu")], 6, dtype=d, seed=9) for d in ("f4", "f8"))
    assert np.array_equal(a.params["dense_0.w"], b.params["dense_0.w"].astype(np.float32))


@pytest.mark.parametrize(
    ("init", "error", "text"),
    [
        (lambda s, r: np.full(s, np.nan), DataError, "first.w: need finite .* got nan at"),
        (lambda s, r: np.ones((2, 2)), ShapeError, r"first.w: need \(6, 4\) .*shape \(2, 2\)"),
        (lambda s, r: np.ones(s, complex), DtypeError, "first.w: need finite .*dtype complex"),
    ],
)  # fmt: skip
def test_bad_initial_weights_name_the_parameter(init, error, text):
    with pytest.raises(error, match=text):
        one(cnn.Dense(4, init=init, name="first"))


# -- options ------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [0, -1, 2.0, True, "4", None, np.nan])
def test_bad_units_are_refused(units):
    with pytest.raises(OptionError, match=r"Dense: need units, a whole number of at least 1; got"):
        cnn.Dense(units)


@pytest.mark.parametrize("activation", ["rleu", "", None, 3, ["relu"]])
@pytest.mark.parametrize("layer", [lambda a: cnn.Dense(3, a), cnn.Activation])
def test_unknown_activation_error_lists_the_known_ones(layer, activation):
    with pytest.raises(OptionError, match="need an activation among " + ", ".join(ACTIVATIONS)):
        layer(activation)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, np.nan, np.inf, "0.5", None, True])
def test_bad_rate_is_refused(rate):
    with pytest.raises(OptionError, match=r"Dropout: need a rate, a number in \[0, 1\); got"):
        cnn.Dropout(rate)


@pytest.mark.parametrize("name", ["", 3, b"a"])
def test_bad_name_is_refused(name):
    for make in (lambda n: cnn.Dense(3, name=n), lambda n: cnn.Dropout(0.5, name=n)):
        with pytest.raises(OptionError, match="need a name of at least one letter; got"):
            make(name)


@pytest.mark.parametrize("option", ["init", "bias_init"])
def test_unknown_initialiser_error_lists_the_known_ones(option):
    with pytest.raises(OptionError, match=r"need one of glorot_uniform, .*; got 'golrot'"):
        cnn.Dense(3, **{option: "golrot"})


def test_layers_describe_themselves():
    layers = [cnn.Dense(3, "relu"), cnn.Activation("tanh"), cnn.Dropout(0.5)]
    assert repr(layers) == "[Dense(3, activation='relu'), Activation('tanh'), Dropout(0.5)]"


def limits(net: cnn.Sequential) -> dict[str, float]:
    """Return sqrt(I) times the largest number of each parameter."""
    return {key: float(abs(v).max()) * net.store[f"{key[:-2]}.w"].shape[0] ** 0.5
            for key, v in net.store.items()}  # fmt: skip


def test_the_first_layer_and_linear_ones_start_small_and_hidden_ones_as_lecun_says():
    layers = [cnn.Dropout(0.1), cnn.Dense(200, "relu"), cnn.Dropout(0.1), cnn.Dense(200, "tanh"),
              cnn.Dense(200), cnn.Activation("relu"), cnn.Dense(200, "softmax")]  # fmt: skip
    found = limits(cnn.Sequential(layers, 100))
    for key, limit in found.items():
        expected = 3**0.5 if key == "dense_1.w" else 1.0
        assert 0.97 * expected < limit <= expected * (1 + 1e-6), key


def test_the_old_start_can_be_asked_for():
    net = one(cnn.Dense(4, "relu", init="he_uniform", bias_init="zeros"))
    assert not net.store["dense_0.b"].any()
    assert limits(net)["dense_0.w"] <= 6**0.5


def test_small_nets_on_few_rows_end_better_than_from_he_and_glorot():
    """8-32-1 on 200 rows; what docs/initialisers.md says of the first task."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.7, 1.7, (1200, 8))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] + 0.2 * rng.normal(size=1200)
    old = {"bias_init": "zeros"}
    found = []
    for hidden, last in (
        ({}, {}), ({"init": "he_uniform", **old}, {"init": "glorot_uniform", **old}),
    ):  # fmt: skip
        errors = []
        for seed in range(6):
            layers = [cnn.Dense(32, "relu", **hidden), cnn.Dense(1, **last)]
            net = cnn.Sequential(layers, 8, seed=seed)
            trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.Adam(), seed=seed)
            trainer.fit(x[:200], y[:200], batch_size=32, epochs=100, progress=False)
            errors.append(trainer.evaluate(x[200:], y[200:])["loss"])
        found.append(np.mean(errors))
    assert found[0] < 0.85 * found[1]


@pytest.mark.parametrize("shape", [("a",), 3, (2.5,), (-1,), None])
def test_a_parameter_of_an_own_layer_needs_lengths(shape):
    class Own(cnn.Layer):
        def build(self, x, name, rng):
            return x + self.add_parameter("p", shape, "ones")

    with pytest.raises(OptionError, match=r"own_0\.p: need a shape, a tuple of lengths; got"):
        cnn.Sequential([Own()], 3)
