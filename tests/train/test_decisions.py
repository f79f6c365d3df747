"""What outputs and targets mean: accuracy and log loss by the loss and by the network's end."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import OptionError

RNG = np.random.default_rng(0)
N = 700  # two runs of an evaluation
Z3, Z1 = RNG.standard_normal((N, 3)), RNG.standard_normal((N, 1))
W = RNG.random(N)
MULTI = (RNG.random((N, 3)) < 0.4) * 1.0
LABELS = RNG.integers(0, 3, N)
ONE_HOT = np.eye(3)[LABELS]
SIGNS = RNG.choice([-1.0, 1.0], (N, 1))


def trainer_of(loss, z: np.ndarray, end="linear", metrics=("accuracy",)) -> cnn.Trainer:
    """Return a trainer whose network's outputs are ``end`` of its inputs."""
    n = z.shape[1]
    net = cnn.Sequential([cnn.Dense(n, end, use_bias=False)], n, dtype="float64")
    net.set_params({"dense_0.w": np.eye(n)})
    return cnn.Trainer(net, loss=loss, metrics=metrics)


def value(loss, z, y, end="linear", metric="accuracy", w=None) -> float:
    return trainer_of(loss, z, end, [metric]).evaluate(z, y, w)[metric]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def binary_log_loss(z, t):
    return np.mean(np.logaddexp(0, z) - t * z)


def test_probabilities_of_a_sigmoid_are_right_on_either_side_of_a_half():
    p = np.array([[0.002], [0.995], [0.996], [0.005]])
    z = np.log(p / (1 - p))
    assert value(cnn.MSE(), z, [0, 1, 1, 0], "sigmoid") == 1.0
    assert value(cnn.MSE(), z, [0, 1, 0, 0], "sigmoid") == 0.75
    assert value(cnn.MSE(), p, [0, 1, 1, 0]) == 1.0  # outputs that come close to 0 and 1
    assert value(cnn.MAE(), 2 * p - 1, [-1, 1, 1, -1]) == 1.0  # to -1 and 1


ACCURACY = {
    "logits of one question": (cnn.BinaryCrossEntropy(), Z1, (SIGNS > 0) * 1.0, "linear",
                               (Z1 > 0) == (SIGNS > 0)),
    "probable targets": (cnn.BinaryCrossEntropy(), Z1, sigmoid(3 * SIGNS), "linear",
                         (Z1 > 0) == (SIGNS > 0)),
    "margins of one question": (cnn.Hinge(), Z1, SIGNS, "linear", (Z1 > 0) == (SIGNS > 0)),
    "margins of several": (cnn.Hinge(), Z3, 2 * MULTI - 1, "linear", (Z3 > 0) == (MULTI > 0)),
    "margins of classes": (cnn.Hinge(), Z3, LABELS, "linear", Z3.argmax(1) == LABELS),
    "logits of several questions": (cnn.BinaryCrossEntropy(), Z3, MULTI, "linear",
                                    (Z3 > 0) == (MULTI > 0)),
    "probabilities of several": (cnn.MSE(), Z3, MULTI, "sigmoid", (Z3 > 0) == (MULTI > 0)),
    "classes by squares": (cnn.MSE(), Z3, ONE_HOT, "linear", Z3.argmax(1) == LABELS),
    "classes by squares of a sigmoid": (cnn.MSE(), Z3, ONE_HOT, "sigmoid",
                                        Z3.argmax(1) == LABELS),
    "classes by -1 and 1": (cnn.MSE(), Z3, 2 * ONE_HOT - 1, "tanh", Z3.argmax(1) == LABELS),
    "smoothed rows": (cnn.SoftmaxCrossEntropy(), Z3, 0.9 * ONE_HOT + 0.1 / 3, "linear",
                      Z3.argmax(1) == LABELS),
    "a softmax and squares": (cnn.MSE(), Z3, ONE_HOT, "softmax", Z3.argmax(1) == LABELS),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCURACY)
def test_accuracy_is_what_the_loss_and_the_activation_say(case):
    loss, z, y, end, right = ACCURACY[case]
    rows = right.reshape(N, -1).mean(axis=1)
    assert value(loss, z, y, end) == pytest.approx(rows.mean(), rel=1e-13)
    assert value(loss, z, y, end, w=W) == pytest.approx(rows @ W / W.sum(), rel=1e-13)


def test_a_perfect_multi_label_network_has_accuracy_1():
    assert value(cnn.BinaryCrossEntropy(), 20 * MULTI - 10, MULTI) == 1.0
    assert value(cnn.BinaryCrossEntropy(), 20 * ONE_HOT - 10, ONE_HOT) == 1.0


LOG_LOSS = {
    "multi-label": (cnn.BinaryCrossEntropy(), Z3, MULTI, "linear", binary_log_loss(Z3, MULTI)),
    "targets -1 and 1": (cnn.Hinge(), Z1, SIGNS, "linear", binary_log_loss(Z1, SIGNS > 0)),
    "a sigmoid": (cnn.MSE(), Z1, SIGNS > 0, "sigmoid", binary_log_loss(Z1, SIGNS > 0)),
    "several sigmoids": (cnn.MSE(), Z3, MULTI, "sigmoid", binary_log_loss(Z3, MULTI)),
    "a softmax": (cnn.MSE(), Z3, ONE_HOT, "softmax",
                  -np.log(softmax(Z3)[np.arange(N), LABELS]).mean()),
    "rows": (cnn.SoftmaxCrossEntropy(), Z3, softmax(2 * Z3), "linear",
             -(softmax(2 * Z3) * np.log(softmax(Z3))).sum(1).mean()),
}  # fmt: skip


@pytest.mark.parametrize("case", LOG_LOSS)
def test_log_loss_takes_probabilities_once(case):
    loss, z, y, end, expected = LOG_LOSS[case]
    assert value(loss, z, y, end, "log_loss") == pytest.approx(expected, rel=1e-12)


def test_log_loss_of_numbers_that_are_no_probabilities_is_refused():
    with pytest.raises(OptionError, match="log_loss: need probabilities, from a softmax or sig"):
        value(cnn.MSE(), Z1, SIGNS > 0, metric="log_loss")


@pytest.mark.parametrize("metric", ["accuracy", "top_2", "log_loss", "auc", "f1"])
@pytest.mark.parametrize("loss", [cnn.MSE(), cnn.Poisson()])
def test_decisions_about_real_numbers_are_refused_before_the_first_step(loss, metric):
    trainer = trainer_of(loss, Z3, metrics=[metric])
    with pytest.raises(OptionError, match=rf"{metric}: need labels, or targets .* mae, rmse or r2"):
        trainer.fit(Z3, np.abs(5 * Z3), progress=False)
    assert trainer.optimizer.step_count == 0


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_of_rows_is_that_of_their_largest(k):
    loss, metric = cnn.SoftmaxCrossEntropy(), f"top_{k}"
    expected = value(loss, Z3, LABELS, metric=metric)
    assert value(loss, Z3, 0.8 * ONE_HOT + 0.2 / 3, metric=metric) == expected
    with pytest.raises(OptionError, match=rf"{metric}: need one of several classes"):
        value(cnn.BinaryCrossEntropy(), Z3, MULTI, metric=metric)


def test_the_targets_of_the_fit_say_what_a_few_rows_mean():
    """One batch or evaluation may hold only ones, or one question's rows that look like classes."""
    trainer = trainer_of(cnn.MSE(), Z1)
    low = np.full((4, 1), 0.3)
    fitted = trainer.fit(Z1, SIGNS, validation_data=(low, np.ones(4)), epochs=1, batch_size=N,
                         progress=False)  # fmt: skip
    trainer.net.set_params({"dense_0.w": np.eye(1)})
    assert fitted["val_accuracy"] == [1.0]
    assert trainer.evaluate(low, np.ones(4))["accuracy"] == 1.0
    trainer.step(low, np.ones((4, 1)))
    assert trainer_of(cnn.MSE(), Z1).evaluate(low, np.ones(4))["accuracy"] == 0.0


def test_a_loss_of_the_user_s_own_says_what_its_outputs_mean():
    class Logistic(cnn.nn.losses.Loss):
        def build(self, output, target, weight):
            return cnn.ops.binary_cross_entropy(output, target, weight=weight)

    class Told(Logistic):
        def meaning(self, output, target, y):
            return cnn.nn.meaning.yes_or_no(output, "logits")

    z, y = np.full((10, 1), 0.3), np.ones(10)
    assert value(Logistic(), z, y) == 0.0  # as outputs that come close to 0 and 1
    assert value(Told(), z, y) == 1.0
    assert value(Told(), z, y, metric="log_loss") == pytest.approx(np.log1p(np.exp(-0.3)))


@pytest.mark.parametrize("name", ["loss", "seconds", "val_accuracy", "", 3])
def test_a_metric_named_like_another_entry_is_refused(name):
    class Named(cnn.Metric):
        def build(self, output, target, weight, ignore):
            return cnn.ops.metric_accuracy(output, target, weight=weight)

    metric = Named()
    metric.name = name
    with pytest.raises(OptionError, match="metrics: need names other than loss, seconds and val_"):
        trainer_of(cnn.MSE(), Z1, metrics=[metric])
