"""A layer whose weights a network has is refused by another place, which would draw fresh ones."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import OptionError, ShapeError


def make() -> cnn.Sequential:
    return cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dropout(0.5), cnn.Dense(3)], inputs=4)


def again(net: cnn.Sequential) -> cnn.Sequential:
    return pickle.loads(pickle.dumps(net))


@pytest.mark.parametrize("copied", [lambda n: n, copy.deepcopy, again], ids=["it", "deep", "again"])
def test_layers_of_a_network_are_refused_by_another(copied):
    net = copied(make())
    for layers in (net.layers[:2], [net.layers[2]], [cnn.Dense(4), *net.layers]):
        with pytest.raises(OptionError, match=r"got Dense\(.*another network: copy.deepcopy"):
            cnn.Sequential(layers, inputs=4)
    net.predict(np.zeros((2, 4)))


def test_a_layer_is_refused_twice_in_one_network():
    layer = cnn.Dense(4)
    with pytest.raises(OptionError, match=r"a layer without weights for dense_1; .* this network"):
        cnn.Sequential([layer, layer], inputs=4)
    cnn.Sequential([layer], inputs=4)  # what was refused has taken nothing


def test_a_network_that_is_refused_takes_no_layer():
    layer = cnn.Dense(4)
    with pytest.raises(ShapeError):
        cnn.Sequential([layer, cnn.Activation(lambda x: cnn.ops.reshape(x, (5,)))], inputs=4)
    cnn.Sequential([layer], inputs=4)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, again], ids=["deep", "flat", "again"])
def test_a_copy_of_a_layer_starts_afresh_and_takes_the_numbers_of_the_other(copied):
    net = make()
    part = cnn.Sequential([copied(layer) for layer in net.layers[:2]], inputs=4, seed=9)
    assert (part.params["dense_0.w"] != net.params["dense_0.w"]).any()
    part.set_params({name: net.params[name] for name in part.params})
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    expected = np.maximum(x @ net.params["dense_0.w"] + net.params["dense_0.b"], 0)
    np.testing.assert_allclose(part.predict(x), expected, rtol=1e-5)


def test_layers_without_weights_may_be_used_again():
    drop, activate = cnn.Dropout(0.5), cnn.Activation("tanh")
    for _ in range(2):
        cnn.Sequential([cnn.Dense(4), drop, activate, activate, cnn.Dense(2), drop], inputs=4)


def test_weights_within_an_activation_count():
    def scaled(x):
        return x * cnn.Parameter("scale", np.ones(4))

    layer = cnn.Activation(scaled)
    cnn.Sequential([layer], inputs=4)
    with pytest.raises(OptionError, match="another network"):
        cnn.Sequential([layer], inputs=4)


def test_a_network_that_is_refused_at_the_end_takes_no_layer_either():
    def named_like_the_targets(x):
        return x * cnn.Parameter("y", np.ones(4))

    first = cnn.Dense(4)
    with pytest.raises(OptionError, match="got a Parameter named 'y'"):
        cnn.Sequential([first, cnn.Activation(named_like_the_targets)], inputs=4)
    first.units = 5
    assert cnn.Sequential([first], inputs=4).output.shape == (cnn.BATCH, 5)
