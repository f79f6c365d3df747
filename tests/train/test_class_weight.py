"""`fit(class_weight=...)`: the same, to the bit, as the weights of rows that it stands for."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import LabelError, OptionError

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((90, 5)), RNG.choice(3, 90, p=(0.7, 0.2, 0.1))
W = RNG.random(90)


def fitted(loss, y, outputs=3, dtype="float64", **options) -> tuple[bytes, list[float]]:
    net = cnn.Sequential([cnn.Dense(7, "tanh"), cnn.Dense(outputs)], 5, dtype=dtype, seed=0)
    trainer = cnn.Trainer(net, loss=loss)
    history = trainer.fit(X, y, batch_size=16, epochs=2, progress=False, **options)
    return net.store.value.tobytes(), history["loss"]


@pytest.mark.parametrize("reduction", ["weighted_mean", "sum_over_batch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("loss", "y", "outputs", "given"), [
    (cnn.SoftmaxCrossEntropy, Y, 3, "balanced"), (cnn.SoftmaxCrossEntropy, Y, 3, {2: 5.0, 0: 0}),
    (cnn.BinaryCrossEntropy, (Y > 0) * 1.0, 1, {1: 4}), (cnn.Hinge, Y > 0, 1, "balanced"),
    (cnn.Hinge, np.where(Y > 0, 1, -1), 1, {-1: 0.5}), (cnn.Focal, Y, 3, "balanced"),
])  # fmt: skip
def test_class_weights_are_the_sample_weights_that_they_stand_for(
    loss, y, outputs, given, dtype, reduction
):
    make, options = lambda: loss(reduction=reduction), {"outputs": outputs, "dtype": dtype}
    weights = cnn.data.class_weights(given, y)
    found = fitted(make(), y, class_weight=given, **options)
    assert found == fitted(make(), y, sample_weight=weights, **options)
    assert found != fitted(make(), y, **options)
    both = fitted(make(), y, class_weight=given, sample_weight=W, **options)
    assert both == fitted(make(), y, sample_weight=W * weights, **options)


def test_ignored_rows_stay_ignored():
    y = np.where(np.arange(90) % 4 == 0, -1, Y)
    kept = y >= 0
    def make() -> cnn.Loss:
        return cnn.SoftmaxCrossEntropy(ignore_index=-1)

    weights = np.ones(90)
    weights[kept] = cnn.data.class_weights("balanced", y[kept])
    assert fitted(make(), y, class_weight="balanced") == fitted(make(), y, sample_weight=weights)


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"class_weight": {9: 1.0}}, OptionError, "fit: class_weight: need classes that occur, 0"),
    ({"class_weight": "even"}, OptionError, "fit: class_weight: need a mapping .*; got 'even'"),
    ({"class_weight": "balanced", "y": Y + 0.5}, LabelError, "class_weight: need class labels"),
    ({"class_weight": "balanced", "loss": lambda o, t: cnn.ops.mse(o, t, reduction="none")},
     OptionError, "fit: need one output with a named loss for class_weight; got a function"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_before_the_first_step(options, error, words):
    loss, y = options.pop("loss", "softmax_cross_entropy"), options.pop("y", Y)
    net = cnn.Sequential([cnn.Dense(3)], 5)
    before, trainer = net.store.value.tobytes(), cnn.Trainer(net, loss=loss)
    with pytest.raises(error, match=words):
        trainer.fit(X, y, progress=False, **options)
    assert (net.store.value.tobytes(), trainer.epochs_done) == (before, 0)
