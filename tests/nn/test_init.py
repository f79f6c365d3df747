"""Initialisers: bounds, moments and fans as the formulas say; same seed, same weights."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from cnn_core.errors import DataError, DtypeError, OptionError, ShapeError
from cnn_core.nn import init

I, O = 300, 200  # noqa: E741 - the letters that shapes have everywhere
VARIANCE = {
    "glorot_uniform": 2 / (I + O),
    "glorot_normal": 2 / (I + O),
    "he_uniform": 2 / I,
    "he_normal": 2 / I,
    "lecun_uniform": 1 / I,
    "lecun_normal": 1 / I,
    "fan_in_uniform": 1 / (3 * I),
}
RELU_LIKE = ["relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus"]
LINEAR_LIKE = ["linear", "sigmoid", "tanh", "softmax"]
ACTIVATIONS = [*RELU_LIKE, *LINEAR_LIKE, "selu"]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", VARIANCE)
def test_moments_follow_the_formula(name):
    w = init.get(name)((I, O), rng())
    n, variance = w.size, VARIANCE[name]
    assert w.shape == (I, O)
    assert w.dtype == np.float64
    # Five standard errors of the sample's mean and variance; kurtosis 3 bounds both forms.
    assert abs(w.mean()) < 5 * np.sqrt(variance / n)
    assert abs(w.var() / variance - 1) < 5 * np.sqrt(2 / n)


@pytest.mark.parametrize("name", [name for name in VARIANCE if name.endswith("uniform")])
def test_uniform_fills_its_range_and_no_more(name):
    w, limit = init.get(name)((I, O), rng()), np.sqrt(3 * VARIANCE[name])
    assert 0.999 * limit < np.abs(w).max() <= limit
    share = np.histogram(w, 10, (-limit, limit))[0] / w.size
    np.testing.assert_allclose(share, 0.1, atol=0.007)


@pytest.mark.parametrize("name", [name for name in VARIANCE if name.endswith("normal")])
def test_normal_is_normal_and_not_truncated(name):
    z = init.get(name)((I, O), rng()) / np.sqrt(VARIANCE[name])
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.6827, abs=0.01)
    assert np.mean(np.abs(z) < 2) == pytest.approx(0.9545, abs=0.005)
    assert np.abs(z).max() > 3.5


@pytest.mark.parametrize("name", VARIANCE)
def test_fan_in_is_the_first_axis(name):
    tall, flat = init.get(name)((4000, 10), rng()), init.get(name)((10, 4000), rng())
    ratio = flat.var() / tall.var()
    assert ratio == pytest.approx(1 if "glorot" in name else 400, rel=0.05)


@pytest.mark.parametrize("name", VARIANCE)
def test_generator_decides(name):
    f = init.get(name)
    np.testing.assert_array_equal(f((3, 4), rng(1)), f((3, 4), rng(1)))
    assert (f((3, 4), rng(1)) != f((3, 4), rng(2))).all()


def test_float32_and_float64_nets_start_alike():
    w = init.he_normal((20, 30), rng())
    assert np.abs(w.astype(np.float32) - w).max() < 1e-7


@pytest.mark.parametrize("name", VARIANCE)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0, 3), (3, 0)])
def test_shape_without_fans_is_refused(name, shape):
    with pytest.raises(ShapeError, match=rf"{name}: need a weight shape \(I, O\)"):
        init.get(name)(shape, rng())


def test_zeros_and_constant_take_any_shape():
    for shape in ((3,), (2, 3), (2, 3, 4)):
        assert (init.zeros(shape, rng()) == np.zeros(shape)).all()
        values = init.constant(0.25)(shape, rng())
        assert (values == np.full(shape, 0.25)).all()
        assert values.dtype == np.float64
    assert init.constant(2)((2,), rng()).dtype == np.float64


@pytest.mark.parametrize("shape", [(3000,), (30, 100)])
def test_uniform_fills_its_limits_for_any_shape(shape):
    values = init.uniform(0.25)(shape, rng())
    assert values.shape == shape
    assert 0.249 < np.abs(values).max() <= 0.25
    assert abs(values.mean()) < 0.02
    assert not init.uniform(0)((3,), rng()).any()


@pytest.mark.parametrize("kind", [init.constant, init.uniform])
def test_initialisers_with_an_option_print_compare_and_pickle(kind):
    c = kind(0.1)
    assert repr(c) == f"{kind.__name__}(0.1)"
    assert pickle.loads(pickle.dumps(c)) == c
    assert c != kind(0.2)
    assert len({c, kind(0.1), kind(0.2)}) == 2


@pytest.mark.parametrize("limit", [-0.1, np.nan, np.inf, "1", None])
def test_uniform_needs_a_limit(limit):
    with pytest.raises(OptionError, match="uniform: need a finite number of at least 0; got"):
        init.uniform(limit)


def test_default_biases_lie_within_1_by_the_root_of_the_inputs():
    assert init.default_bias(16) == init.uniform(0.25)
    with pytest.raises(OptionError, match="default_bias: need n_in, a whole number"):
        init.default_bias(0)


@pytest.mark.parametrize("value", [np.nan, np.inf, "1", None, 1j])
def test_constant_needs_a_finite_number(value):
    with pytest.raises(OptionError, match="constant: need a finite number; got"):
        init.constant(value)


def test_get_takes_names_and_callables():
    assert init.get("zeros") is init.zeros
    c = init.constant(1.0)
    assert init.get(c) is c


@pytest.mark.parametrize("name", ["he", "HE_NORMAL", "constant", "get", 3, None])
def test_unknown_name_lists_the_known(name):
    with pytest.raises(OptionError) as caught:
        init.get(name)
    message = str(caught.value)
    assert all(known in message for known in [*VARIANCE, "zeros", "constant(c)"])
    found = {"HE_NORMAL": "he_normal", "he": "he_uniform"}.get(name)
    meant = f": did you mean {found!r}?" if found else ""
    assert message.endswith(f"got {name!r}{meant}")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_has_a_default(activation):
    special = {"linear": init.fan_in_uniform, "softmax": init.fan_in_uniform,
               "selu": init.lecun_normal}  # fmt: skip
    assert init.default_for(activation) is special.get(activation, init.lecun_uniform)
    first = init.lecun_normal if activation == "selu" else init.fan_in_uniform
    assert init.default_for(activation, first=True) is first


def test_default_for_unknown_activation_lists_the_known():
    with pytest.raises(OptionError) as caught:
        init.default_for("rellu")
    assert all(known in str(caught.value) for known in ACTIVATIONS)


def test_variance_survives_ten_layers():
    for activation, f in (("relu", lambda v: np.maximum(v, 0)), ("linear", lambda v: v)):
        x, generator = rng(1).normal(size=(400, 200)), rng(2)
        for _ in range(10):
            draw = init.he_uniform if activation == "relu" else init.lecun_uniform
            x = f(x @ draw((200, 200), generator))
        assert 0.4 < np.mean(x**2) / (0.5 if activation == "relu" else 1) < 2.5


def test_draw_returns_float64_of_the_shape():
    w = init.draw(lambda shape, generator: np.ones(shape, np.float32), (2, 3), rng(), who="w")
    assert w.dtype == np.float64
    assert w.shape == (2, 3)
    np.testing.assert_array_equal(
        init.draw("he_normal", (2, 3), rng(4), who="w"), init.he_normal((2, 3), rng(4))
    )


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda s, g: np.ones(3), ShapeError, r"dense_0\.w: need \(2, 3\) from .*got shape \(3,\)"),
        (lambda s, g: np.full(s, np.nan), DataError, r"dense_0\.w: .*got nan at row 0, column 0"),
        (lambda s, g: np.full(s, "a"), DtypeError, r"dense_0\.w: .*got dtype <U1"),
        ("nothing", OptionError, "got 'nothing'"),
    ],
)
def test_draw_names_the_parameter_and_the_fault(function, error, message):
    with pytest.raises(error, match=message):
        init.draw(function, (2, 3), rng(), who="dense_0.w")
