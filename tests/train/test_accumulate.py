"""Gradients of several minibatches make one step: that of a batch of all their rows."""

from __future__ import annotations

import numpy as np
import pytest
from hook_cases import Stop
from training_cases import blobs, make_net, set_threads

import cnn_core as cnn
from cnn_core.errors import NotFiniteError, OptionError

X, Y = blobs(101)
W = np.random.default_rng(2).random(101)


def make(dtype="float64", **options) -> cnn.Trainer:
    net = make_net(dtype=dtype, **options.pop("net", {}))
    optimizer = cnn.Adam(cnn.optim.CosineDecay(1e-2, 40), clip_norm=0.5)
    given = {"loss": "softmax_cross_entropy", "optimizer": optimizer, "seed": 4,
             "metrics": ["accuracy"]} | options  # fmt: skip
    return cnn.Trainer(net, **given)


@pytest.mark.parametrize("weights", [None, W, np.where(W < 0.7, 0, W)])
@pytest.mark.parametrize("reduction", ["weighted_mean", "sum_over_batch"])
def test_it_is_a_step_with_all_the_rows(weights, reduction):
    loss = cnn.SoftmaxCrossEntropy(reduction=reduction)
    whole, parts = make(loss=loss), make(loss=cnn.SoftmaxCrossEntropy(reduction=reduction))
    histories = []
    for trainer, batch, k in [(whole, 24, 1), (parts, 8, 3)]:
        histories.append(trainer.fit(X, Y, batch_size=batch, accumulate=k, epochs=3, progress=False,
                                     sample_weight=weights))  # fmt: skip
    assert whole.optimizer.step_count == parts.optimizer.step_count == 15
    for name, value in whole.net.params.items():
        np.testing.assert_allclose(parts.net.params[name], value, rtol=1e-9, atol=1e-12)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=1e-9)


def test_bits_depend_on_no_threads_and_resuming_is_exact(tmp_path, monkeypatch):
    monkeypatch.setattr("cnn_core.compile.schedule.MIN_FLOP", 1.0)
    path, found = tmp_path / "run", []

    for threads, at in [(1, -1), (3, -1), (1, 7)]:
        set_threads(threads)
        trainer = make("float32", net={"dropout": 0.3})
        hooks = [cnn.Checkpoint(path, every=3), Stop(at)]
        try:
            trainer.fit(X, Y, batch_size=7, accumulate=4, epochs=3, callbacks=hooks, progress=False)
        except KeyboardInterrupt:
            trainer = make("float32", net={"dropout": 0.3})
            hooks = [cnn.Checkpoint(path, every=3), Stop(-1)]
            trainer.fit(X, Y, batch_size=7, accumulate=4, epochs=3, callbacks=hooks, resume=path,
                        progress=False)  # fmt: skip
        found.append(trainer.net.store.value.tobytes())
    set_threads(1)
    assert found[0] == found[1] == found[2]
    trainer.step(X, Y)  # in one part again


def test_each_part_draws_its_own_mask():
    layers = [cnn.Dropout(0.5), cnn.Dense(1, use_bias=False)]
    trainer = cnn.Trainer(cnn.Sequential(layers, 400, seed=0), loss="mse", optimizer=cnn.SGD(1e-30))
    found = []
    for x, k in [(np.ones((8, 400)), 1), (np.ones((16, 400)), 2)]:
        trainer.optimizer.step_count = 0
        trainer.fit(x, np.ones(len(x)), batch_size=8, accumulate=k, shuffle=False, progress=False)
        found.append(np.array(trainer.net.params.grads["dense_0.w"]))
    assert not np.allclose(found[0], found[1], rtol=1e-3)  # as two equal parts would have it


def test_what_is_not_finite_changes_nothing_whatever_its_part():
    x = X.astype(np.float64)
    x[77] = np.inf
    for guard in ("raise", "skip"):
        trainer = make(check_finite=False, guard=guard)
        call = lambda t=trainer: t.fit(x, Y, batch_size=8, accumulate=3, shuffle=False,  # noqa: E731
                                       progress=False)  # fmt: skip
        if guard == "raise":
            with pytest.raises(NotFiniteError, match=r"epoch 1, step 4: .*of 'x', in row 77"):
                call()
            assert trainer.optimizer.step_count == 3
        else:
            call()
            assert (trainer.skipped, trainer.optimizer.step_count) == (1, 5)
        assert np.isfinite(trainer.net.store.value).all()


def test_what_cannot_be_taken_in_parts_is_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(OptionError, match="need dense arrays to accumulate gradients of"):
        make().fit(sparse.csr_matrix(X), Y, accumulate=2, progress=False)
    with pytest.raises(OptionError, match="accumulate"):
        make().fit(X, Y, accumulate=0, progress=False)
