"""Copies: pickled, deep-copied or sent to another process, things go on where they are."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from training_cases import (
    assert_same_state,
    blobs,
    hard_trainer,
    make_net,
    make_trainer,
    run_checked,
    set_threads,
    state,
)

import cnn_core as cnn
from cnn_core.errors import StateError

X, Y = blobs(90)
WAYS = [lambda thing: pickle.loads(pickle.dumps(thing)), copy.deepcopy]


class Cube(cnn.Gate):
    """Keeps its input for the gradient, has an option, and counts its calls."""

    mean = 0.0

    def __init__(self, factor: float = 1.0) -> None:
        self.factor, self.calls = factor, 0

    def forward(self, x):
        self.x, self.calls, self.mean = x, self.calls + 1, float(np.mean(x))
        return self.factor * x**3

    def backward(self, dy):
        self.dx = 3 * self.factor * self.x**2 * dy
        return self.dx


# -- functions ----------------------------------------------------------------------------


def test_functions_of_operations_can_be_sent_to_other_processes(tmp_path):
    """cloudpickle sends functions that are defined in a script with the modules that they use."""
    cloudpickle = pytest.importorskip("cloudpickle")
    space: dict = {}
    exec("import cnn_core as cnn\nfrom cnn_core import ops\n"
         "def f(x):\n    return ops.tanh(x) + cnn.ops.exp(x)", space)  # fmt: skip
    space["f"].__module__ = "__main__"
    (tmp_path / "f").write_bytes(cloudpickle.dumps(space["f"]))
    code = f"import pickle; f = pickle.load(open({str(tmp_path / 'f')!r}, 'rb'))\n" \
           "import cnn_core as cnn; print(cnn.Graph(f(cnn.Input('x'))).forward(x=0.0))"  # fmt: skip
    assert run_checked(code) == "1.0"


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_the_operations_is_the_module_itself(way):
    assert way(cnn.ops) is cnn.ops


# -- trainers -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("epochs", [0, 2])
def test_a_copied_trainer_goes_on_to_the_same_bits(way, epochs):
    """Momentum, a schedule, dropout, the order of rows; also a step, which compiles apart."""
    trainer = hard_trainer()
    if epochs:
        trainer.fit(X, Y, batch_size=16, epochs=epochs, progress=False)
        trainer.step(X[:20], Y[:20])
    copied = way(trainer)
    if epochs:
        copied.optimizer.bind(copied.net.store)  # else at its first step
        assert_same_state(state(copied), state(trainer))
    for one in (trainer, copied):
        one.fit(X, Y, batch_size=16, epochs=2, progress=False)
        one.step(X[:20], Y[:20])
    assert_same_state(state(copied), state(trainer))
    assert copied.evaluate(X, Y) == trainer.evaluate(X, Y)


def test_a_copy_of_an_interrupted_trainer_takes_up_where_it_stopped():
    class Stop(Exception):
        pass

    def trainer():
        return make_trainer(make_net(dropout=0.2), optimizer=cnn.SGD(lr=rate), seed=3)

    def rate(step: int) -> float:
        if step == armed:
            raise Stop
        return 0.1

    armed, broken = 8, trainer()
    with pytest.raises(Stop):
        broken.fit(X, Y, batch_size=16, epochs=3, progress=False)
    armed = -1
    whole, copied = trainer(), copy.deepcopy(broken)
    whole.fit(X, Y, batch_size=16, epochs=3, progress=False)
    for one in (broken, copied):
        one.fit(X, Y, batch_size=16, epochs=2, progress=False)
        assert_same_state(state(one), state(whole))


def test_a_copied_trainer_follows_the_number_of_threads():
    copied = pickle.loads(pickle.dumps(hard_trainer()))
    copied._last = object()
    try:
        set_threads(cnn.get_num_threads() + 1)
        assert copied._last is None
    finally:
        cnn.set_num_threads(None)


# -- the state of optimizers --------------------------------------------------------------


def test_the_state_of_an_optimizer_may_be_loaded_before_the_first_step():
    trained, options = hard_trainer(), {"batch_size": 16, "epochs": 2, "progress": False}
    trained.fit(X, Y, **options)
    fresh = hard_trainer()
    loaded = trained.optimizer.state_dict()
    fresh.net.set_params(trained.net.params)
    fresh.optimizer.load_state_dict(loaded)
    fresh.epochs_done = trained.epochs_done
    assert fresh.optimizer.step_count == trained.optimizer.step_count
    again = fresh.optimizer.state_dict()
    np.testing.assert_equal(again["slots"], loaded["slots"])
    for slot in loaded["slots"].values():
        for array in slot.values():
            array.fill(7)  # it is a copy that waits
    for one in (trained, fresh):
        one.fit(X, Y, **options)
    assert_same_state(state(fresh), state(trained))


def test_a_loaded_state_of_other_parameters_is_refused_when_the_optimizer_meets_its_own():
    other = make_trainer(make_net(hidden=(5,)))
    other.step(X, Y)
    trainer = make_trainer()
    trainer.optimizer.load_state_dict(other.optimizer.state_dict())
    before = trainer.net.store.value.copy()
    for call in (lambda: trainer.fit(X, Y, progress=False), lambda: trainer.step(X, Y)):
        with pytest.raises(StateError, match=r"mean: need float32 for dense_0\.w .*; got no"):
            call()
    assert np.array_equal(trainer.net.store.value, before)
    trainer.optimizer.reset()
    trainer.step(X, Y)


def test_a_state_of_another_kind_is_refused_at_once_by_an_unbound_optimizer():
    other = make_trainer()
    other.step(X, Y)
    optimizer = cnn.SGD(lr=0.1)
    with pytest.raises(StateError, match=r"SGD\.load_state_dict: need the state of 'sgd'; got"):
        optimizer.load_state_dict(other.optimizer.state_dict())
    assert optimizer.step_count == 0


# -- networks and graphs ------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_the_parameters_of_a_network_are_there_once(way):
    """Starting values are dropped once they are placed; nodes refer to the network's numbers."""
    net = cnn.Sequential([cnn.Dense(300, "relu"), cnn.Dense(10)], 784)
    assert len(pickle.dumps(net)) < 1.1 * net.store.value.nbytes
    trainer = make_trainer(net)
    trainer.step(np.ones((4, 784)), np.arange(4))
    copied = way(net)
    x = np.random.default_rng(0).standard_normal((5, 784)).astype(np.float32)
    graph = cnn.Graph(copied.output, dtype="float32")
    assert np.array_equal(graph.forward(x=x), net.predict(x))
    copied.set_params({"dense_1.b": np.arange(10)})
    shared = cnn.Graph(copied.output, dtype="float32", params=copied.params)
    assert np.array_equal(shared.forward(x=x), copied.predict(x))
    assert not np.array_equal(net.params["dense_1.b"], copied.params["dense_1.b"])


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_graph_goes_on_to_the_same_bits(way):
    x, w = cnn.Input("x", (cnn.BATCH, 3)), cnn.Parameter("w", np.arange(9.0).reshape(3, 3) / 9)
    h = cnn.ops.dropout(cnn.ops.tanh(cnn.ops.dense(x, w)), 0.4)
    graph = cnn.Graph([cnn.ops.mean(h * h), h], training=True, seed=5)
    rows = np.random.default_rng(0).standard_normal((4, 3))
    graph.forward(x=rows)
    optimizer = cnn.Adam(lr=0.1)
    graph.step(optimizer, x=rows)
    copied, its = way((graph, optimizer))
    assert not copied.has_values
    for one, o in ((graph, optimizer), (copied, its)):
        one.step(o, x=rows)
    assert np.array_equal(copied.params["w"], graph.params["w"])
    for a, b in zip(copied.forward(x=rows), graph.forward(x=rows), strict=True):
        assert np.array_equal(a, b)
    seed = {graph.name_of(graph.outputs[0]): 1.0}
    found, expected = copied.backward(seed), graph.backward(seed)
    assert np.array_equal(found["w"], expected["w"])
    assert copied.node("w") is not graph.node("w")


@pytest.mark.parametrize("way", WAYS)
def test_copies_of_deep_graphs_need_no_deep_recursion(way):
    net = cnn.Sequential([cnn.Activation("tanh") for _ in range(1200)], 2)
    x = np.ones((1, 2), np.float32)
    assert np.array_equal(way(net).predict(x), net.predict(x))
    graph = cnn.Graph(net.output)
    assert np.array_equal(way(graph).forward(x=x), graph.forward(x=x))
    assert way(make_trainer(net, loss=cnn.MSE())).net.layers


# -- gates --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_gate_has_its_options_and_sums_and_none_of_what_passes(way):
    net = cnn.Sequential([cnn.Dense(4), Cube(0.5), cnn.Dense(3)], 7)
    trainer = make_trainer(net)
    empty = len(pickle.dumps(net))
    rows = np.tile(X, (100, 1)), np.tile(Y, 100)
    trainer.step(*rows)
    gate = net.layers[1].activation
    assert gate.x.size == gate.dx.size == 36000
    assert len(pickle.dumps(net)) < empty + 200
    copied = way(net)
    other = copied.layers[1].activation
    assert (other.factor, other.calls, other.mean) == (0.5, gate.calls, gate.mean)
    assert not hasattr(other, "x")
    assert not hasattr(other, "dx")
    assert np.array_equal(copied.predict(X), net.predict(X))


def test_a_gate_that_was_copied_in_the_middle_computes_its_gradient_from_its_own_forward():
    graph = cnn.Graph(Cube(2.0)(cnn.Input("x")))
    graph.forward(x=3.0)
    other = copy.deepcopy(graph)
    assert graph.backward() == {"x": 54.0}
    other.forward(x=1.0)
    assert other.backward() == {"x": 6.0}
