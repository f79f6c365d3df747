"""Sparse rows as features: the numbers of dense rows, of which none is made."""

from __future__ import annotations

import contextlib
import copy
import pickle

import numpy as np
import pytest
from training_cases import AllThreads, set_threads

import cnn_core as cnn
from cnn_core._ext import core
from cnn_core.errors import CnnCoreError, DataError, OptionError, ShapeError
from cnn_core.train import batches

sparse = pytest.importorskip("scipy.sparse")

EXACT = core.gemm_mode() != "blas"
"""Own products have the bits of the sums over sparse rows; BLAS's own are others."""

OPTIMIZERS = {
    "sgd": lambda: cnn.SGD(lr=0.3),
    "momentum": lambda: cnn.SGD(lr=0.1, momentum=0.9),
    "decay": lambda: cnn.SGD(lr=0.3, weight_decay=0.01),
    "clip_norm": lambda: cnn.SGD(lr=0.3, clip_norm=0.02),
    "clip_value": lambda: cnn.SGD(lr=0.3, clip_value=1e-3),
    "adam": lambda: cnn.Adam(lr=0.01),
}


@pytest.fixture(autouse=True)
def _default_threads():
    yield
    cnn.set_num_threads(None)


def rows(n: int, width: int, density: float = 0.05, seed: int = 0, dtype: str = "float64"):
    """Return CSR rows, some of them empty, and labels."""
    rng = np.random.default_rng(seed)
    x = sparse.random(n, width, density, format="csr", rng=rng, data_rvs=rng.standard_normal)
    return x.astype(dtype), rng.integers(0, 3, n)


def network(width: int, hidden: int, dtype: str = "float32", activation: str = "relu", **options):
    layers = [cnn.Dense(hidden, activation=activation), cnn.Dense(3)]
    return cnn.Sequential(layers, width, dtype=dtype, seed=0, **options)


def trained(x, y, optimizer, *, hidden: int = 37, batch: int = 50, **options):
    """Return a trainer after some epochs, a step and an evaluation, and what these returned."""
    net = network(x.shape[1], hidden, **options)
    trainer = cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=optimizer,
                          metrics=["accuracy", "auc"])  # fmt: skip
    history = trainer.fit(x, y, batch_size=batch, epochs=2,
                          validation_data=(x[:9], y[:9]), progress=False)  # fmt: skip
    loss = trainer.step(x[:7], y[:7])
    return trainer, [history["loss"], history["val_loss"], loss, *trainer.evaluate(x, y).values()]


def assert_close(a, b, rtol: float) -> None:
    """Compare parameters and figures of two trainings; with ``rtol`` 0 to the bit."""
    (one, figures), (other, others) = a, b
    np.testing.assert_allclose(np.hstack(figures), np.hstack(others), rtol=rtol)
    for name, value in one.net.store.items():
        np.testing.assert_allclose(value, other.net.store[name], rtol=0,
                                   atol=rtol * np.abs(value).max(), err_msg=name)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_sparse_rows_train_as_dense_rows_do(name: str, dtype: str) -> None:
    # Plain SGD adds the shares of entries one by one, and clip_norm sums squares in another order.
    rounds = name in ("sgd", "clip_norm") or not EXACT
    rtol = (4e-6 if dtype == "float32" else 1e-12) if rounds else 0
    for n, width, hidden in ((130, 517, 37), (61, 40, 1), (64, 90, 64), (51, 33, 300)):
        x, y = rows(n, width, dtype=dtype)
        found = [trained(a, y, OPTIMIZERS[name](), hidden=hidden, dtype=dtype)
                 for a in (x.toarray(), x)]  # fmt: skip
        assert_close(*found, rtol)


@pytest.mark.parametrize("activation", ["linear", "tanh", "gelu"])
def test_predictions_have_the_bits_of_dense_rows(activation: str) -> None:
    x, _ = rows(1500, 70, dtype="float32")
    net = network(70, 45, activation=activation)
    made = net.predict(x)
    np.testing.assert_allclose(made, net.predict(x.toarray()), rtol=0 if EXACT else 1e-5)
    out = np.empty_like(made)
    assert net.predict(x, out=out) is out
    assert np.array_equal(out, made)
    assert net.predict(x[:0]).shape == (0, 3)
    assert np.array_equal(copy.deepcopy(net).predict(x), made)


@pytest.mark.parametrize("optimizer", [
    lambda: cnn.SGD(lr=0.3), lambda: cnn.SGD(lr=0.3, clip_norm=0.02),
    lambda: cnn.Adam(lr=0.01, lazy=True), lambda: cnn.SGD(lr=0.1, momentum=0.9),
])  # fmt: skip
def test_bits_do_not_depend_on_threads(optimizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "Pace", AllThreads)
    x, y = rows(300, 4000, 0.02, dtype="float32")
    found = []
    for n in (1, 2, 3):
        set_threads(n)
        found.append(trained(x, y, optimizer(), hidden=100, batch=128))
    assert_close(found[0], found[1], 0)
    assert_close(found[0], found[2], 0)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_lazy_adam_moves_the_touched_rows_and_their_state_alone(amsgrad: bool) -> None:
    x, y = rows(40, 60, 0.03)
    net = network(60, 5, "float64")
    optimizer = cnn.Adam(lr=0.1, lazy=True, amsgrad=amsgrad)
    trainer = cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=optimizer)
    w = net.store["dense_0.w"].copy()
    m, v, most = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    labels = cnn.Input("y", (cnn.BATCH,), "int32")
    graph = cnn.Graph(cnn.ops.mean(cnn.ops.softmax_cross_entropy(net.output, labels)))
    for t in range(1, 5):
        part = x[10 * (t - 1) : 10 * t]
        graph.forward(x=part.toarray(), y=y[10 * (t - 1) : 10 * t])
        graph.backward()
        g = graph.grad("dense_0.w").copy()
        touched = np.unique(part.indices)
        m[touched] += 0.1 * (g - m)[touched]
        v[touched] = (0.999 * v + 0.001 * g * g)[touched]
        most[touched] = np.maximum(most, v)[touched]
        root = np.sqrt(most if amsgrad else v) / np.sqrt(1 - 0.999**t)
        w[touched] -= (0.1 / (1 - 0.9**t) * m / (root + 1e-8))[touched]
        trainer.step(part, y[10 * (t - 1) : 10 * t])
        np.testing.assert_allclose(net.store["dense_0.w"], w, rtol=1e-10, atol=1e-14)
    state = optimizer.state_dict()["slots"]
    np.testing.assert_allclose(state["mean"]["dense_0.w"], m, rtol=1e-9, atol=1e-16)
    never = np.setdiff1d(np.arange(60), x.indices)
    assert len(never)
    assert not state["square_mean"]["dense_0.w"][never].any()


def test_lazy_adam_is_adam_where_rows_are_dense() -> None:
    x, y = rows(90, 30)
    found = [trained(x.toarray(), y, cnn.Adam(lr=0.01, lazy=lazy)) for lazy in (True, False)]
    assert_close(*found, 0)
    with pytest.raises(OptionError, match="lazy: need weight_decay=0"):
        cnn.Adam(lazy=True, weight_decay=0.1)


def test_a_million_columns_of_which_no_dense_row_is_made() -> None:
    x = sparse.csr_matrix((np.ones(3000, np.float32), np.arange(3000) * 333, np.arange(0, 3001, 3)),
                          (1000, 1_000_000))  # fmt: skip
    y = np.arange(1000) % 3
    trainer = cnn.Trainer(network(1_000_000, 4), loss="softmax_cross_entropy",
                          optimizer=cnn.SGD(lr=1.0))  # fmt: skip
    before = trainer.net.store["dense_0.w"][1:333].copy()
    history = trainer.fit(x, y, batch_size=100, epochs=3, progress=False)
    assert history["loss"][-1] < history["loss"][0]
    assert trainer.net.predict(x).shape == (1000, 3)
    assert np.array_equal(trainer.net.store["dense_0.w"][1:333], before)


def test_inputs_of_both_kinds_and_a_weight_that_two_of_them_share() -> None:
    def outputs():
        a, b = cnn.Input("a", (cnn.BATCH, 40)), cnn.Input("b", (cnn.BATCH, 40))
        c, shared = cnn.Input("c", (cnn.BATCH, 6)), cnn.Dense(8, activation="tanh")
        return cnn.Dense(3)(cnn.Concat()([shared(a), shared(b), cnn.Dense(5)(a), cnn.Dense(4)(c)]))

    (a, y), (b, _) = rows(80, 40), rows(80, 40, seed=1)
    c = np.random.default_rng(2).standard_normal((80, 6))
    found = []
    for kinds in ((a.toarray(), b.toarray()), (a, b), (a, b.toarray())):
        net = cnn.Model(outputs(), dtype="float64", seed=0)
        trainer = cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=cnn.SGD(lr=0.3))
        x = {"a": kinds[0], "b": kinds[1], "c": c}
        history = trainer.fit(x, y, batch_size=16, epochs=2, progress=False)
        found.append((trainer, [history["loss"], net.predict(x)[:, 0]]))
    assert_close(found[0], found[1], 1e-11)
    assert_close(found[0], found[2], 1e-11)


def test_pixels_are_scaled_as_dense_ones_are() -> None:
    x, y = rows(80, 40)
    x = abs(100 * x).astype(np.uint8)
    found = [trained(a, y, cnn.Adam(lr=0.01), input_scale=1 / 255) for a in (x.toarray(), x)]
    assert_close(*found, 0 if EXACT else 1e-5)
    with pytest.raises(OptionError, match=r"fit: need dense features x, or a network without"):
        trained(x, y, "sgd", input_shift=0.5)


def test_rows_that_count_nothing_may_hold_anything() -> None:
    x, y = rows(80, 40, 0.3)
    weights = np.ones(80)
    weights[[3, 60]] = 0
    clean = x.copy()
    x.data[x.indptr[3]], x.data[x.indptr[60]] = np.nan, np.inf
    trainers = []
    for a in (clean, x):
        trainers.append(cnn.Trainer(network(40, 5), loss="softmax_cross_entropy"))
        trainers[-1].fit(a, y, sample_weight=weights, batch_size=16, epochs=2, progress=False)
    for name, value in trainers[0].net.store.items():
        assert np.array_equal(value, trainers[1].net.store[name])
    trainer = cnn.Trainer(network(40, 5), loss="softmax_cross_entropy")
    at = f"nan at row 3, column {x.indices[x.indptr[3]]}: fill"
    with pytest.raises(DataError, match=f"fit: need finite values in features x; got {at}"):
        trainer.fit(x, y, progress=False)


@pytest.mark.parametrize("optimizer", [cnn.SGD(lr=0.1), cnn.Adam(lazy=True),
                                       cnn.SGD(lr=0.1, clip_norm=1.0)])  # fmt: skip
def test_a_gradient_that_is_not_finite_is_named_and_nothing_changes(optimizer) -> None:
    x = sparse.csr_matrix(([3e38, 1.0], ([0, 1], [7, 2])), (2, 9))
    net = cnn.Sequential([cnn.Dense(4, init="zeros")], 9, seed=0)
    trainer, bias = cnn.Trainer(net, loss="mse", optimizer=optimizer), net.store["dense_0.b"].copy()
    made = r"-inf in the gradient of 'dense_0.w', made by 'dense_0', in row 0, where 3e\+38 of 'x'"
    with pytest.raises(DataError, match=made) as e:
        trainer.step(x, np.full((2, 4), 1e3, np.float32))
    assert "no parameter was changed" in str(e.value)
    assert not net.store["dense_0.w"].any()
    assert np.array_equal(net.store["dense_0.b"], bias)
    trainer.guard = "skip"
    trainer.step(x, np.full((2, 4), 1e3, np.float32))
    assert trainer.skipped == 1
    assert not net.store["dense_0.w"].any()
    trainer.guard = None
    trainer.step(x, np.full((2, 4), 1e3, np.float32))
    assert not np.isfinite(net.store["dense_0.w"][7]).any()


def test_norms_beyond_a_double_are_clipped_as_those_of_dense_rows() -> None:
    x = sparse.csr_matrix(([1e200, 1.0, 2e200], ([0, 1, 1], [7, 2, 7])), (2, 9))
    found = []
    for a in (x.toarray(), x):
        net = cnn.Sequential([cnn.Dense(4, init="zeros")], 9, seed=0, dtype="float64")
        trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=0.1, clip_norm=1.0))
        found.append((trainer, [trainer.step(a, np.ones((2, 4)))]))
    assert_close(*found, 1e-12)
    assert np.abs(found[0][0].net.store["dense_0.w"]).max() > 0.01


def test_what_is_not_a_product_needs_dense_rows() -> None:
    x, y = rows(20, 30)
    for layers in ([cnn.LayerNorm(), cnn.Dense(3)], [cnn.Dropout(0.5), cnn.Dense(3)],
                   [cnn.Residual([cnn.Dense(30)]), cnn.Dense(3)]):  # fmt: skip
        net = cnn.Sequential(layers, 30, seed=0)
        trainer = cnn.Trainer(net, loss="softmax_cross_entropy")
        with pytest.raises(ShapeError, match="input 'x': need dense rows"):
            trainer.fit(x, y, progress=False)
        assert trainer.optimizer.step_count == 0
    with pytest.raises(CnnCoreError, match=r"as a dense array; got a sparse matrix.*toarray"):
        cnn.Graph(net.output).forward(x=x)
    with pytest.raises(CnnCoreError, match="got a sparse matrix"):
        trainer.fit(x.toarray(), x, progress=False)


def test_an_optimizer_that_moves_all_rows_cannot_take_over_within_a_fit() -> None:
    x, y = rows(60, 30)
    trainer = cnn.Trainer(network(30, 5), loss="softmax_cross_entropy", optimizer=cnn.SGD(lr=0.1))

    def other(epoch: int, values: dict) -> None:
        trainer.optimizer = cnn.Adam()

    with pytest.raises(OptionError, match=r"leaves rows without a gradient alone, for dense_0\.w"):
        trainer.fit(x, y, epochs=2, callbacks=[other], progress=False)
    trainer.fit(x, y, progress=False)


def test_resumed_within_an_epoch_to_the_same_bits(tmp_path) -> None:
    x, y = rows(90, 50)
    path, armed, found = tmp_path / "run.safetensors", [], []

    def stop(epoch: int, values: dict) -> None:
        if epoch == 2 and armed:
            raise KeyboardInterrupt

    def fit(x, **options) -> None:
        trainer = cnn.Trainer(network(50, 20), loss="softmax_cross_entropy",
                              optimizer=cnn.Adam(lr=0.01, lazy=True))  # fmt: skip
        trainer.fit(x, y, callbacks=[cnn.Checkpoint(path, every=4), stop], batch_size=16, epochs=4,
                    progress=False, **options)  # fmt: skip
        found.append((trainer, [trainer.net.predict(x)[:, 0]]))

    fit(x)
    path.unlink()
    armed.append(True)
    with contextlib.suppress(KeyboardInterrupt):
        fit(x)
    armed.clear()
    with pytest.raises(CnnCoreError, match="first rows"):
        fit(2 * x, resume=path)
    fit(x.tocoo(), resume=path)
    assert_close(*found, 0)


def test_a_share_is_held_out_as_of_dense_rows() -> None:
    x, y = rows(90, 50)
    found = []
    for a in (x.toarray(), x):
        trainer = cnn.Trainer(network(50, 6), loss="softmax_cross_entropy")
        history = trainer.fit(a, y, batch_size=16, validation_split=0.3, progress=False)
        found.append((trainer, [history["loss"], history["val_loss"]]))
    assert_close(*found, 0 if EXACT else 1e-5)


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_averages_diagnoses_and_rates_are_those_of_dense_rows(average: str) -> None:
    x, y = rows(60, 50)
    found = []
    for a in (x.toarray(), x):
        trainer = cnn.Trainer(network(50, 6, "float64"), loss="softmax_cross_entropy",
                              optimizer=cnn.SGD(lr=0.3), weight_average=average)  # fmt: skip
        trainer.fit(a, y, batch_size=16, epochs=2, progress=False)
        rates = trainer.lr_find(a, y, steps=20, batch_size=20)
        report = trainer.diagnose(a, y)
        found.append((trainer.averaged, rates.losses, [r[2:] for r in report.layers]))
    (one, losses, layers), (other, others, told) = found
    np.testing.assert_allclose(one.predict(x), other.predict(x), rtol=1e-10)
    np.testing.assert_allclose(losses, others, rtol=1e-8)
    np.testing.assert_allclose(layers, told, rtol=1e-8)


def test_a_copied_trainer_goes_on_to_the_same_bits() -> None:
    x, y = rows(90, 50)
    trainer, _ = trained(x, y, cnn.Adam(lr=0.01, lazy=True))
    other = pickle.loads(pickle.dumps(trainer))
    for t in (trainer, other):
        t.fit(x, y, progress=False)
    for name, value in trainer.net.store.items():
        assert np.array_equal(value, other.net.store[name])
