"""l2_per_row: a penalty over the weights of each batch's rows, and the figures that report it."""

from __future__ import annotations

import numpy as np
import pytest
from hook_cases import Stop
from training_cases import set_threads

import cnn_core as cnn
from cnn_core.errors import OptionError
from cnn_core.ir.node import Parameter
from cnn_core.optim import SGD, Adam, AdamW
from cnn_core.state.params import ParamStore

C, N, BATCH, LR = 0.3, 53, 8, 0.05
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 7))
Y = RNG.standard_normal((N, 2))
W = np.where(RNG.random(N) < 0.2, 0, RNG.random(N) * 3)


def make(dtype="float64", groups=None, loss=None, **options):
    net = cnn.Sequential([cnn.Dense(2)], 7, dtype=dtype, seed=3)
    groups = {"*.w": {"l2_per_row": C}} if groups is None else groups
    optimizer = SGD(lr=LR, groups=groups, **options)
    return cnn.Trainer(net, loss=loss or "mse", optimizer=optimizer, seed=1)


def numpy_epochs(net, w, epochs, clip_norm=None, batch=BATCH, over_batch=False):
    """Return the parameters, and the two sums of each epoch, by the definition."""
    a, b = (net.params[k].astype(float).copy() for k in ("dense_0.w", "dense_0.b"))
    found = []
    for _ in range(epochs):
        losses = penalties = 0.0
        for at in range(0, N, batch):
            x, y = X[at : at + batch], Y[at : at + batch]
            rows = np.ones(len(x)) if w is None else w[at : at + batch]
            total = len(x) if over_batch else rows.sum()
            d = x @ a + b - y
            penalty = C * (a**2).sum() / total
            losses += len(x) * (rows * (d**2).mean(axis=1)).sum() / total
            penalties += len(x) * penalty
            dz = rows[:, None] * d * (2 / 2 / total)
            da, db = x.T @ dz + 2 * C / total * a, dz.sum(axis=0)
            scale = 1.0
            if clip_norm is not None:
                scale = min(1, clip_norm / (np.sqrt((da**2).sum() + (db**2).sum()) + 1e-6))
            a, b = a - LR * scale * da, b - LR * scale * db
        found.append((losses, penalties))
    return a, b, found


class Sums(cnn.Callback):
    def __init__(self):
        self.found = []

    def on_epoch_end(self, trainer, epoch, values):
        self.found.append(trainer.batch_sums)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [
    {}, {"w": W}, {"clip_norm": 0.4}, {"w": W, "over_batch": True}, {"w": W, "accumulate": 3},
], ids=str)  # fmt: skip
def test_it_goes_by_the_weights_of_the_rows_of_each_step(dtype, options):
    w, k = options.get("w"), options.get("accumulate", 1)
    clip = {"clip_norm": options["clip_norm"]} if "clip_norm" in options else {}
    over = options.get("over_batch", False)
    loss = cnn.MSE(reduction="sum_over_batch" if over else "weighted_mean")
    trainer, sums = make(dtype, loss=loss, **clip), Sums()
    a, b, expected = numpy_epochs(trainer.net, w, 3, batch=BATCH * k, over_batch=over, **clip)
    trainer.fit(X, Y, batch_size=BATCH, accumulate=k, epochs=3, shuffle=False, sample_weight=w,
                callbacks=[sums], progress=False)  # fmt: skip
    rel = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(trainer.net.params["dense_0.w"], a, rtol=rel, atol=rel)
    np.testing.assert_allclose(trainer.net.params["dense_0.b"], b, rtol=rel, atol=rel)
    np.testing.assert_allclose(sums.found, expected, rtol=rel)


@pytest.mark.parametrize(("kind", "options", "others"), [
    (SGD, {}, {}), (SGD, {}, {"l1": 0.01}), (SGD, {}, {"l2": 0.1}), (SGD, {"clip_value": 0.02}, {}),
    (SGD, {}, {"weight_decay": 0.1}), (AdamW, {"weight_decay": 0.1}, {}),
    (AdamW, {"weight_decay": 0}, {}),
    (Adam, {"weight_decay": 0.1}, {"l1": 0.01, "l2": 0.1}),
])  # fmt: skip
def test_a_step_is_that_of_one_batch_and_adds_to_other_penalties(kind, options, others):
    found = []
    for groups in ({**others, "l2_per_row": C}, {**others, "l2": others.get("l2", 0) + C / N}):
        trainer = make()
        trainer.optimizer = kind(lr=LR, groups={"*.w": groups}, **options)
        found.append((trainer.step(X, Y), trainer.net.store.value))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-13)


def test_where_no_row_counts_there_is_none():
    """The mean is NaN there and its gradient 0."""
    y = np.zeros(N, int)
    loss = cnn.SoftmaxCrossEntropy(ignore_index=-1)
    trainer = make(loss=loss)
    before = trainer.net.store.value.copy()
    assert np.isnan(trainer.step(X, y - 1))
    np.testing.assert_array_equal(trainer.net.store.value, before)
    trainer.fit(X, y - (np.arange(N) < BATCH), batch_size=BATCH, shuffle=False, progress=False)
    assert np.isfinite(trainer.batch_sums).all()


def test_sparse_rows_have_the_gradients_of_dense_ones():
    sparse = pytest.importorskip("scipy.sparse")
    x = np.where(RNG.random((N, 7)) < 0.3, X, 0)
    x[:, 5] = 0  # no row has an entry there, and the penalty moves it all the same
    nets = []
    for rows in (x, sparse.csr_matrix(x)):
        trainer, sums = make(), Sums()
        trainer.fit(rows, Y, batch_size=BATCH, epochs=2, callbacks=[sums], progress=False)
        nets.append((trainer.net.store.value.copy(), sums.found))
        assert not np.isclose(trainer.net.params["dense_0.w"][5],
                              make().net.params["dense_0.w"][5], rtol=1e-3).any()  # fmt: skip
    np.testing.assert_allclose(nets[0][0], nets[1][0], rtol=1e-12)
    np.testing.assert_allclose(nets[0][1], nets[1][1], rtol=1e-12)


def wide(dtype="float32"):
    layers = [cnn.Dense(301, "relu"), cnn.Dense(3)]
    optimizer = Adam(groups={"*.w": {"l2_per_row": C}})
    net = cnn.Sequential(layers, 37, dtype=dtype, seed=1)
    return cnn.Trainer(net, loss="mse", optimizer=optimizer, seed=2)


def test_no_bit_depends_on_threads_or_on_being_broken_off(tmp_path, monkeypatch):
    monkeypatch.setattr("cnn_core.compile.schedule.MIN_FLOP", 1.0)
    rng, path, found = np.random.default_rng(1), tmp_path / "run", []
    x, y = rng.standard_normal((200, 37)), rng.standard_normal((200, 3))
    for threads, at in [(1, -1), (3, -1), (2, 11)]:
        set_threads(threads)
        trainer, sums = wide(), Sums()
        hooks = [cnn.Checkpoint(path, every=1), sums, Stop(at)]
        try:
            trainer.fit(x, y, batch_size=32, epochs=3, callbacks=hooks, progress=False)
        except KeyboardInterrupt:
            trainer = wide()
            hooks[2] = Stop(-1)
            trainer.fit(x, y, batch_size=32, epochs=3, callbacks=hooks, resume=path, progress=False)
        found.append((trainer.net.store.value.tobytes(), sums.found))
    set_threads(1)
    assert found[0] == found[1] == found[2]


def test_without_the_option_the_second_sum_is_zero():
    trainer = make(groups={})
    trainer.fit(X, Y, batch_size=BATCH, progress=False)
    loss, penalty = trainer.batch_sums
    assert penalty == 0.0
    assert loss == pytest.approx(N * trainer.history["loss"][0], rel=1e-12)


@pytest.mark.parametrize("c", [-1, np.nan, "much"])
def test_bad_amounts_are_refused(c):
    with pytest.raises(OptionError, match=r"SGD: groups\['\*'\]: l2_per_row: need a number in"):
        SGD(groups={"*": {"l2_per_row": c}})


def test_gradients_alone_have_no_rows():
    store = ParamStore([Parameter("w", np.ones((2, 2)))], "float64")
    optimizer = SGD(groups={"w": {"l2_per_row": C}})
    with pytest.raises(OptionError, match=r"apply: need a batch, as Trainer and Graph"):
        optimizer.apply(store)
    assert (store["w"] == 1).all()
    assert optimizer.step_count == 0
