"""One owner of every number, and compiled graphs without addresses, which equal graphs share."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ParamStore, Sequential, ops
from cnn_core._ext.core import idle_memory
from cnn_core.compile import compiled
from cnn_core.errors import DtypeError, OptionError, StateError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def _net(seed=0, width=7, **options):
    layers = [cnn.Dense(width, activation="relu"), cnn.Dense(3)]
    return Sequential(layers, 5, seed=seed, **options)


def _trainer(net, **options):
    return cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(1e-2), **options)


# -- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_graph_of_a_trained_network_shows_the_trained_numbers(dtype):
    net = _net(dtype=dtype)
    trainer = _trainer(net)
    trainer.fit(X, Y, epochs=2, progress=False)
    graph = Graph(net.output)
    assert graph.dtype == net.dtype
    np.testing.assert_array_equal(graph.forward(x=X), net.predict(X))
    trainer.step(X, Y)
    np.testing.assert_array_equal(graph.forward(x=X), net.predict(X))
    assert np.shares_memory(graph.params["dense_0.w"], net.params["dense_0.w"])


def test_what_one_graph_learns_another_over_the_same_parameters_sees():
    w = Parameter("w", np.ones(3))
    first, second = Graph(ops.sum(w * Input("x", (3,)))), Graph(ops.sum(w * w))
    first.step(cnn.SGD(lr=0.5), x=np.array([1.0, 2.0, 4.0]))
    np.testing.assert_array_equal(w.value, [0.5, 0.0, -1.0])
    assert second.forward() == 1.25


def test_a_store_of_ones_own_is_apart():
    w = Parameter("w", np.ones(3))
    shared = Graph(ops.sum(w * w))
    apart = Graph(ops.sum(w * w), params=ParamStore([w], "float32"))
    apart.params["w"] = [1, 2, 3]
    assert (shared.forward(), apart.forward()) == (3, 14)


def test_another_dtype_than_that_of_the_numbers_is_refused_naming_the_parameter():
    net = _net()
    with pytest.raises(DtypeError, match=r"Graph: need parameters of float64; got 'dense_0.w'"):
        Graph(net.output, dtype="float64")


def test_no_second_copy_of_a_parameter_is_pickled():
    net = Sequential([cnn.Dense(256, activation="relu"), cnn.Dense(128), cnn.Dense(10)], 784)
    _trainer(net).step(np.ones((2, 784), np.float32), [0, 1])
    size = sum(a.nbytes for a in net.params.values())
    for thing in (net, Graph(net.output)):
        assert size < len(pickle.dumps(thing)) < size + 50_000


def test_parameters_are_set_one_some_or_all():
    net = _net()
    net.params["dense_1.b"] = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(net.params["dense_1.b"], [1, 2, 3])
    net.params["dense_1.b"] *= 2
    np.testing.assert_array_equal(net.params["dense_1.b"], [2, 4, 6])
    with pytest.raises(OptionError, match=r"need all parameters; got none for dense_0.b, dense_1"):
        net.set_params({"dense_0.w": np.ones((5, 7))}, strict=True)
    assert not (net.params["dense_0.w"] == 1).any()
    net.set_params({name: np.ones(a.shape) for name, a in net.params.items()}, strict=True)
    assert all((a == 1).all() for a in net.params.values())


# -- roles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [lambda t: t.step(X, Y), lambda t: t.fit(X, Y, progress=False)])
def test_frozen_parameters_stay_to_the_bit_until_they_learn_again(again):
    net = _net()
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.AdamW(1e-2))
    for pattern, frozen in (("dense_0.*", {"dense_0.w", "dense_0.b"}), ("*.b", {"dense_0.w",
                            "dense_0.b", "dense_1.b"}), (None, set())):  # fmt: skip
        if pattern is None:
            net.unfreeze()
        else:
            net.freeze(pattern)
        before = {name: a.copy() for name, a in net.params.items()}
        again(trainer)
        assert {n for n, a in net.params.items() if np.array_equal(a, before[n])} == frozen


def test_other_parameters_learn_as_if_the_frozen_ones_were_constants():
    net, twin = _net(), _net()
    net.freeze("dense_0.*")
    _trainer(net).fit(X, Y, epochs=3, progress=False)
    hidden = twin.params["dense_0.w"].copy(), twin.params["dense_0.b"].copy()
    head = Sequential([cnn.Dense(3)], 7)
    head.set_params({k.replace("dense_1", "dense_0"): v for k, v in twin.params.items()
                     if k.startswith("dense_1")})  # fmt: skip
    _trainer(head).fit(np.maximum(X @ hidden[0] + hidden[1], 0), Y, epochs=3, progress=False)
    np.testing.assert_allclose(net.params["dense_1.w"], head.params["dense_0.w"], rtol=1e-4)


def test_nothing_to_learn_and_patterns_that_match_nothing_are_refused():
    net = _net()
    with pytest.raises(OptionError, match=r"freeze: need a name or pattern among dense_0.w"):
        net.freeze("dense_7.*")
    net.freeze()
    with pytest.raises(OptionError, match="a parameter that learns reaches; got all 4 frozen"):
        _trainer(net).step(X, Y)


# -- compiled graphs ---------------------------------------------------------------------------


def test_networks_of_one_architecture_compile_once(monkeypatch):
    made = []

    class Counted(compiled.Compiled):
        def __init__(self, *arguments):
            made.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(compiled, "Compiled", Counted)
    for seed in range(20):
        net = _net(seed, width=11)
        _trainer(net, seed=seed).fit(X, Y, batch_size=8, progress=False)
        _trainer(net).evaluate(X, Y)
        net.predict(X)
    assert len(made) == 3
    _net(width=12).predict(X)
    assert len(made) == 4


def test_networks_that_share_what_is_compiled_are_right_each():
    others = [_net(seed) for seed in range(5)]
    for net in others:
        _trainer(net).fit(X, Y, epochs=2, progress=False)
    for seed, net in enumerate(others):
        compiled._shared.clear()
        alone = _net(seed)
        _trainer(alone).fit(X, Y, epochs=2, progress=False)
        assert alone.store.value.tobytes() == net.store.value.tobytes()
        assert alone.predict(X).tobytes() == net.predict(X).tobytes()


@pytest.mark.parametrize("build", [
    lambda x: x * 2.0, lambda x: x * 3.0, lambda x: x[:, 1:], lambda x: x[:, :2],
    lambda x: ops.clip(x, a_max=0.5), lambda x: ops.clip(x, a_min=0.5), lambda x: x + 1.0,
    lambda x: x * cnn.Constant(np.arange(3.0)), lambda x: x * cnn.Constant(np.ones(3)),
    lambda x: ops.concat([x, x], axis=1), lambda x: ops.matmul(x, cnn.Constant(np.ones((3, 700)))),
    lambda x: ops.matmul(x, cnn.Constant(np.full((3, 700), 2.0))),
])  # fmt: skip
def test_graphs_that_differ_in_anything_are_compiled_apart(build):
    """The same shapes, the same operations, other constants and options."""
    net = Sequential([cnn.Activation(build)], 3)
    x = RNG.standard_normal((4, 3)).astype(np.float32)
    np.testing.assert_allclose(net.predict(x), Graph(net.output, dtype="float32").forward(x=x))


def test_what_is_compiled_holds_no_parameter_of_the_first_network():
    import gc
    import weakref

    net = _net(width=13)
    _trainer(net).step(X, Y)
    net.predict(X)
    gone = weakref.ref(net.output)
    del net
    gc.collect()
    assert gone() is None


def test_batches_that_grow_row_by_row_are_compiled_at_doubling_sizes(monkeypatch):
    sizes = []

    class Counted(compiled.Compiled):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            sizes.append(self.max_batch)

    monkeypatch.setattr(compiled, "Compiled", Counted)
    trainer = _trainer(_net(width=14))
    w = Parameter("w", np.ones((5, 2)))
    graph = Graph(ops.mean(ops.matmul(Input("x", (BATCH, 5)), w)))
    for n in range(1, 41):
        trainer.step(X[:n], Y[:n])
        graph.step(cnn.SGD(), x=X[:n].astype(float))
    assert sorted(sizes) == sorted(2 * [1, 2, 4, 8, 16, 32, 64])


# -- threads and memory ------------------------------------------------------------------------


def test_threads_predict_at_once_and_right_also_while_another_trains():
    net, other = _net(width=200), _net(width=200)
    x = RNG.standard_normal((3000, 5)).astype(np.float32)
    expected, wrong, stop = net.predict(x), [], threading.Event()

    def predict():
        for n in (3000, 1, 700, 64):
            for _ in range(30):
                if not np.array_equal(net.predict(x[:n]), expected[:n]):
                    wrong.append(n)

    def train():
        trainer = _trainer(other)
        while not stop.is_set():
            trainer.fit(X, Y, progress=False)

    threads = [threading.Thread(target=predict) for _ in range(8)]
    training = threading.Thread(target=train)
    for thread in (training, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    training.join()
    assert not wrong


def test_many_networks_work_in_the_same_memory():
    nets = [_net(seed, width=64) for seed in range(50)]
    for net in nets:
        _trainer(net).fit(X, Y, progress=False)
        net.predict(X)
    before = sum(idle_memory())
    for net in nets:
        net.predict(X)
    assert sum(idle_memory()) == before
    assert len(idle_memory()) < 20


def test_a_gate_that_predicts_with_its_own_network_is_refused_where_it_must_be():
    class Inner(cnn.Gate):
        def forward(self, x):
            net.predict(X[:2])
            return x

    net = Sequential([cnn.Dense(3), Inner()], 5)
    with pytest.raises(StateError, match="called from within its own run"):
        net.predict(X[:2])
