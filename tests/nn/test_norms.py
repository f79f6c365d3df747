"""Layers that normalise, and embeddings."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Input, ops
from cnn_core.errors import DataError, DtypeError, LabelError, OptionError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 5)) * [1, 2, 3, 4, 1e-3] + [0, 1, -5, 100, 3]


def net(*layers, **options):
    return cnn.Sequential(list(layers), 5, dtype="float64", seed=3, **options)


def test_layer_and_rms_norm_of_each_row():
    centred = X - X.mean(axis=1, keepdims=True)
    right = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(net(cnn.LayerNorm(eps=1e-3)).predict(X), right, rtol=1e-12)
    n = net(cnn.RMSNorm(eps=1e-3))
    n.params["rmsnorm_0.s"] = np.arange(5)
    right = X / np.sqrt((X**2).mean(axis=1, keepdims=True) + 1e-3) * np.arange(5)
    np.testing.assert_allclose(n.predict(X), right, rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0])
def test_batch_norm_trains_with_the_batch_and_predicts_with_running_statistics(momentum):
    n = net(cnn.BatchNorm(momentum=momentum, eps=1e-3), cnn.Dense(1))
    trainer = cnn.Trainer(n, loss="mse", optimizer=cnn.SGD(1e-9))
    mean, variance = np.zeros(5), np.ones(5)
    for batch in (X[:16], X[16:], X[3:5]):
        trainer.step(batch, np.zeros((len(batch), 1)))
        mean += momentum * (batch.mean(axis=0) - mean)
        variance += momentum * (batch.var(axis=0, ddof=1) - variance)
    np.testing.assert_allclose(n.params["batchnorm_0.mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(n.params["batchnorm_0.variance"], variance, rtol=1e-11)
    h = (X - mean) / np.sqrt(variance + 1e-3)
    right = h @ n.params["dense_0.w"] + n.params["dense_0.b"]
    np.testing.assert_allclose(n.predict(X), right, rtol=1e-6)
    np.testing.assert_array_equal(n.predict(X[7]), n.predict(X)[7])
    loss = trainer.evaluate(X, np.zeros((40, 1)))["loss"]
    assert loss == pytest.approx((n.predict(X) ** 2).mean())
    again = pickle.loads(pickle.dumps(n))
    np.testing.assert_array_equal(again.predict(X), n.predict(X))


def test_running_statistics_move_once_a_step_and_in_nothing_else():
    n = net(cnn.BatchNorm(), cnn.Dense(1))
    trainer = cnn.Trainer(n, loss="mse")
    trainer.fit(X, np.zeros((40, 1)), batch_size=8, epochs=2, progress=False)
    kept = {k: a.copy() for k, a in n.params.items()}
    n.predict(X)
    trainer.evaluate(X, np.zeros((40, 1)))
    graph = cnn.Graph(ops.mean(n.output), training=True)
    graph.forward(x=X)
    graph.backward()
    for name, a in n.params.items():
        np.testing.assert_array_equal(a, kept[name])
    assert n.store.role("batchnorm_0.mean") == "state"
    n.freeze("batchnorm_0.*")
    assert n.store.role("batchnorm_0.mean") == "state"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads_or_the_length_of_calls(dtype):
    x = RNG.standard_normal((900, 40)).astype(dtype)
    digests = set()
    for n_threads in (1, 2, 3):
        cnn.set_num_threads(n_threads)
        try:
            layers = [cnn.Dense(200), cnn.BatchNorm(), cnn.Activation("relu"), cnn.LayerNorm(),
                      cnn.Dense(150), cnn.RMSNorm(), cnn.Dense(3)]  # fmt: skip
            n = cnn.Sequential(layers, 40, dtype=dtype, seed=0)
            trainer = cnn.Trainer(n, loss="mse", optimizer=cnn.Adam(0.01))
            trainer.fit(x, x[:, :3], batch_size=250, epochs=2, progress=False)
            digests.add(n.store.value.tobytes() + n.predict(x).tobytes())
        finally:
            cnn.set_num_threads(None)
    assert len(digests) == 1


@pytest.mark.parametrize("layer", [cnn.LayerNorm, cnn.RMSNorm, cnn.BatchNorm])
def test_gradients(layer):
    n = net(cnn.Dense(4), layer(), cnn.Dense(2))
    graph = cnn.Graph(ops.mean(ops.square(n.output)), training=True)
    graph.forward(x=X)
    assert graph.check_gradients().ok


def test_an_embedding_is_rows_of_its_table_and_learns_those_that_are_used():
    c = Input("c", (BATCH, 3), dtype="int32")
    table = cnn.Embedding(10, 4)
    n = cnn.Model(cnn.Dense(2)(cnn.Flatten()(table(c))), dtype="float64", seed=0)
    codes = RNG.integers(0, 7, (30, 3))
    before = n.params["embedding_0.table"].copy()
    assert abs(before.std() - 1) < 0.5
    right = before[codes].reshape(30, 12) @ n.params["dense_0.w"] + n.params["dense_0.b"]
    np.testing.assert_allclose(n.predict(codes), right, rtol=1e-12)
    cnn.Trainer(n, loss="mse", optimizer=cnn.SGD(0.1)).fit(codes, np.ones((30, 2)), progress=False)
    changed = (n.params["embedding_0.table"] != before).any(axis=1)
    assert set(np.flatnonzero(changed)) == set(np.unique(codes))


@pytest.mark.parametrize("wrong", [-1, 10, 2**31 - 1, -(2**31)])
def test_a_number_outside_the_table_is_refused_naming_row_and_value(wrong):
    n = cnn.Model(cnn.Embedding(10, 4)(Input("c", (BATCH, 3), dtype="int32")))
    codes = np.zeros((30, 3), np.int32)
    codes[17, 2] = wrong
    with pytest.raises(LabelError, match=f"0 to 9 in c, for embedding_0; got {wrong} in row 17"):
        n.predict(codes)


def frozen():
    n = net(cnn.BatchNorm(), cnn.Dense(1))
    n.freeze("batchnorm_0.*")
    return n


FEW = {
    "batchnorm_0": lambda: net(cnn.BatchNorm(), cnn.Dense(1)),
    "residual_0.batchnorm_0": lambda: net(cnn.Residual(cnn.BatchNorm()), cnn.Dense(1)),
    "sequential_0.batchnorm_0": lambda: net(net(cnn.BatchNorm()), cnn.Dense(1)),
    "batchnorm_0 takes": frozen,  # what is frozen are its scale and shift
}


@pytest.mark.parametrize("name", FEW)
def test_a_batch_of_one_row_is_refused_at_the_door_of_a_training(name):
    trainer = cnn.Trainer(FEW[name](), loss="mse")
    y = np.zeros((9, 1))

    def state():
        numbers = [a.tobytes() for a in trainer.net.params.values()]
        return numbers, trainer.optimizer.step_count, trainer.epochs_done

    before = state()
    need = f"need at least 2 rows in each batch, for the mean and variance that {name}.*; got 1"
    for n, batch in ((9, 8), (9, 4), (9, 1), (1, 32)):
        with pytest.raises(DataError, match=rf"fit: {need}.*another batch_size"):
            trainer.fit(X[:n], y[:n], batch_size=batch, progress=False)
    with pytest.raises(DataError, match=f"step: {need}"):
        trainer.step(X[:1], y[:1])
    assert state() == before
    trainer.step(X[:2], y[:2])
    before = state()
    with pytest.raises(DataError, match=f"step: {need}"):
        trainer.step(X[:1], y[:1])
    assert state() == before
    trainer.fit(X[:9], y, batch_size=7, validation_data=(X[:1], y[:1]), progress=False)
    assert trainer.net.predict(X[0]).shape == (1,)


def test_without_running_statistics_no_validation_ends_in_one_row():
    def objective(output, target):
        return ops.mean(ops.square(ops.batch_norm(output, name="norm") - target))

    trainer = cnn.Trainer(net(cnn.Dense(2)), loss=objective)
    x, y = np.zeros((513, 5)), np.zeros((513, 2))
    with pytest.raises(DataError, match=r"validation_data: need at least 2 rows .* norm takes"):
        trainer.fit(X, np.zeros((40, 2)), validation_data=(x, y), progress=False)
    assert trainer.optimizer.step_count == 0
    with pytest.raises(DataError, match=r"evaluate: .* 1 in the last of 513 rows, 512 at a time"):
        trainer.evaluate(x, y)
    assert np.isfinite(trainer.evaluate(x[:512], y[:512])["loss"])


def test_places_within_a_row_count_as_rows():
    n = net(cnn.Reshape((5, 1)), cnn.BatchNorm(), cnn.Flatten(), cnn.Dense(1))
    cnn.Trainer(n, loss="mse").fit(X[:9], np.zeros((9, 1)), batch_size=1, progress=False)


def test_what_does_not_fit_is_refused():
    x = Input("x", (BATCH, 3))
    for make, error, text in (
        (lambda: cnn.BatchNorm(momentum=2), OptionError, "BatchNorm: need momentum"),
        (lambda: cnn.LayerNorm(eps=-1), OptionError, "LayerNorm: eps"),
        (lambda: cnn.Embedding(0, 3), OptionError, "Embedding: need n"),
        (lambda: cnn.Embedding(3, 2)(x), DtypeError, "need whole numbers, as of Input"),
        (lambda: cnn.BatchNorm()(Input("x", (BATCH,))), ShapeError, r"need an input \(B, ..., C\)"),
    ):
        with pytest.raises(error, match=text):
            make()
