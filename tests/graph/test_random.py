"""Random numbers in graphs: when they are drawn anew, what they depend on, how they are spread."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops

OPS = pytest.mark.parametrize("op", [ops.random_normal, ops.random_uniform])
X = np.random.default_rng(0).standard_normal((6, 5))


def noisy(op, **options) -> Graph:
    x = Input("x", (BATCH, 5))
    return Graph(ops.sum(x * op(x, name="noise")), **options)


@OPS
def test_numbers_are_drawn_anew_at_every_forward_and_kept_within_it(op):
    graph = noisy(op)
    graph.forward(x=X)
    first = graph.value("noise")
    assert np.array_equal(graph.backward()["x"], first)
    assert graph.check_gradients()
    assert np.array_equal(graph.value("noise"), first)
    assert np.array_equal(graph.forward_node("noise"), first)
    graph.forward(x=X)
    assert not np.isin(graph.value("noise"), first).any()


@OPS
def test_numbers_follow_from_seed_step_and_place_alone(op):
    graphs = [noisy(op, seed=3), noisy(op, seed=3, training=True), noisy(op, seed=4)]
    found = []
    for graph, rows in zip(graphs, (6, 4, 6), strict=True):
        graph.forward(x=X[:rows])
        found.append(graph.value("noise"))
    assert np.array_equal(found[0][:4], found[1])
    assert not np.isin(found[2], found[0]).any()


@OPS
def test_float32_gets_the_numbers_of_float64(op):
    one, two = noisy(op, dtype="float32"), noisy(op)
    one.forward(x=X)
    two.forward(x=X)
    np.testing.assert_allclose(one.value("noise"), two.value("noise"), rtol=0, atol=3e-7)


@OPS
def test_nodes_draw_numbers_of_their_own_but_for_those_of_one_key(op):
    x = Input("x", (BATCH, 5))
    nodes = [op(x), op(x), op((BATCH, 5), key=7), op(x, key=7)]
    a, b, c, d = Graph([*nodes, ops.sum(x)]).forward(x=X)[:4]
    assert not np.isin(a, b).any()
    assert not np.isin(a, c).any()
    assert np.array_equal(c, d)


def test_normal_numbers_are_normal():
    z = np.sort(Graph(ops.random_normal((200_000,), 1.0, 2.0)).forward())
    z = (z - 1) / 2
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / z.size)
    at = np.linspace(-4, 4, 81)
    share = np.searchsorted(z, at) / z.size
    expected = np.array([NormalDist().cdf(v) for v in at])
    assert np.abs(share - expected).max() < 1.95 / np.sqrt(z.size)  # Kolmogorov, 1 in 1000


def test_uniform_numbers_are_uniform_and_below_high():
    for dtype in ("float32", "float64"):
        u = Graph(ops.random_uniform((200_000,), -3.0, 1.0), dtype=dtype).forward()
        share = np.histogram(u, 20, (-3, 1))[0] / u.size
        assert share.sum() == pytest.approx(1)
        np.testing.assert_allclose(share, 0.05, atol=5 * np.sqrt(0.05 / u.size))
        high = float(np.nextafter(np.dtype(dtype).type(1), 2, dtype=dtype))
        narrow = Graph(ops.random_uniform((1000,), 1.0, high), dtype=dtype).forward()
        assert (narrow == 1).all()


def test_a_spread_of_0_gives_the_mean():
    assert (Graph(ops.random_normal((7,), 2.5, 0)).forward() == 2.5).all()


def test_the_normal_quantile_is_exact_in_all_three_ranges(tmp_path):
    source = Path(__file__).parents[2] / "src_c"
    (tmp_path / "q.c").write_text(
        '#include "math/cnn_normal.h"\n'
        "double near_(double q) { return cnn_normal_near(q); }\n"
        "double tail_(double r) { return cnn_normal_tail(r); }\n"
        "double far_(double r) { return cnn_normal_far(r); }\n"
    )
    command = ["cc", "-O1", "-shared", "-fPIC", f"-I{source}", "q.c", "-o", "q.so", "-lm"]
    try:
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    except OSError:
        pytest.skip("there is no C compiler")
    library = ctypes.CDLL(str(tmp_path / "q.so"))
    near, tail, far = library.near_, library.tail_, library.far_
    for function in (near, tail, far):
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    exact = NormalDist().inv_cdf
    for p in np.linspace(0.0751, 0.4999, 200):
        assert near(0.5 - p) == pytest.approx(-exact(p), rel=4e-15)
    for p in np.geomspace(1.4e-11, 0.075, 200):
        assert tail(np.sqrt(-np.log(p))) == pytest.approx(-exact(p), rel=4e-15)
    for p in np.geomspace(2.0**-54, 1.3e-11, 200):
        assert far(np.sqrt(-np.log(p))) == pytest.approx(-exact(p), rel=4e-15)


class Noise(cnn.nn.layers.Layer):
    """y = x + N(0, 1)."""

    def build(self, x, name, rng):
        return x + ops.random_normal(x, name=name)


def test_training_draws_anew_at_every_step_and_repeats_by_seed_and_threads():
    def trained(seed, batches, threads=1):
        cnn.set_num_threads(threads)
        try:
            net = cnn.Sequential([cnn.Dense(64), Noise(), cnn.Dense(1)], 5, dtype="float64")
            trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD(lr=0.01), seed=seed)
            for n in batches:
                trainer.fit(data, data[:, :1], batch_size=64, epochs=n, progress=False)
        finally:
            cnn.set_num_threads(1)
        return net

    data = np.random.default_rng(1).standard_normal((640, 5))
    one, again, other = trained(0, [2]), trained(0, [1, 1], threads=2), trained(1, [2])
    assert np.array_equal(one.store.value, again.store.value)
    assert not np.array_equal(one.store.value, other.store.value)
    assert np.array_equal(one.predict(data), one.predict(data))


def autoencoder(n_hidden=16, n_code=2):
    """A variational autoencoder of points in the plane (Kingma and Welling 2014)."""
    rng = np.random.default_rng(0)

    def dense(x, name, n_in, n_out):
        w = Parameter(f"{name}.w", rng.normal(0, n_in**-0.5, (n_in, n_out)))
        return ops.dense(x, w, Parameter(f"{name}.b", np.zeros(n_out)))

    x = Input("x", (BATCH, 2))
    h = ops.tanh(dense(x, "encoder", 2, n_hidden))
    mu, log_var = dense(h, "mu", n_hidden, n_code), dense(h, "log_var", n_hidden, n_code)
    z = mu + ops.exp(0.5 * log_var) * ops.random_normal(mu, name="eps")
    decoded = dense(ops.tanh(dense(z, "decoder", n_code, n_hidden)), "out", n_hidden, 2)
    kl = 0.5 * ops.sum(ops.square(mu) + ops.exp(log_var) - log_var - 1.0, axis=1)
    return ops.row_mean(50.0 * ops.sum(ops.square(x - decoded), axis=1) + kl, name="loss")


def test_a_variational_autoencoder_trains_and_its_gradients_are_right():
    graph = Graph(autoencoder(), seed=1)
    rng = np.random.default_rng(2)
    angle = rng.uniform(0, 2 * np.pi, 256)
    x = np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(0, 0.05, (256, 2))
    graph.forward(x=x[:16])
    graph.backward()
    assert graph.grad("eps").shape == (16, 2)
    assert graph.check_gradients()
    optimizer = cnn.Adam(lr=0.01)
    losses = [graph.step(optimizer, x=x) for _ in range(400)]
    assert len(set(losses[-10:])) == 10
    assert np.mean(losses[-20:]) < 0.2 * losses[0]
    graph.forward(x=x[:16])
    assert graph.check_gradients()
