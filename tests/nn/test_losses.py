"""Losses: their values on given outputs, which targets they take, their options."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import OptionError, ShapeError

RNG = np.random.default_rng(0)


def value(loss, z: np.ndarray, y, w=None, dtype: str = "float64") -> float:
    """Return the loss of a network whose outputs are ``z``."""
    z = np.asarray(z, dtype)
    net = cnn.Sequential([cnn.Dense(z.shape[1], use_bias=False)], z.shape[1], dtype=dtype)
    net.set_params({"dense_0.w": np.eye(z.shape[1])})
    return cnn.Trainer(net, loss=loss).evaluate(z, y, w)["loss"]


Z, T = RNG.standard_normal((20, 3)), RNG.standard_normal((20, 3))
E = Z - T
Y = RNG.integers(0, 3, 20)
LOG_P = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
OWN = np.arange(3) == Y[:, None]
SIGNS = RNG.choice([-1.0, 1.0], (20, 3))

VALUES = {
    "cross-entropy": (cnn.SoftmaxCrossEntropy(), Y, -LOG_P[np.arange(20), Y]),
    "smoothed": (
        cnn.SoftmaxCrossEntropy(label_smoothing=0.3), Y,
        -0.7 * LOG_P[np.arange(20), Y] - 0.1 * LOG_P.sum(1),
    ),
    "rows": (cnn.SoftmaxCrossEntropy(), np.abs(SIGNS) / 3, -LOG_P.mean(1)),
    "binary": (
        cnn.BinaryCrossEntropy(), (SIGNS + 1) / 2, np.log1p(np.exp(-SIGNS * Z)).mean(1),
    ),
    "mse": (cnn.MSE(), T, (E**2).mean(1)),
    "mae": (cnn.MAE(), T, np.abs(E).mean(1)),
    "huber": (
        cnn.Huber(delta=0.5), T,
        np.where(np.abs(E) <= 0.5, E**2 / 2, 0.5 * (np.abs(E) - 0.25)).mean(1),
    ),
    "hinge": (cnn.Hinge(), SIGNS, np.maximum(0, 1 - SIGNS * Z).mean(1)),
    "hinge of 0 and 1": (cnn.Hinge(), (SIGNS + 1) / 2, np.maximum(0, 1 - SIGNS * Z).mean(1)),
    "hinge of classes": (
        cnn.Hinge(), Y,
        np.maximum(0, 1 + np.where(OWN, -np.inf, Z).max(1) - Z[OWN]),
    ),
    "pinball": (cnn.Pinball(0.9), T, np.maximum(-0.9 * E, 0.1 * E).mean(1)),
    "poisson": (cnn.Poisson(), np.abs(np.round(T)), (np.exp(Z) - np.abs(np.round(T)) * Z).mean(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_value_is_the_mean_of_the_rows(name):
    loss, y, rows = VALUES[name]
    w = RNG.random(20)
    assert value(loss, Z, y) == pytest.approx(rows.mean(), rel=1e-12)
    assert value(loss, Z, y, w) == pytest.approx(rows @ w / w.sum(), rel=1e-12)


@pytest.mark.parametrize("name", VALUES)
def test_value_in_float32(name):
    loss, y, rows = VALUES[name]
    assert value(loss, Z, y, dtype="float32") == pytest.approx(rows.mean(), rel=3e-6)


def test_one_output_takes_a_flat_or_a_column_target():
    z, t = Z[:, :1], T[:, 0]
    for loss in (cnn.MSE(), cnn.MAE(), cnn.Huber(), cnn.Pinball(0.5)):
        assert value(loss, z, t) == value(loss, z, t[:, None]) == value(loss, z, t.tolist())
    labels = (t > 0).astype(int)
    for loss in (cnn.BinaryCrossEntropy(), cnn.Hinge()):
        assert value(loss, z, labels) == value(loss, z, labels > 0) == value(loss, z, labels * 1.0)
    assert value(cnn.Hinge(), z, labels) == value(cnn.Hinge(), z, 2 * labels - 1)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64, np.float32, float])
def test_labels_of_any_dtype_mean_the_same(dtype):
    y = np.minimum(Y, 1)
    loss = cnn.SoftmaxCrossEntropy()
    assert value(loss, Z, y.astype(dtype)) == value(loss, Z, y)
    assert value(loss, Z, y.astype(dtype)[:, None]) == value(loss, Z, y)


def test_one_hot_rows_mean_their_labels():
    for loss in (cnn.SoftmaxCrossEntropy(), cnn.SoftmaxCrossEntropy(label_smoothing=0.2)):
        assert value(loss, Z, np.eye(3)[Y]) == pytest.approx(value(loss, Z, Y), rel=1e-13)


@pytest.mark.parametrize("ignored", [-1, 2, -(2**31), 2**31 - 1])
def test_ignored_rows_count_nothing(ignored):
    y = np.where(np.arange(20) % 3 == 0, ignored, np.minimum(Y, 1))
    kept = y != ignored
    loss = cnn.SoftmaxCrossEntropy(ignore_index=ignored)
    expected = value(cnn.SoftmaxCrossEntropy(), Z[kept], y[kept])
    assert value(loss, Z, y) == pytest.approx(expected, rel=1e-13)
    w = RNG.random(20)
    expected = value(cnn.SoftmaxCrossEntropy(), Z[kept], y[kept], w[kept])
    assert value(loss, Z, y, w) == pytest.approx(expected, rel=1e-13)


def test_large_scores_do_not_overflow():
    z = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]])
    assert value(cnn.SoftmaxCrossEntropy(), z, [0, 1]) == 0.0
    assert value(cnn.SoftmaxCrossEntropy(), z, [1, 0]) == 2e4
    assert value(cnn.BinaryCrossEntropy(), z, (z > 0) * 1.0) == pytest.approx(np.log(2) / 3)
    assert value(cnn.BinaryCrossEntropy(), z, (z < 0) * 1.0) == pytest.approx(2e4 / 3, rel=1e-4)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, np.nan, np.inf, "0.1", None, True])
def test_bad_label_smoothing_is_refused(smoothing):
    text = r"SoftmaxCrossEntropy: need label_smoothing, a number in \[0, 1\]"
    with pytest.raises(OptionError, match=text):
        cnn.SoftmaxCrossEntropy(label_smoothing=smoothing)


@pytest.mark.parametrize("ignored", [1.5, "a", True, 2**31, -(2**31) - 1, np.nan])
def test_bad_ignore_index_is_refused(ignored):
    text = "SoftmaxCrossEntropy: need ignore_index, a whole number within int32; got"
    with pytest.raises(OptionError, match=text):
        cnn.SoftmaxCrossEntropy(ignore_index=ignored)


@pytest.mark.parametrize("delta", [0, -1.0, np.nan, np.inf, "1", None, True, 1j])
def test_bad_delta_is_refused(delta):
    with pytest.raises(OptionError, match="Huber: need delta, a positive number; got"):
        cnn.Huber(delta=delta)


@pytest.mark.parametrize("q", [0, 1, -0.5, 1.5, np.nan, "0.5", None, True])
def test_bad_quantile_is_refused(q):
    with pytest.raises(OptionError, match="Pinball: need q, a number in \\(0, 1\\); got"):
        cnn.Pinball(q)


@pytest.mark.parametrize("y", [Y[:, None].repeat(2, 1), np.ones((20, 4)), np.ones((20, 3, 1))])
def test_targets_of_another_shape_are_refused(y):
    for loss in (cnn.MSE(), cnn.SoftmaxCrossEntropy(), cnn.Hinge(), cnn.BinaryCrossEntropy()):
        with pytest.raises(ShapeError, match=rf"{type(loss).__name__}: need y of shape"):
            value(loss, Z, y)


def test_losses_describe_themselves():
    assert repr(cnn.Huber(delta=2)) == "Huber(delta=2.0)"
    expected = "SoftmaxCrossEntropy(label_smoothing=0.1, ignore_index=None)"
    assert repr(cnn.SoftmaxCrossEntropy(0.1)) == expected


def test_loss_of_the_user_s_own():
    class Cubed(cnn.nn.losses.Loss):
        def build(self, output, target, weight):
            return cnn.ops.mae(cnn.ops.mul(output, output), target, weight=weight, name="loss")

    assert value(Cubed(), Z, Z**2) == pytest.approx(0.0, abs=1e-15)
    assert value(Cubed(), Z, T) == pytest.approx(np.abs(Z**2 - T).mean(), rel=1e-12)
