"""What docs/coming_from/keras.md says of losses and optimizers, in numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest

import cnn_core as cnn

pytest.importorskip("torch", reason="PyTorch, with which Keras runs here, is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="Keras is not installed")

RNG = np.random.default_rng(0)
Z, T = RNG.standard_normal((2, 16, 3))
LABELS = RNG.integers(0, 3, 16)
ONE_HOT = np.eye(3)[LABELS]
YES = RNG.integers(0, 2, (16, 3)).astype(float)
P = np.exp(T) / np.exp(T).sum(axis=1, keepdims=True)
SOFTMAX = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
L = keras.losses


def own(loss: cnn.Loss, targets: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return a loss of the outputs Z."""
    net = cnn.Model(cnn.Input("z", (cnn.BATCH, 3)) * 1.0, dtype="float64")
    return cnn.Trainer(net, loss=loss).evaluate(Z, targets, weights)["loss"]


@pytest.mark.parametrize(("loss", "targets", "theirs", "given", "outputs", "shift", "factor"), [
    (cnn.SoftmaxCrossEntropy(), LABELS, L.SparseCategoricalCrossentropy(from_logits=True), LABELS,
     Z, 0, 1),
    (cnn.SoftmaxCrossEntropy(0.1), P, L.CategoricalCrossentropy(True, 0.1), P, Z, 0, 1),
    (cnn.BinaryCrossEntropy(), YES, L.BinaryCrossentropy(from_logits=True), YES, Z, 0, 1),
    (cnn.Focal(), LABELS, L.CategoricalFocalCrossentropy(from_logits=True), ONE_HOT, Z, 0, 4),
    (cnn.BinaryFocal(), YES, L.BinaryFocalCrossentropy(from_logits=True), YES, Z, 0, 1),
    (cnn.KLDivergence(), P, L.KLDivergence(), P, SOFTMAX, 0, 1),
    (cnn.Hinge(), 2 * YES - 1, L.Hinge(), 2 * YES - 1, Z, 0, 1),
    (cnn.SquaredHinge(), 2 * YES - 1, L.SquaredHinge(), 2 * YES - 1, Z, 0, 1),
    (cnn.MSE(), T, L.MeanSquaredError(), T, Z, 0, 1),
    (cnn.MAE(), T, L.MeanAbsoluteError(), T, Z, 0, 1),
    (cnn.Huber(0.5), T, L.Huber(0.5), T, Z, 0, 1),
    (cnn.LogCosh(), T, L.LogCosh(), T, Z, 0, 1),
    (cnn.Poisson(), YES, L.Poisson(), YES, np.exp(Z), 0, 1),
    (cnn.CosineDistance(), T, L.CosineSimilarity(), T, Z, 1, 1),
], ids=lambda value: type(value).__name__ if hasattr(value, "reduction") else "")  # fmt: skip
def test_losses_differ_as_the_table_says(
    loss, targets, theirs, given, outputs, shift, factor
) -> None:
    with_keras = float(theirs(given, outputs))
    assert own(loss, targets) == pytest.approx(factor * with_keras + shift, rel=1e-5, abs=1e-6)


def test_weights_of_rows_are_a_sum_over_the_batch() -> None:
    weights = RNG.uniform(0, 2, 16)
    theirs = float(L.MeanSquaredError()(T, Z, sample_weight=weights))
    assert own(cnn.MSE(reduction="sum_over_batch"), T, weights) == pytest.approx(theirs, rel=1e-5)
    mean = own(cnn.MSE(), T, weights) * weights.sum() / 16
    assert mean == pytest.approx(theirs, rel=1e-5)


def test_hinge_of_classes_counts_the_others_as_at_least_0() -> None:
    others = np.where(ONE_HOT == 1, -np.inf, Z).max(axis=1)
    rows = 1 + others - Z[np.arange(16), LABELS]
    assert own(cnn.Hinge(), LABELS) == pytest.approx(np.maximum(0, rows).mean(), rel=1e-6)
    theirs = 1 + np.maximum(0, others) - Z[np.arange(16), LABELS]
    found = float(L.CategoricalHinge()(ONE_HOT, Z))
    assert found == pytest.approx(np.maximum(0, theirs).mean(), rel=1e-5)


O = keras.optimizers  # noqa: E741


@pytest.mark.parametrize(("optimizer", "theirs"), [
    (cnn.SGD(lr=0.01, velocity=True), O.SGD()),
    (cnn.SGD(lr=0.01, momentum=0.9, velocity=True), O.SGD(momentum=0.9)),
    (cnn.SGD(lr=0.01, momentum=0.9, nesterov=True, velocity=True),
     O.SGD(momentum=0.9, nesterov=True)),
    (cnn.Adam(eps=1e-7, eps_hat=True), O.Adam()),
    (cnn.AdamW(eps=1e-7, eps_hat=True, weight_decay=4e-3), O.AdamW()),
    (cnn.NAdam(lr=1e-3, eps=1e-7, momentum_decay=1.0), O.Nadam()),
    (cnn.RMSProp(lr=1e-3, alpha=0.9, eps=1e-7), O.RMSprop()),
    (cnn.Adagrad(lr=1e-3, initial_accumulator_value=0.1, eps=1e-7), O.Adagrad()),
    (cnn.Adadelta(lr=1e-3, rho=0.95, eps=1e-7), O.Adadelta()),
    (cnn.SGD(lr=0.01, clip_norm=0.5), O.SGD(global_clipnorm=0.5)),
    (cnn.SGD(lr=0.01, clip_value=0.1), O.SGD(clipvalue=0.1)),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_optimizers_with_the_options_of_the_table_are_those_of_keras(optimizer, theirs) -> None:
    start = np.linspace(0.5, 1.5, 6, dtype=np.float32)
    w = cnn.Parameter("w", start)
    g = cnn.Input("g", (6,))
    graph = cnn.Graph(cnn.ops.sum(w * g))
    variable = keras.Variable(start)
    theirs.build([variable])
    rng = np.random.default_rng(0)
    for _ in range(20):
        gradient = rng.standard_normal(6).astype(np.float32)
        graph.step(optimizer, g=gradient)
        theirs.apply([keras.ops.convert_to_tensor(gradient)])
    found = np.asarray(keras.ops.convert_to_numpy(variable))
    np.testing.assert_allclose(graph.params["w"], found, rtol=2e-5)
    assert np.abs(graph.params["w"] - start).max() > 1e-5


def test_batch_norm_with_the_other_momentum_and_eps_is_that_of_keras() -> None:
    x = RNG.standard_normal((64, 3)).astype(np.float32) * 3 + 1
    theirs = keras.layers.BatchNormalization()
    theirs.build((64, 3))
    keras.ops.convert_to_numpy(theirs(x, training=True))
    net = cnn.Sequential([cnn.BatchNorm(momentum=0.01, eps=1e-3)], inputs=3)
    trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=1e-12))
    trainer.step(x, x)
    mean = keras.ops.convert_to_numpy(theirs.moving_mean)
    variance = keras.ops.convert_to_numpy(theirs.moving_variance)
    np.testing.assert_allclose(net.params["batchnorm_0.mean"], mean, rtol=1e-4)
    unbiased = 0.99 + (variance - 0.99) * 64 / 63  # of the batch's share
    np.testing.assert_allclose(net.params["batchnorm_0.variance"], unbiased, rtol=1e-4)
