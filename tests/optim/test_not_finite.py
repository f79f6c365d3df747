"""Gradients beyond what squares can hold, and those that are no numbers at all."""

from __future__ import annotations

import numpy as np
import pytest
from optimizer_cases import CASES, make_store, set_gradients, train

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import DataError
from cnn_core.optim import SGD, Adam, NAdam


def gradients(store, scale):
    set_gradients(store, np.random.default_rng(3))
    store.grad[:] *= scale / np.abs(store.grad).max()
    return {name: g.copy() for name, g in store.grads.items()}


@pytest.mark.parametrize("scale", [1e152, 1e160, 1e200, 1e300, 1.7e308])
@pytest.mark.parametrize("clip_norm", [1e-3, 1.0, 1e100])
def test_gradients_whose_squares_overflow_are_clipped_to_the_norm(scale, clip_norm):
    store = make_store("float64")
    g = gradients(store, scale)
    norm = np.sqrt(sum(np.sum((v / scale) ** 2) for v in g.values()))  # in units of the scale
    before = {name: value.copy() for name, value in store.items()}
    SGD(lr=1.0, clip_norm=clip_norm).apply(store)
    for name, value in g.items():
        expected = before[name] - value / scale / norm * clip_norm
        np.testing.assert_allclose(store[name], expected, rtol=1e-13, atol=1e-16 * clip_norm)


def test_huge_gradients_below_the_norm_stay_as_they_are():
    plain, limited = make_store("float64"), make_store("float64")
    for store in (plain, limited):
        gradients(store, 1e180)
    SGD(lr=1e-180).apply(plain)
    SGD(lr=1e-180, clip_norm=1e200).apply(limited)
    assert plain.value.tobytes() == limited.value.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_whose_squares_vanish_are_left_alone(dtype):
    plain, limited = make_store(dtype), make_store(dtype)
    for store in (plain, limited):
        gradients(store, 1e-30 if dtype == "float32" else 1e-200)
    Adam().apply(plain)
    Adam(clip_norm=1.0).apply(limited)
    assert plain.value.tobytes() == limited.value.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("case", CASES[::4], ids=str)
def test_a_gradient_that_is_not_finite_is_an_error_that_names_the_parameter(
    case, clip_norm, bad, dtype
):
    store, optimizer = make_store(dtype), case.make(clip_norm=clip_norm)
    train(optimizer, store, 2)
    state = optimizer.state_dict()
    store.grads["b.w"][2, 3] = bad
    before = store.value.tobytes()
    words = rf"step 3: need a finite gradient of 'b\.w'; got {bad} at element 35"
    for _ in range(2):  # the failed step counts for nothing
        with pytest.raises(DataError, match=words):
            optimizer.apply(store)
    assert store.value.tobytes() == before
    assert optimizer.step_count == 2
    assert optimizer.scalars.tobytes() == state["scalars"].tobytes()
    for name, slot in optimizer.state_dict()["slots"].items():
        assert all(a.tobytes() == state["slots"][name][k].tobytes() for k, a in slot.items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipped_values_may_be_infinite_but_no_nan(dtype):
    store = make_store(dtype)
    gradients(store, 1.0)
    store.grads["b.w"][2, 3] = -np.inf
    before = store["b.w"][2, 3]
    SGD(lr=0.5, clip_value=0.25).apply(store)
    assert store["b.w"][2, 3] == pytest.approx(before + 0.125, rel=1e-6)
    store.grads["b.w"][2, 3] = np.nan
    with pytest.raises(DataError, match=r"need a finite gradient of 'b\.w'; got nan at element 35"):
        SGD(clip_value=0.25).apply(store)


def test_an_infinite_slope_below_a_finite_loss_updates_nothing():
    w = cnn.Parameter("w", [0.0, 1.0])
    graph = cnn.Graph(cnn.ops.sum(cnn.ops.sqrt(w)))
    for _ in range(2):
        with pytest.raises(DataError, match=r"step 1: need a finite gradient of 'w'; got inf"):
            graph.step(SGD(lr=0.1))
    assert graph.params["w"].tolist() == [0.0, 1.0]


def trainer_with(optimizer, dtype="float32"):
    net = cnn.Sequential([cnn.Dense(8, activation="tanh"), cnn.Dense(1)], inputs=3, dtype=dtype,
                         seed=0)  # fmt: skip
    return cnn.Trainer(net, loss=cnn.MSE(), optimizer=optimizer)


X = np.random.default_rng(0).standard_normal((40, 3))
T = X[:, :1].copy()


CALLS = {
    "step": lambda trainer, x, t: trainer.step(x.astype(np.float64), t),
    "short step": lambda trainer, x, t: trainer.step(x, t),
    "fit": lambda trainer, x, t: trainer.fit(x, t, batch_size=40, progress=False),
    "weighted fit": lambda trainer, x, t: trainer.fit(x, t, batch_size=40, progress=False,
                                                      sample_weight=np.ones(40)),
}  # fmt: skip


@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("call", CALLS)
def test_a_loss_that_is_not_finite_stops_before_its_update(call, clip_norm):
    trainer = trainer_with(NAdam(clip_norm=clip_norm))
    x, t = X.astype(np.float32), T.astype(np.float32)
    trainer.step(x, t)
    huge = np.where(np.arange(40)[:, None] == 25, np.float32(3e38), t)  # its square overflows
    before, optimizer = trainer.net.store.value.copy(), trainer.optimizer
    scalars, slots = optimizer.scalars.copy(), [s.copy() for s in optimizer.slots]
    with pytest.raises(DataError, match="step 2: need finite numbers; got inf"):
        CALLS[call](trainer, x, huge)
    assert optimizer.step_count == 1
    assert np.array_equal(trainer.net.store.value, before)
    assert np.array_equal(optimizer.scalars, scalars)
    assert all(map(np.array_equal, optimizer.slots, slots))


def test_the_steps_before_one_that_fails_are_kept():
    trainer, other = trainer_with(SGD(lr=0.1)), trainer_with(SGD(lr=0.1))
    x, t = X.astype(np.float32), T.astype(np.float32)
    huge = t.copy()
    huge[25] = 3e38
    with pytest.raises(DataError, match="step 3: need finite numbers; got inf"):
        trainer.fit(x, huge, batch_size=10, shuffle=False, progress=False)
    for i in range(2):
        other.step(x[10 * i : 10 * i + 10], t[10 * i : 10 * i + 10])
    assert trainer.optimizer.step_count == 2
    assert np.array_equal(trainer.net.store.value, other.net.store.value)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_graph_step_whose_loss_is_not_finite_changes_nothing(value):
    w = Parameter("w", np.array(value))
    graph, optimizer = Graph(ops.log(w) * Input("x")), Adam()
    with pytest.raises(DataError, match="step 1: need a finite loss; got"):
        graph.step(optimizer, x=1.0)
    assert graph.params["w"] == value
    assert optimizer.step_count == 0


# -- batches in which nothing counts ------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_where_nothing_counts_every_way_says_nan_and_learns_nothing(momentum):
    net = cnn.Sequential([cnn.Dense(3)], inputs=3, seed=0)
    loss = cnn.SoftmaxCrossEntropy(ignore_index=-1)
    trainer = cnn.Trainer(net, loss=loss, optimizer=SGD(lr=0.1, momentum=momentum))
    x, y = X.astype(np.float32), np.full(40, -1)
    before = net.store.value.copy()
    assert np.isnan(trainer.step(x, y))
    assert np.isnan(trainer.step(x, y.astype(np.int32)))  # the short way
    assert np.isnan(trainer.fit(x, y, batch_size=8, progress=False)["loss"]).all()
    assert np.isnan(trainer.evaluate(x, y)["loss"])
    assert np.array_equal(net.store.value, before)


def test_a_batch_in_which_nothing_counts_is_no_part_of_the_mean():
    """Also where its rows hold what no row that counts may."""
    found = []
    for n in (40, 32):
        trainer = trainer_with(SGD(lr=0.1))
        x, t = X[:n].astype(np.float32), T[:n].astype(np.float32)
        w = np.where(np.arange(n) < 32, 1.0, 0.0)
        t[32:] = 3e38
        history = trainer.fit(x, t, batch_size=8, shuffle=False, sample_weight=w, progress=False)
        found.append((history["loss"], trainer.evaluate(x, t, w), trainer.net.store.value.copy()))
    assert found[0][:2] == found[1][:2]
    assert np.array_equal(found[0][2], found[1][2])


def test_a_graph_step_in_which_nothing_counts_says_nan_and_learns_nothing():
    w = Parameter("w", np.ones(3))
    x, t, weight = Input("x", (BATCH, 3)), Input("t", (BATCH,)), Input("weight", (BATCH,))
    graph = Graph(ops.mse(ops.sum(x * w, 1), t, weight=weight))
    feed = {"x": np.ones((4, 3)), "t": np.full(4, np.nan), "weight": np.zeros(4)}
    assert np.isnan(graph.step(SGD(lr=0.1), **feed))
    assert np.array_equal(graph.params["w"], np.ones(3))
    assert np.isnan(graph.forward(**feed))
    assert not graph.backward()["w"].any()
