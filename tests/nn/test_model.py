"""Models of several inputs and outputs, made of layers that are called on nodes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Input, Model, ops
from cnn_core.errors import DtypeError, GraphError, LabelError, OptionError, ShapeError
from cnn_core.nn.layers import Layer

RNG = np.random.default_rng(0)
X, C = RNG.standard_normal((50, 8)), RNG.integers(0, 20, (50, 2))


class Table(Layer):
    """Rows of a table by number, one after the other."""

    def build(self, x, name, rng):
        table = self.add_parameter("table", (20, 3), "glorot_uniform")
        rows = ops.take(table, x, axis=0)
        return ops.reshape(rows, (BATCH, 6))


class Join(Layer):
    n_inputs = None

    def build(self, x, name, rng):
        return ops.concat(x, axis=1, name=name)


def heads(seed=0, **options):
    x, c = Input("x", (BATCH, 8)), Input("c", (BATCH, 2), dtype="int32")
    h = Join()([cnn.Dense(16, activation="relu")(x), Table()(c)])
    return Model({"price": cnn.Dense(1)(h), "sold": cnn.Dense(2)(h)}, seed=seed, **options)


def expected(net, x, c):
    p = {name: a.astype(np.float64) for name, a in net.params.items()}
    hidden = np.maximum(x @ p["dense_0.w"] + p["dense_0.b"], 0)
    h = np.concatenate([hidden, p["table_0.table"][c].reshape(len(x), 6)], axis=1)
    ends = {"price": "dense_1", "sold": "dense_2"}
    return {name: h @ p[f"{end}.w"] + p[f"{end}.b"] for name, end in ends.items()}


def test_names_are_given_in_the_order_of_the_graph():
    for _ in range(2):  # not by what was made before
        net = heads()
        assert list(net.params) == [
            "dense_0.w", "dense_0.b", "table_0.table", "dense_1.w", "dense_1.b", "dense_2.w",
            "dense_2.b"]  # fmt: skip
        assert [list(net.inputs), list(net.outputs)] == [["x", "c"], ["price", "sold"]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", [
    lambda x, c: {"x": x, "c": c}, lambda x, c: {"c": c.astype(np.int16), "x": x}, lambda x, c:
    (x, c), lambda x, c: [x.tolist(), c.astype(float)], lambda x, c: (np.asfortranarray(x), c),
])  # fmt: skip
def test_predictions_by_name_and_in_order(given, dtype):
    net = heads(dtype=dtype)
    made, right = net.predict(given(X, C)), expected(net, X, C)
    for name, y in right.items():
        assert made[name].dtype == dtype
        np.testing.assert_allclose(made[name], y, rtol=1e-5 if dtype == "float32" else 1e-12,
                                   atol=1e-6 if dtype == "float32" else 1e-14)  # fmt: skip
    one = net.predict({"x": X[3], "c": C[3]})
    np.testing.assert_array_equal(one["sold"], made["sold"][3])
    outs = {"price": np.empty((50, 1), dtype), "sold": np.empty((50, 2), dtype)}
    assert net.predict((X, C), out=outs)["sold"] is outs["sold"]
    np.testing.assert_array_equal(outs["price"], made["price"])


def test_many_rows_run_in_blocks():
    net = heads()
    x, c = RNG.standard_normal((20_011, 8)), RNG.integers(0, 20, (20_011, 2))
    made = net.predict((x, c))
    for at in (0, 4095, 4096, 20_010):
        np.testing.assert_array_equal(made["sold"][at], net.predict((x[at], c[at]))["sold"])


def test_the_same_seed_gives_the_same_weights_and_none_gives_others(monkeypatch):
    monkeypatch.undo()
    one, other, again = heads(seed=None), heads(seed=None), None
    assert one.seed != other.seed
    assert (one.params["dense_0.w"] != other.params["dense_0.w"]).any()
    again = heads(seed=one.seed)
    for name, a in again.params.items():
        np.testing.assert_array_equal(a, one.params[name])
    net = cnn.Sequential([cnn.Dense(3)], 4)
    assert net.seed != cnn.Sequential([cnn.Dense(3)], 4).seed
    assert np.array_equal(eval(repr(net), vars(cnn)).params["dense_0.w"], net.params["dense_0.w"])


def test_gradients_through_shared_layers_are_those_of_both_places():
    x, z = Input("x", (BATCH, 4)), Input("z", (BATCH, 4))
    encode = cnn.Sequential([cnn.Dense(5, "tanh"), cnn.Dense(3)], 4, dtype="float64")
    distance = ops.square(encode(x) - encode(z))
    net = Model(ops.sum(distance, axis=1, keepdims=True), dtype="float64")
    assert len(net.params) == 4
    graph = cnn.Graph(ops.mean(net.output))
    graph.forward(x=X[:, :4], z=X[:, 4:])
    assert graph.check_gradients().ok
    a, b = encode.predict(X[:, :4]), encode.predict(X[:, 4:])
    np.testing.assert_allclose(net.predict({"x": X[:, :4], "z": X[:, 4:]})[:, 0],
                               ((a - b) ** 2).sum(axis=1))  # fmt: skip


def test_models_within_models_and_graphs_show_the_same_numbers():
    net = heads()
    x, c = Input("rows", (BATCH, 8)), Input("codes", (BATCH, 2), dtype="int32")
    both = net({"x": ops.tanh(x), "c": c})
    outer = Model(ops.concat([both["price"], both["sold"]], axis=1))
    assert "model_0.table_0.table" in outer.params
    inner = net.predict((np.tanh(X.astype(np.float32)), C))
    made = outer.predict({"rows": X, "codes": C})
    np.testing.assert_allclose(made[:, 1:], inner["sold"], rtol=1e-5, atol=1e-6)
    graph = cnn.Graph([outer.output, both["price"]])
    y, price = graph.forward(rows=X, codes=C)
    np.testing.assert_array_equal(y, made)
    np.testing.assert_array_equal(price, made[:, :1])


def test_input_scaling_is_part_of_the_graph():
    net = cnn.Sequential([cnn.Dense(3)], 4, input_scale=1 / 255, input_shift=-0.5, seed=1)
    pixels = RNG.integers(0, 256, (9, 4), dtype=np.uint8)
    made = net.predict(pixels)
    np.testing.assert_allclose(cnn.Graph(net.output).forward(x=pixels), made, rtol=1e-6)
    nested = cnn.Sequential([net, cnn.Activation("tanh")], 4)
    np.testing.assert_allclose(nested.predict(pixels), np.tanh(made), rtol=1e-6)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies_predict_the_same_and_share_nothing(again):
    net = heads()
    other = again(net)
    np.testing.assert_array_equal(other.predict((X, C))["sold"], net.predict((X, C))["sold"])
    other.params["dense_0.b"] = np.ones(16)
    assert not (net.params["dense_0.b"] == 1).any()


def test_outputs_may_be_inputs_parts_of_others_or_the_same():
    x = Input("x", (BATCH, 3))
    h = cnn.Dense(3, activation="tanh")(x)
    outputs = {"a": h, "b": x, "c": h, "d": cnn.Dropout(0.5)(h), "e": cnn.GaussianNoise(1.0)(x),
               "f": cnn.Flatten()(x), "g": cnn.Reshape((3, 1))(h), "h": h[:, 1:]}  # fmt: skip
    net = Model(outputs, dtype="float64", seed=0)
    for rows in (1, 7, 3000):
        given = RNG.standard_normal((rows, 3))
        made = np.tanh(given @ net.params["dense_0.w"] + net.params["dense_0.b"])
        found = net.predict(given)
        right = {"a": made, "b": given, "c": made, "d": made, "e": given, "f": given,
                 "g": made[:, :, None], "h": made[:, 1:]}  # fmt: skip
        for name, values in right.items():
            np.testing.assert_allclose(found[name], values, atol=1e-14, err_msg=name)


def _refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_what_does_not_fit_is_refused():
    net, x, c = heads(), Input("x", (BATCH, 8)), Input("c", (BATCH, 2), "int32")
    for given, error, text in (
        ({"x": X}, OptionError, "need arrays for x, c; got none for c"),
        ({"x": X, "c": C, "d": C}, OptionError, "need arrays for x, c; got 'd'"),
        ({"X": X, "c": C}, OptionError, "need arrays for x, c; got 'X': did you mean 'x'"),
        (X, OptionError, "need arrays for x, c; got one, a ndarray"),
        ((X, C, C), OptionError, "need arrays for x, c; got 3"),
        ((X, C[:9]), ShapeError, "need the same number of rows in each; got x 50, c 9"),
        ((X, C + 0.5), LabelError, r"need whole numbers of 32 bits in c; got [\d.]+ in row 0"),
        ((X, C[:, :1]), ShapeError, r"need c of shape \(N, 2\); got \(50, 1\)"),
        ((X, C + 2**40), LabelError, "in row 0"),
        ((X * 1e300, C), ValueError, "row 0"),
    ):  # fmt: skip
        _refused(lambda given=given: net.predict(given), error, text)
    _refused(lambda: net.predict((X, C), out=np.empty((50, 2))), OptionError, "need out, arrays")
    dense = cnn.Dense(3)(x)
    _refused(lambda: Model({}), GraphError, "need at least one output")
    _refused(lambda: Model({"a": dense, "b": c}), GraphError, "of real numbers; got <Input 'c'")
    _refused(lambda: setattr(net, "params", {}), OptionError, "Model: params: need a new network")
    _refused(lambda: Model({"a": 3}), GraphError, "need nodes with a batch as outputs")
    _refused(lambda: Model(ops.mean(dense)), GraphError, "need nodes with a batch as outputs")
    _refused(lambda: Model(dense, inputs=[x, c]), GraphError, "need inputs that an output depends")
    _refused(lambda: Model({"a": dense, "b": Table()(c)}, inputs=[x]), GraphError, "got none for c")
    _refused(lambda: Model(dense, inputs=[x, x]), GraphError, "each once; got one twice")
    _refused(lambda: Model(dense, dtype="int8"), DtypeError, "need dtype float32 or float64")
    _refused(lambda: Model(cnn.Dense(2)(Input("y", (BATCH, 2)))), OptionError, "got 'y'")
    _refused(lambda: Join()(x), GraphError, "join: need a list of nodes to be called on")
    _refused(lambda: cnn.Dense(2)([x, x]), GraphError, "dense: need a node to be called on")
    _refused(lambda: cnn.Dense(2)(np.ones((3, 8))), GraphError, "need a node to be called on")
    two = Model(ops.concat([dense, dense + Input("z", (BATCH, 3))], axis=1))
    _refused(lambda: two.input, OptionError, "need a network of one input; got x, z")
    _refused(lambda: net.output, OptionError, "need a network of one output; got price, sold")
    _refused(lambda: cnn.Sequential([net], 8), OptionError, "need nodes for x, c")
