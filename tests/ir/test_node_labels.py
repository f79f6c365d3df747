"""Labels of layers that are called on nodes: final in every graph, and told apart by nothing else.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Input, ops
from cnn_core.errors import CnnCoreError, GraphError, OptionError, ShapeError

X = np.random.default_rng(0).standard_normal((4, 3))


def source():
    return Input("x", (BATCH, 3))


def stems(params):
    return list(dict.fromkeys(name.rsplit(".", 1)[0] for name in params))


def test_a_graph_numbers_layers_as_a_model_does():
    h = cnn.Dropout(0.5)(cnn.Dense(2)(cnn.Dense(3)(source())))
    graph = cnn.Graph(h)
    names = ["x", "dense_0.w", "dense_0.b", "dense_0", "dense_1.w", "dense_1.b", "dense_1",
             "dropout_0"]  # fmt: skip
    assert [graph.name_of(n) for n in graph.nodes_topologically_sorted()] == names
    assert stems(pickle.loads(pickle.dumps(graph)).params) == ["dense_0", "dense_1"]
    assert stems(cnn.Model(h).params) == ["dense_0", "dense_1"]


def test_what_a_layer_draws_does_not_depend_on_the_layers_made_before():
    def masked():
        graph = cnn.Graph(cnn.Dropout(0.5)(source()), training=True, seed=1)
        return graph.forward(x=np.ones((50, 3)))

    first = masked()
    cnn.Dense(2)(source())
    np.testing.assert_array_equal(masked(), first)


def test_layers_called_before_have_a_name_in_a_row_of_layers():
    used, x = cnn.Dense(3), source()
    h = used(x)
    net = cnn.Sequential([cnn.Dense(3), used, cnn.Residual(used), cnn.Dense(2)], 3, dtype="float64")
    assert stems(net.params) == ["dense_0", "dense_1", "dense_2"]
    assert net.layer_names == ["dense_0", "dense_1", "residual_0", "dense_2"]
    model = cnn.Model(h)
    assert stems(model.params) == ["dense_1"]
    assert np.shares_memory(model.params["dense_1.w"], net.params["dense_1.w"])
    assert model.predict(X).shape == (4, 3)


def test_layers_within_layers_take_no_number_of_their_own():
    x = source()
    first, second = cnn.Residual([cnn.Dense(3), cnn.Dense(3)]), cnn.Residual(cnn.Dense(3))
    net = cnn.Model(cnn.Dense(1)(second(first(first(x)))))
    assert stems(net.params) == ["residual_0.dense_0", "residual_0.dense_1", "residual_1.dense_0",
                                 "dense_0"]  # fmt: skip
    trunk = cnn.Sequential([cnn.Dense(3)], 3)
    assert stems(cnn.Model(cnn.Dense(1)(trunk(x))).params) == ["sequential_0.dense_0", "dense_0"]


def test_networks_within_residuals_share_their_weights():
    part = cnn.Sequential([cnn.Dense(3, "tanh"), cnn.Dense(3)], 3, dtype="float64", seed=0)
    net = cnn.Sequential([cnn.Residual(part), cnn.Residual([part, cnn.Dense(3)])], 3)
    first = "residual_0.sequential_0"
    assert stems(net.params) == [f"{first}.dense_0", f"{first}.dense_1", "residual_1.dense_1"]
    w = net.params["residual_1.dense_1.w"]
    h = X + part.predict(X)
    right = h + part.predict(h) @ w + net.params["residual_1.dense_1.b"]
    np.testing.assert_allclose(net.predict(X), right, rtol=1e-12)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    outer = cnn.Sequential([net], 3)
    assert stems(outer.params)[0] == "sequential_0.residual_0.sequential_0.dense_0"


@pytest.mark.parametrize("again", [lambda net, _: net, lambda net, p: saved(net, p)])
def test_a_network_with_a_name_has_it_within_others(again, tmp_path):
    trunk = cnn.Sequential([cnn.Dense(3, "tanh")], 3, dtype="float64", name="trunk")
    trunk = again(trunk, tmp_path / "trunk.safetensors")
    assert eval(repr(trunk), vars(cnn)).name == "trunk"
    head = cnn.Sequential([cnn.Dense(1)], 3, dtype="float64", name="head")
    names = ["trunk.dense_0.w", "trunk.dense_0.b", "head.dense_0.w", "head.dense_0.b"]
    x = source()
    for net in (cnn.Sequential([trunk, trunk, head], 3), cnn.Model(head(trunk(trunk(x)))),
                cnn.Model(head(trunk(x))), cnn.Sequential([trunk, head], 3)):  # fmt: skip
        assert list(net.params) == names
        net.freeze("trunk*")
        assert [net.store.role(name) for name in names] == ["frozen"] * 2 + ["trainable"] * 2
        net.unfreeze("trunk*")
        assert list(again(net, tmp_path / "net.safetensors").params) == names
    with pytest.raises(OptionError, match="got trunk twice"):
        cnn.Sequential([trunk, cnn.Dense(3, name="trunk")], 3)
    with pytest.raises(OptionError, match="Sequential: need a name without"):
        cnn.Sequential([cnn.Dense(3)], 3, name="trunk*")


def saved(net, path):
    net.save(path)
    return cnn.load(path)


@pytest.mark.parametrize("how", [lambda net, _: pickle.loads(pickle.dumps(net)), saved])
def test_layers_within_a_copy_share_its_weights_when_they_are_used_again(how, tmp_path):
    part = cnn.Sequential([cnn.Dense(3)], 3)
    net = cnn.Sequential([cnn.Residual(cnn.Dense(3)), cnn.Residual(part)], 3)
    again = how(net, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert list(again.params) == list(net.params)
    first, second = (layer.layers[0] for layer in again.layers)
    other = cnn.Sequential([first, second], 3)
    name = "residual_0.dense_0.w"
    assert np.shares_memory(other.params[name], again.params[name])
    assert second.model.store.blocks[0] in again.store.blocks


WRONG = {
    "weights": lambda x: (d := cnn.Dense(2), d(x), d(Input("wide", (BATCH, 4)))),
    "shape": lambda x: cnn.Flatten()(Input("u", (2, 3))),
    "node": lambda x: cnn.Model([cnn.Dense(2)(x)]),
    "network": lambda x: cnn.Sequential([cnn.Dense(2)], 3)(Input("wide", (BATCH, 4))),
    "initialiser": lambda x: cnn.Model(cnn.Dense(2, init=lambda s, rng: np.ones(3))(x)),
    "operation": lambda x: ops.add(cnn.Dense(2)(x), cnn.Dense(3)(x)),
}


@pytest.mark.parametrize("case", WRONG)
def test_messages_say_the_kind_of_a_layer_that_has_no_number_yet(case):
    with pytest.raises(CnnCoreError) as error:
        WRONG[case](source())
    assert "#" not in str(error.value)


def test_a_call_that_fails_leaves_the_layer_as_new():
    inner = cnn.Dense(2)
    with pytest.raises(ShapeError, match="residual: need layers that keep the shape"):
        cnn.Residual(inner)(source())
    assert inner(Input("wide", (BATCH, 7))).shape == (BATCH, 2)


@pytest.mark.parametrize("name", ["a*", "dense?", "x[0]", "dense@2"])
def test_names_with_signs_that_mean_something_are_refused(name):
    with pytest.raises(OptionError, match=r"dense: need a name without \*, \?, \[ and @"):
        cnn.Dense(2, name=name)


def test_two_layers_of_one_name_are_refused_naming_it():
    x = source()
    with pytest.raises(GraphError, match=r"two nodes named 'a.w': give a layer 'a' another name"):
        cnn.Model({"p": cnn.Dense(2, name="a")(x), "q": cnn.Dense(2, name="a")(x)})


def test_groups_of_users_keep_their_names():
    with cnn.group("step#1"):
        y = cnn.Input("a") * cnn.Input("b")
    cnn.Graph(y)
    assert y.group == ("step#1",)
