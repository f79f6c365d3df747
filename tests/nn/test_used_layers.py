"""Layers and networks that are used again share their weights; a copy starts afresh."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import DtypeError, GraphError, OptionError, ShapeError

X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


def make(**options) -> cnn.Sequential:
    return cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dropout(0.5), cnn.Dense(3)], 4, **options)


def again(net: cnn.Sequential) -> cnn.Sequential:
    return pickle.loads(pickle.dumps(net))


@pytest.mark.parametrize("copied", [lambda n: n, copy.deepcopy, again], ids=["it", "deep", "again"])
def test_layers_of_a_network_keep_their_weights_in_another(copied):
    net = copied(make())
    part = cnn.Sequential([*net.layers[:2], cnn.Dense(7)], inputs=4, seed=9)
    assert part.layer_names == ["dense_0", "dropout_0", "dense_1"]
    assert np.shares_memory(part.params["dense_0.w"], net.params["dense_0.w"])
    assert not np.shares_memory(part.params["dense_1.w"], net.params["dense_1.w"])
    trainer = cnn.Trainer(part, loss="mse", optimizer=cnn.Adam(0.1))
    before = {name: a.copy() for name, a in net.params.items()}
    trainer.fit(X, np.ones((5, 7)), progress=False)
    changed = {n for n, a in net.params.items() if not np.array_equal(a, before[n])}
    assert changed == {"dense_0.w", "dense_0.b"}
    hidden = np.maximum(X @ net.params["dense_0.w"] + net.params["dense_0.b"], 0)
    expected = hidden @ part.params["dense_1.w"] + part.params["dense_1.b"]
    np.testing.assert_allclose(part.predict(X), expected, rtol=1e-5)


def test_a_layer_twice_in_a_row_has_one_weight_and_both_gradients():
    layer = cnn.Dense(4, activation="tanh")
    net = cnn.Sequential([layer, layer, cnn.Dense(2)], inputs=4, dtype="float64")
    assert net.layer_names == ["dense_0", "dense_0@2", "dense_1"]
    assert list(net.params) == ["dense_0.w", "dense_0.b", "dense_1.w", "dense_1.b"]
    graph = cnn.Graph(cnn.ops.mean(cnn.ops.square(net.output)))
    graph.forward(x=X)
    assert graph.check_gradients().ok


def test_networks_within_networks_share_their_weights():
    trunk, head = make(seed=1), cnn.Sequential([cnn.Dense(2)], 3, seed=2)
    net = cnn.Sequential([trunk, cnn.Activation("tanh"), head, head.layers[0].__class__(5)], 4)
    assert list(net.params) == [
        "sequential_0.dense_0.w", "sequential_0.dense_0.b", "sequential_0.dense_1.w",
        "sequential_0.dense_1.b", "sequential_1.dense_0.w", "sequential_1.dense_0.b",
        "dense_0.w", "dense_0.b"]  # fmt: skip
    expected = head.predict(np.tanh(trunk.predict(X)))
    expected = expected @ net.params["dense_0.w"] + net.params["dense_0.b"]
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-5)
    trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(0.1, momentum=0.9, clip_norm=1.0))
    before = trunk.predict(X)
    trainer.fit(X, np.ones((5, 5)), epochs=3, progress=False)
    assert not np.array_equal(trunk.predict(X), before)
    whole = again(net)
    np.testing.assert_array_equal(whole.predict(X), net.predict(X))
    net.freeze("sequential_0.*")
    before = trunk.predict(X)
    trainer.fit(X, np.ones((5, 5)), epochs=3, progress=False)
    np.testing.assert_array_equal(trunk.predict(X), before)


def test_training_over_several_blocks_equals_training_over_one():
    def build(nested):
        first, last = cnn.Dense(6, "tanh"), cnn.Dense(2)
        if nested:
            return cnn.Sequential([cnn.Sequential([first], 4, seed=3), last], 4, seed=4)
        return cnn.Sequential([first, last], 4)

    nested, plain = build(True), build(False)
    plain.set_params({k.replace("sequential_0.dense_0", "dense_0") if "seq" in k
                      else k.replace("dense_0", "dense_1"): a
                      for k, a in nested.params.items()})  # fmt: skip
    for net in (nested, plain):
        cnn.Trainer(net, loss="mse", optimizer=cnn.AdamW(0.05, clip_norm=0.5)).fit(
            X, np.ones((5, 2)), epochs=5, progress=False)  # fmt: skip
    np.testing.assert_array_equal(nested.predict(X), plain.predict(X))


def test_a_layer_on_another_width_and_a_network_on_other_rows_are_refused_naming_both():
    net = make()
    with pytest.raises(ShapeError, match=r"dense_0: need what its weights fit, as dense_0.w has "
                       r"shape \(4, 4\); got an input for which it would be \(9, 4\)"):  # fmt: skip
        cnn.Sequential([net.layers[0]], inputs=9)
    with pytest.raises(ShapeError, match=r"sequential_0: need a node like .*for 'x'"):
        cnn.Sequential([net], inputs=9)
    with pytest.raises(DtypeError, match=r"need parameters of float64; got 'dense_0.w'"):
        cnn.Sequential([net.layers[0]], inputs=4, dtype="float64")


def test_a_network_that_is_refused_takes_no_layer():
    layer = cnn.Dense(4)
    with pytest.raises(ShapeError):
        cnn.Sequential([layer, cnn.Activation(lambda x: cnn.ops.reshape(x, (5,)))], inputs=4)
    layer.units = 5
    assert cnn.Sequential([layer], inputs=7).output.shape == (cnn.BATCH, 5)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, again], ids=["deep", "flat", "again"])
def test_a_copy_of_a_layer_starts_afresh_and_takes_the_numbers_of_the_other(copied):
    net = make()
    part = cnn.Sequential([copied(layer) for layer in net.layers[:2]], inputs=4, seed=9)
    assert (part.params["dense_0.w"] != net.params["dense_0.w"]).any()
    part.set_params({name: net.params[name] for name in part.params})
    expected = np.maximum(X @ net.params["dense_0.w"] + net.params["dense_0.b"], 0)
    np.testing.assert_allclose(part.predict(X), expected, rtol=1e-5)


def test_layers_without_weights_may_be_used_again():
    drop, activate = cnn.Dropout(0.5), cnn.Activation("tanh")
    for _ in range(2):
        cnn.Sequential([cnn.Dense(4), drop, activate, activate, cnn.Dense(2), drop], inputs=4)


def test_two_layers_of_one_name_are_refused():
    with pytest.raises(OptionError, match="need different layer names; got a twice"):
        cnn.Sequential([cnn.Dense(4, name="a"), cnn.Dense(4, name="a")], inputs=4)
    x = cnn.Input("x", (cnn.BATCH, 4))
    with pytest.raises(GraphError, match=r"two nodes named 'a.w'"):
        cnn.Model(cnn.Dense(4, name="a")(cnn.Dense(4, name="a")(x)))
