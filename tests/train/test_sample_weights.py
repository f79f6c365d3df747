"""Sample weights: what they do to each loss under either reduction, wherever rows go."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import make_net

import cnn_core as cnn
from cnn_core.errors import DataError, OptionError
from cnn_core.nn.losses import LOSSES

RNG = np.random.default_rng(0)
N, BATCH = 1300, 96  # three runs of an evaluation and 14 steps, the last ones short
X = RNG.standard_normal((N, 7))
W = np.where(RNG.random(N) < 0.2, 0, RNG.exponential(3, N))
P = RNG.random((N, 3))
COUNTS, SIGNS, LABELS = RNG.poisson(2.0, (N, 3)), 2.0 * (P > 0.5) - 1, RNG.integers(0, 3, N)
TARGETS = {"poisson": COUNTS, "tweedie": COUNTS, "hinge": SIGNS, "squared_hinge": SIGNS,
           "softmax_cross_entropy": LABELS, "focal": LABELS, "multi_margin": LABELS,
           "binary_focal": P > 0.5, "quantiles": P[:, 0], "gaussian_nll": P[:, :2]}  # fmt: skip


def trainer_of(loss, dtype="float64", lr=0.01, **options) -> cnn.Trainer:
    net = make_net(dtype=dtype, outputs=4 if isinstance(loss, cnn.GaussianNLL) else 3)
    return cnn.Trainer(net, loss=loss, optimizer=cnn.SGD(lr=lr, momentum=0.9), **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_sum_over_a_batch_is_the_weighted_mean_times_the_mean_weight(name, dtype):
    """The value and, with a rate that makes up for it, the gradients: both are exact."""
    y, over = TARGETS.get(name, P), LOSSES[name](reduction="sum_over_batch")
    mean = trainer_of(LOSSES[name](), dtype)
    share = W[:64].mean()
    summed = trainer_of(over, dtype, lr=0.01 / share)
    rel = 1e-12 if dtype == "float64" else 2e-5
    assert summed.evaluate(X, y, W)["loss"] == pytest.approx(
        mean.evaluate(X, y, W)["loss"] * W.mean(), rel=rel
    )
    assert summed.evaluate(X, y)["loss"] == mean.evaluate(X, y)["loss"]
    for _ in range(3):
        found, expected = summed.step(X[:64], y[:64], W[:64]), mean.step(X[:64], y[:64], W[:64])
        assert found == pytest.approx(expected * share, rel=rel)
    np.testing.assert_allclose(
        summed.net.store.value, mean.net.store.value, rtol=rel * 100, atol=rel * 10
    )


def linear_training(reduction: str) -> tuple[np.ndarray, list[float]]:
    """Return the weights of a linear network trained on squares by NumPy, and its losses."""
    k, losses = np.full((7, 3), 0.1), []
    for _ in range(3):
        sums = np.zeros(2)
        for at in range(0, N, BATCH):
            x, t, w = X[at : at + BATCH], P[at : at + BATCH], W[at : at + BATCH]
            e = x @ k - t
            divisor = w.sum() if reduction == "weighted_mean" else len(w)
            sums += w @ (e**2).mean(axis=1), divisor
            k = k - 0.05 * 2 / 3 * x.T @ (w[:, None] * e) / divisor
        losses.append(sums[0] / sums[1])
    return k, losses


@pytest.mark.parametrize("reduction", ["weighted_mean", "sum_over_batch"])
def test_training_with_short_last_batches_is_that_of_numpy(reduction):
    net = cnn.Sequential([cnn.Dense(3, use_bias=False)], 7, dtype="float64")
    net.set_params({"dense_0.w": np.full((7, 3), 0.1)})
    trainer = cnn.Trainer(net, loss=cnn.MSE(reduction=reduction), optimizer=cnn.SGD(lr=0.05),
                          metrics=["mse"])  # fmt: skip
    history = trainer.fit(X, P, sample_weight=W, batch_size=BATCH, epochs=3, shuffle=False,
                          validation_data=(X, P, W), progress=False)  # fmt: skip
    k, losses = linear_training(reduction)
    np.testing.assert_allclose(net.params["dense_0.w"], k, rtol=1e-11)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-11)
    rows = ((X @ k - P) ** 2).mean(axis=1)
    divisor = W.sum() if reduction == "weighted_mean" else N
    assert history["val_loss"][-1] == pytest.approx(rows @ W / divisor, rel=1e-11)
    assert history["val_mse"][-1] == pytest.approx(rows @ W / W.sum(), rel=1e-11)


def test_ignored_rows_and_rows_without_weight_are_among_those_of_the_batch():
    y = np.where(np.arange(N) % 3 == 0, -1, LABELS)
    options = {"ignore_index": -1, "reduction": "sum_over_batch"}
    trainer = trainer_of(cnn.SoftmaxCrossEntropy(**options))
    z = trainer.net.predict(X)
    rows = np.log(np.exp(z).sum(axis=1)) - z[np.arange(N), LABELS]
    found = trainer.evaluate(X, y, W)["loss"]
    assert found == pytest.approx((rows * W * (y >= 0)).mean(), rel=1e-12)
    assert trainer.evaluate(X, y)["loss"] == pytest.approx((rows * (y >= 0)).mean(), rel=1e-12)
    before = trainer.net.store.value.copy()
    assert trainer.step(X, np.full(N, -1)) == 0.0  # not NaN, as a mean of nothing is
    assert np.array_equal(before, trainer.net.store.value)


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**-70, 2.0**70, 2.0**900])
def test_weights_of_a_sum_count_as_they_are(scale):
    plain, scaled = (trainer_of(cnn.MSE(reduction="sum_over_batch")) for _ in "ab")
    assert scaled.evaluate(X, P, W * scale)["loss"] == plain.evaluate(X, P, W)["loss"] * scale
    single = trainer_of(cnn.MSE(reduction="sum_over_batch"), "float32")
    if scale == 2.0**900:
        with pytest.raises(DataError, match=r"evaluate: .*sample_weight.*float32.*; got .* at row"):
            single.evaluate(X, P, W * scale)


def test_losses_of_ones_own_obey_or_are_refused():
    class Rows(cnn.Loss):
        def build(self, output, target, weight):
            return cnn.ops.mean(cnn.ops.square(output - target), axis=1)

    class Scalar(Rows):
        def build(self, output, target, weight):
            rows = super().build(output, target, weight)
            return self.over_rows(rows, weight) + 0.0 * cnn.ops.mean(output)

    class Deaf(Rows):
        def build(self, output, target, weight):
            return cnn.ops.row_mean(super().build(output, target, weight), weight)

    expected = trainer_of(cnn.MSE(reduction="sum_over_batch")).step(X, P, W)
    for own in (Rows, Scalar):
        assert trainer_of(own(reduction="sum_over_batch")).step(X, P, W) == pytest.approx(expected)
    assert repr(Rows(reduction="sum_over_batch")) == "Rows(reduction='sum_over_batch')"
    trainer = trainer_of(Deaf(reduction="sum_over_batch"))
    with pytest.raises(OptionError, match=r"Deaf: need build to use over_rows, or .*sum_ov"):
        trainer.step(X, P, W)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "none", "sum_over_batch_size", None, 1, True])
def test_an_unknown_reduction_is_refused(name, reduction):
    with pytest.raises(OptionError, match=rf"{LOSSES[name].__name__}: need reduction 'weighted_mean"
                                          r"' or 'sum_over_batch'; got") as error:  # fmt: skip
        LOSSES[name](reduction=reduction)
    if isinstance(reduction, str) and reduction != "none":
        assert "did you mean" in str(error.value)


def test_a_trained_loss_keeps_its_reduction():
    loss = cnn.Huber(reduction="sum_over_batch")
    trainer_of(loss)
    with pytest.raises(OptionError, match="Huber: reduction: need a new one and a new Trainer"):
        loss.reduction = "weighted_mean"
