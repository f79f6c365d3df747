"""GaussianNoise: what it draws, when anew, and that it is at work in training alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Input, ops
from cnn_core.compile import schedule
from cnn_core.errors import DtypeError, OptionError
from cnn_core.run.program import Program

N = 4000


def added(*layers, steps=1, seed=3, dtype="float64"):
    """What the layers add to zeros, one row for each step: the gradient of a sum's weights."""
    net = cnn.Sequential([*layers, cnn.Dense(1, use_bias=False, init="zeros")], N, dtype=dtype)
    trainer = cnn.Trainer(net, loss=lambda y, t: ops.mean(y) + 0 * ops.mean(t),
                          optimizer=cnn.SGD(lr=1.0), seed=seed)  # fmt: skip
    w = net.params[f"{net.layer_names[-1]}.w"][:, 0]
    found = []
    for _ in range(steps):
        before = w.copy()
        trainer.step(np.zeros((1, N)), np.zeros((1, 1)))
        found.append(before - w)
    return np.array(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("std", [1e-3, 0.5, 300.0])
def test_the_noise_is_normal_with_mean_0_and_the_standard_deviation(std, dtype):
    z = added(cnn.GaussianNoise(std), steps=5, dtype=dtype).ravel() / std
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * z.size)
    assert abs(np.mean(np.abs(z) < 1) - 0.682689) < 4 * 0.47 / np.sqrt(z.size)
    assert 3.5 < np.abs(z).max() < 6.5


def test_steps_and_layers_draw_apart_and_a_seed_draws_again():
    one = added(cnn.GaussianNoise(1.0), steps=3)
    assert np.abs(np.corrcoef(one) - np.eye(3)).max() < 4 / np.sqrt(N)
    two = added(cnn.GaussianNoise(1.0), cnn.GaussianNoise(1.0), steps=3)
    assert abs(two.std() - np.sqrt(2)) < 0.05  # with the same numbers it would be 2
    same, other = (added(cnn.GaussianNoise(1.0), steps=3, seed=s) for s in (3, 4))
    np.testing.assert_array_equal(same, one)
    assert abs(np.corrcoef(other.ravel(), one.ravel())[0, 1]) < 4 / np.sqrt(3 * N)


def test_a_layer_used_again_draws_other_numbers():
    x, noise = Input("x", (BATCH, N)), cnn.GaussianNoise(1.0)
    part = cnn.Sequential([cnn.Scale(), cnn.GaussianNoise(1.0)], N, dtype="float64")
    net = cnn.Model({"a": noise(x), "b": noise(x), "c": part(x), "d": part(x)}, dtype="float64")
    found = cnn.Graph(list(net.outputs.values()), training=True).forward(x=np.zeros((1, N)))
    assert np.abs(np.corrcoef([a[0] for a in found]) - np.eye(4)).max() < 5 / np.sqrt(N)


def test_prediction_and_evaluation_add_nothing():
    x = np.random.default_rng(0).standard_normal((9, 6))
    net = cnn.Sequential([cnn.GaussianNoise(5.0), cnn.Dense(3), cnn.GaussianNoise(5.0)], 6,
                         dtype="float64")  # fmt: skip
    right = x @ net.params["dense_0.w"] + net.params["dense_0.b"]
    np.testing.assert_allclose(net.predict(x), right, rtol=1e-12)
    found = cnn.Trainer(net, loss="mse").evaluate(x, np.zeros((9, 3)))
    assert found["loss"] == pytest.approx((right**2).mean())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict(x), net.predict(x))


def test_a_network_may_end_in_noise_also_as_the_only_layer_of_another():
    part = cnn.Sequential([cnn.Dense(2), cnn.GaussianNoise(0.1)], 3, seed=0)
    for layers in ([part], [part, cnn.Dropout(0.5)]):
        x = np.ones((4, 3))
        np.testing.assert_array_equal(cnn.Sequential(layers, 3).predict(x), part.predict(x))


@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_passes_unchanged(training):
    c = np.random.default_rng(0).standard_normal((7, 5))
    p, x = cnn.Parameter("p", np.ones((7, 5))), Input("x", (7, 5))
    y = ops.gaussian_noise(p, 2.0, name="noise")
    graph = cnn.Graph(ops.sum(y * x) + ops.sum(p), training=training)
    graph.forward(x=c)
    np.testing.assert_array_equal(graph.backward()["p"], c + 1)


def test_where_nobody_else_needs_it_the_gradient_stays_where_it_is():
    w = cnn.Parameter("w", np.ones((3, 4)))
    h = ops.gaussian_noise(ops.dense(Input("x", (BATCH, 3)), w), 1.0)
    loss = ops.mean(ops.square(h))
    store = cnn.ParamStore([w], "float32")
    steps = Program([loss], store, seeds=[loss], targets=[w], training=True).steps
    (step,) = (s for s in steps if s.op == "gaussian_noise" and s.which == 0)
    assert step.operands[-1] is step.operands[-2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads(dtype, monkeypatch, recwarn):
    monkeypatch.setattr(schedule, "MIN_FLOP", 1.0)
    x = np.random.default_rng(0).standard_normal((301, 13)).astype(dtype)
    digests = set()
    for n_threads in (1, 2, 3):
        cnn.set_num_threads(n_threads)
        try:
            layers = [cnn.GaussianNoise(0.3), cnn.Dense(17, "tanh"), cnn.GaussianNoise(0.1),
                      cnn.Dense(3)]  # fmt: skip
            net = cnn.Sequential(layers, 13, dtype=dtype, seed=0)
            trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(0.01))
            trainer.fit(x, x[:, :3], batch_size=101, epochs=2, progress=False)
            digests.add(net.store.value.tobytes())
        finally:
            cnn.set_num_threads(None)
    assert len(digests) == 1


def test_what_is_not_a_standard_deviation_is_refused():
    for std in (-0.1, np.nan, np.inf, "0.1", None):
        with pytest.raises(OptionError, match=r"GaussianNoise: need std, a .*number"):
            cnn.GaussianNoise(std)
    with pytest.raises(DtypeError, match="noise: need real numbers"):
        ops.gaussian_noise(Input("c", (BATCH,), "int32"), 1.0, name="noise")
