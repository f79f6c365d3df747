"""solver="lbfgs": loss, gradient and what they lead to, against scikit-learn's own."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.5", reason="needs scikit-learn 1.5")

from inspect import signature

from scipy import sparse
from sklearn.neural_network import MLPClassifier, MLPRegressor

import cnn_core as cnn
from cnn_core import ops
from cnn_core.estimators import lbfgs

N, INPUTS, HIDDEN, ALPHA = 501, 13, (11, 6), 0.7
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, INPUTS))
W = np.where(RNG.random(N) < 0.1, 0, RNG.random(N) * 3)


def half_squares(output, target):
    return ops.scale(ops.mse(output, target, reduction="none"), 0.5 * output.shape[1])


def answers(output, target):
    rows = ops.binary_cross_entropy(output, target, reduction="none")
    return ops.scale(rows, float(output.shape[1]))


KINDS = {
    "classes": (MLPClassifier, RNG.integers(0, 4, N), cnn.SoftmaxCrossEntropy(), 4),
    "two classes": (MLPClassifier, RNG.integers(0, 2, N), answers, 1),
    "questions": (MLPClassifier, RNG.integers(0, 2, (N, 3)), answers, 3),
    "numbers": (MLPRegressor, RNG.standard_normal(N), half_squares, 1),
    "several numbers": (MLPRegressor, RNG.standard_normal((N, 3)), half_squares, 3),
}
"""Peer, targets, loss, outputs."""


def peer_of(kind, x, **options):
    peer = KINDS[kind][0](hidden_layer_sizes=HIDDEN, activation="tanh", solver="lbfgs", alpha=ALPHA,
                          random_state=1, **options)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer.fit(x, KINDS[kind][1])


def targets_of(kind, peer):
    """Return the targets as scikit-learn and as this package takes them."""
    y = KINDS[kind][1]
    binarizer = getattr(peer, "_label_binarizer", None)
    theirs = binarizer.transform(y) if binarizer else y.reshape(N, -1)
    return theirs, y.astype(np.int32) if kind == "classes" else theirs.astype(float)


def net_of(kind, peer=None, dtype="float64"):
    layers = [*(cnn.Dense(n, "tanh") for n in HIDDEN), cnn.Dense(KINDS[kind][3])]
    net = cnn.Sequential(layers, INPUTS, dtype=dtype, seed=2)
    for i in range(len(layers) if peer is not None else 0):
        net.params[f"dense_{i}.w"][...] = peer.coefs_[i]
        net.params[f"dense_{i}.b"][...] = peer.intercepts_[i]
    return net


def rows_of(x, y, w=None):
    return SimpleNamespace(x=x, y=y, w=w, n=x.shape[0])


def divisor_of(kind):
    return KINDS[kind][3] if "numbers" in kind else 1


def in_parts(monkeypatch):
    monkeypatch.setattr(lbfgs, "PART_BYTES", 1)
    monkeypatch.setattr(lbfgs, "LEAST_ROWS", 64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradient_are_scikit_learns(kind, weights, is_sparse, parts, dtype, monkeypatch):
    x = np.where(RNG.random(X.shape) < 0.3, X, 0)
    x = sparse.csr_matrix(x) if is_sparse else x
    peer = peer_of(kind, x, max_iter=1)
    ask = peer._loss_grad_lbfgs
    weighted = "sample_weight" in signature(ask).parameters
    if weights is not None and not weighted:
        pytest.skip("this scikit-learn has no weights there")
    theirs, own = targets_of(kind, peer)
    numbers = [*peer.coefs_, *peer.intercepts_]
    at = np.concatenate([a.ravel() for a in numbers])
    n = len(peer.coefs_)
    room = [np.empty_like(a) for a in numbers]
    loss, gradient = ask(at, x, theirs, *([weights] if weighted else []), [x] + [None] * n,
                         [None] * n, room[:n], room[n:])  # fmt: skip
    if parts:
        in_parts(monkeypatch)
    net = net_of(kind, dtype=dtype)
    function = lbfgs.Function(net, KINDS[kind][2], rows_of(x, own, weights), ALPHA,
                              divisor_of(kind))  # fmt: skip
    assert function._program.program.max_batch == (64 if parts else N)
    found, own_gradient = function(at)
    rel = 1e-12 if dtype == "float64" else 1e-5
    assert found == pytest.approx(loss, rel=rel)
    np.testing.assert_allclose(own_gradient, gradient, rtol=rel, atol=rel * abs(gradient).max())
    np.testing.assert_array_equal(function.numbers(), at.astype(dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_where_scikit_learn_goes(kind):
    options = {"max_iter": 10, "max_fun": 15000, "tol": 1e-4}
    _, y = targets_of(kind, peer_of(kind, X, max_iter=1))
    peer = peer_of(kind, X, max_iter=1, warm_start=True)
    net = net_of(kind, peer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.set_params(**options).fit(X, KINDS[kind][1])
    found = lbfgs.minimise(
        lbfgs.Function(net, KINDS[kind][2], rows_of(X, y), ALPHA, divisor_of(kind)), **options
    )
    assert found.loss == pytest.approx(peer.loss_, rel=1e-9)
    assert (found.n_iter, found.converged) == (peer.n_iter_, False) == (10, False)
    for i, w in enumerate(peer.coefs_):
        np.testing.assert_allclose(net.params[f"dense_{i}.w"], w, rtol=1e-6, atol=1e-8)


def test_it_ends_in_a_minimum():
    """That of least squares with a ridge penalty, which a system of equations gives."""
    net, y = cnn.Sequential([cnn.Dense(1)], INPUTS, dtype="float64"), X @ np.arange(INPUTS) + 1
    function = lbfgs.Function(net, half_squares, rows_of(X, y[:, None], W), 3.0)
    found = lbfgs.minimise(function, max_iter=200, max_fun=1000, tol=1e-9)
    wide = np.hstack([X, np.ones((N, 1))])
    left = wide.T @ (W[:, None] * wide) + 3.0 * np.diag([1.0] * INPUTS + [0.0])
    best = np.linalg.solve(left, wide.T @ (W * y))
    assert found.converged
    np.testing.assert_allclose(net.params["dense_0.w"][:, 0], best[:-1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(net.params["dense_0.b"], best[-1:], rtol=1e-4)


def fitted(net, after=None, **options):
    y = KINDS["classes"][1].astype(np.int32)
    given = {"max_iter": 30, "max_fun": 15000, "tol": 1e-4} | options
    function = lbfgs.Function(net, KINDS["classes"][2], rows_of(X, y), ALPHA)
    return lbfgs.minimise(function, after=after, **given)


def test_no_bit_depends_on_threads(monkeypatch):
    monkeypatch.setattr("cnn_core.compile.schedule.MIN_FLOP", 1.0)
    in_parts(monkeypatch)
    values = []
    for n in (1, 2):
        cnn.set_num_threads(n)
        net = net_of("classes", dtype="float32")
        fitted(net)
        values.append(net.store.value.tobytes())
    cnn.set_num_threads(None)
    assert values[0] == values[1]


@pytest.mark.parametrize("limit", [{"max_iter": 4}, {"max_fun": 5}])
def test_it_keeps_to_the_limits(limit, capsys):
    found = fitted(net_of("classes"), verbose=True, **limit)
    assert not found.converged
    assert found.message
    assert found.n_iter <= limit.get("max_iter", 30)
    assert found.n_calls <= limit.get("max_fun", 30) + 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"Iteration {found.n_iter}, loss = {found.loss:.8f}"


@pytest.mark.parametrize("ending", ["true", "interrupt"])
def test_whatever_ends_it_the_numbers_are_those_of_the_last_iteration(ending):
    net, seen = net_of("classes"), []

    def after():
        seen.append(net.store.value.copy())
        if len(seen) == 7 and ending == "interrupt":
            raise KeyboardInterrupt
        return len(seen) == 7

    if ending == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            fitted(net, after)
    else:
        found = fitted(net, after)
        assert (found.n_iter, found.converged) == (7, False)
    np.testing.assert_array_equal(net.store.value, seen[-1])
    other = net_of("classes")
    fitted(other, max_iter=7)
    np.testing.assert_array_equal(net.store.value, other.store.value)


def test_numbers_that_overflow_end_it_without_a_word():
    """In float32 a step of the search may lead beyond what it holds."""
    net = net_of("numbers", dtype="float32")
    y = 1e30 * KINDS["numbers"][1].reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function = lbfgs.Function(net, half_squares, rows_of(X, y), 0.0)
        found = lbfgs.minimise(function, max_iter=20, max_fun=100, tol=1e-4)
    assert not found.converged
