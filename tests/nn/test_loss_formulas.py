"""Losses against their formulas: values, gradients, weights, size of outputs, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from loss_formulas import BITS, CASES, COUNTS, LABELS, SHARES, B, T, Z, trainer_of

import cnn_core as cnn
from cnn_core.errors import DataError, LabelError, OptionError, ShapeError
from cnn_core.nn.losses import LOSSES

W = np.random.default_rng(1).random(B)


def step(loss, z, y, w=None, dtype="float64"):
    """Return the loss of one step and its gradient by the outputs ``z``."""
    trainer = trainer_of(loss, np.asarray(z, dtype), dtype)
    value = trainer.step(np.eye(len(z), dtype=dtype), y, w)
    return value, trainer.net.store.grads["dense_0.w"].copy(), trainer


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_the_formula(name, dtype):
    case, rel = CASES[name], 1e-11 if dtype == "float64" else 2e-5
    rows, slopes = case.formula(case.z, case.y)
    for w in (None, W):
        share = np.full(B, 1 / B) if w is None else w / w.sum()
        value, grad, trainer = step(case.make(), case.z, case.y, w, dtype)
        assert value == pytest.approx(rows @ share, rel=rel)
        np.testing.assert_allclose(grad, slopes * share[:, None], rtol=rel, atol=rel * 0.01)
        trainer.net.set_params({"dense_0.w": case.z})
        assert trainer.evaluate(np.eye(B), case.y, w)["loss"] == pytest.approx(value, rel=rel)


@pytest.mark.parametrize("name", CASES)
def test_weight_2_is_the_row_twice_and_weight_0_the_row_left_out(name):
    case, n = CASES[name], B
    times = np.array([1, 2, 0] * n)[:n]
    rows = np.repeat(np.arange(n), times)
    found = trainer_of(case.make(), case.z)
    expected = trainer_of(case.make(), case.z)
    for _ in range(3):
        value = found.step(np.eye(n), case.y, times)
        again = expected.step(np.eye(n)[rows], case.y[rows])
        assert value == pytest.approx(again, rel=1e-12)
    np.testing.assert_allclose(found.net.store.value, expected.net.store.value, rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_fit_makes_the_steps_alone_and_as_one_of_several_outputs(name):
    """Composed of operations, a loss goes every way that one of C goes."""
    case, x = CASES[name], np.eye(B)
    single, fitted = (trainer_of(case.make(), case.z) for _ in "ab")
    losses = [single.step(x[at : at + 8], case.y[at : at + 8]) for at in range(0, B, 8)]
    history = fitted.fit(x, case.y, batch_size=8, shuffle=False, progress=False)
    np.testing.assert_array_equal(fitted.net.store.value, single.net.store.value)
    assert history["loss"][0] == pytest.approx(np.average(losses, weights=[8, 8, 7]), rel=1e-12)

    node = cnn.Input("x", (cnn.BATCH, B))
    outputs = {k: cnn.Dense(case.z.shape[1], use_bias=False, name=k)(node) for k in ("a", "b")}
    net = cnn.Model(outputs, dtype="float64", seed=0)
    net.set_params({"a.w": case.z})
    both = cnn.Trainer(net, loss={"a": case.make(), "b": cnn.MSE()}, optimizer=cnn.SGD(lr=0.1))
    both.fit(x, {"a": case.y, "b": np.zeros_like(case.z)}, batch_size=8, shuffle=False,
             progress=False)  # fmt: skip
    np.testing.assert_allclose(net.params["a.w"], single.net.params["dense_0.w"], rtol=1e-13,
                               atol=1e-14)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [50, 1e3, 1e4, 1e6])
def test_outputs_of_any_size_have_a_finite_loss_and_gradient(size, dtype):
    """But for a Tweedie mean or a variance that the dtype cannot hold."""
    z = size * np.array([[1, -1, 0.5, -0.5], [-1, 1, -0.5, 0.5]])
    labels, bits = np.array([0, 0]), np.array([[1.0, 1, 0, 0], [1, 1, 0, 0]])
    t = np.zeros((2, 4))
    far = size * 2
    cases = [
        (cnn.LogCosh(), t, (0.75 * size - np.log(2)) if size > 50 else None),
        (cnn.Focal(), labels, far / 2), (cnn.Focal(gamma=0.3), labels, far / 2),
        (cnn.BinaryFocal(gamma=0.3), bits, 0.375 * size), (cnn.BinaryFocal(), bits, 0.375 * size),
        (cnn.KLDivergence(), bits / 2, None), (cnn.MultiMargin(), labels, None),
        (cnn.SquaredHinge(), 2 * bits - 1, None), (cnn.Hinge(), labels, None),
        (cnn.GaussianNLL(), np.zeros((2, 2)) + z[:, :2], None), (cnn.CosineDistance(), bits, None),
        (cnn.Quantiles((0.1, 0.2, 0.3, 0.4)), t[:, 0], None),
        (cnn.Tweedie(), t, None if size > 50 else (np.exp(size / 2) + np.exp(size / 4)) / 2),
    ]
    for loss, y, expected in cases:
        if size > 50 and isinstance(loss, cnn.Tweedie):
            z_ = -np.abs(z)  # towards a mean of 0, and targets that are 0
        else:
            z_ = z
        value, grad, _ = step(loss, z_, y, dtype=dtype)
        assert np.isfinite(value), loss
        assert np.isfinite(grad).all(), loss
        if expected is not None:
            assert value == pytest.approx(expected, rel=2e-5), loss


def test_an_ideal_answer_costs_nothing():
    t = np.array([[0.2, 0.8], [0.0, 1.0]])
    with np.errstate(divide="ignore"):
        assert step(cnn.KLDivergence(), np.maximum(np.log(t), -800), t)[0] == pytest.approx(0)
    assert step(cnn.CosineDistance(), 3 * t, t)[0] == pytest.approx(0, abs=1e-15)
    assert step(cnn.LogCosh(), t, t)[0] == pytest.approx(0, abs=1e-15)
    value, grad, _ = step(cnn.CosineDistance(), 0 * t, t)
    assert value == 1
    assert np.isfinite(grad).all()


def test_metrics_see_what_outputs_predict():
    x = np.eye(B)
    for loss, z, y, metric, expected in (
        (cnn.GaussianNLL(), Z, T[:, :2], "mae", np.abs(Z[:, :2] - T[:, :2]).mean()),
        (cnn.Quantiles((0.1, 0.45, 0.6, 0.8)), Z, T[:, 0], "mae", np.abs(Z[:, 1] - T[:, 0]).mean()),
        (cnn.Tweedie(), Z, COUNTS, "mae", np.abs(np.exp(Z) - COUNTS).mean()),
        (cnn.Focal(), Z, LABELS, "accuracy", (Z.argmax(1) == LABELS).mean()),
        (cnn.MultiMargin(), Z, LABELS, "accuracy", (Z.argmax(1) == LABELS).mean()),
        (cnn.SquaredHinge(), Z, LABELS, "accuracy", (Z.argmax(1) == LABELS).mean()),
        (cnn.SquaredHinge(), Z, 2 * BITS - 1, "accuracy", ((Z > 0) == BITS).mean()),
        (cnn.BinaryFocal(), Z, BITS, "accuracy", ((Z > 0) == BITS).mean()),
        (cnn.KLDivergence(), Z, SHARES, "accuracy", (Z.argmax(1) == SHARES.argmax(1)).mean()),
        (cnn.LogCosh(), Z, T, "rmse", np.sqrt(((Z - T) ** 2).mean())),
        (cnn.CosineDistance(), Z, SHARES, "mae", np.abs(Z - SHARES).mean()),
    ):
        found = trainer_of(loss, z, metrics=[metric]).evaluate(x, y)[metric]
        assert found == pytest.approx(expected, rel=1e-12), loss
    for loss, y in ((cnn.GaussianNLL(), T[:, :2]), (cnn.CosineDistance(), SHARES)):
        with pytest.raises(OptionError, match="accuracy: need labels, or targets within"):
            trainer_of(loss, Z, metrics=["accuracy"]).evaluate(x, y)


def spoiled(y, value):
    y = y.astype(float)
    y[5, ...] = value
    return y


@pytest.mark.parametrize(("loss", "y", "error", "words"), [
    (cnn.Tweedie(), spoiled(COUNTS, -1), DataError, "Tweedie: need targets >= 0; .* in row 5"),
    (cnn.BinaryFocal(), spoiled(BITS, 1.5), DataError,
     r"BinaryFocal: need targets in \[0, 1\]; got 1.5 in row 5 of y"),
    (cnn.SquaredHinge(), spoiled(2 * BITS - 1, 3), DataError,
     "SquaredHinge: need targets -1 and 1, or 0 and 1; got .* in row 5"),
    (cnn.KLDivergence(), spoiled(SHARES, 1.5), DataError,
     r"KLDivergence: need probabilities in \[0, 1\]; got 1.5 in row 5"),
    (cnn.KLDivergence(), LABELS, ShapeError, "KLDivergence: need y of shape"),
    (cnn.Focal(), spoiled(LABELS, 4), LabelError, "Focal: need labels 0 .. 3 in y; got 4 in row 5"),
    (cnn.MultiMargin(), spoiled(LABELS, -1), LabelError, "MultiMargin: need labels .* in row 5"),
    (cnn.Focal(), np.eye(4)[LABELS], ShapeError, r"Focal: need y .*pass y.argmax\(axis=1\)"),
    (cnn.GaussianNLL(), T, ShapeError, r"GaussianNLL: need y of shape \(N, 2\); got"),
    (cnn.Quantiles((0.1, 0.2, 0.3, 0.4)), T, ShapeError, "Quantiles: need y of shape"),
    (cnn.Quantiles((0.1, 0.9)), T[:, 0], ShapeError, r"Quantiles: need an output \(B, 2\)"),
    (cnn.Focal(alpha=(1, 2)), LABELS, OptionError, "Focal: need alpha, a number for each of 4"),
])  # fmt: skip
def test_targets_and_outputs_that_do_not_fit_are_refused(loss, y, error, words):
    trainer = trainer_of(loss, Z)
    for call in (trainer.step, trainer.evaluate, lambda x, y: trainer.fit(x, y, progress=False)):
        with pytest.raises(error, match=words):
            call(np.eye(B), y)
    np.testing.assert_array_equal(trainer.net.params["dense_0.w"], Z)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: cnn.Tweedie(1), r"Tweedie: need power, a number in \(1, 2\); got 1"),
    (lambda: cnn.Focal(gamma=-1), "Focal: need gamma, a number in"),
    (lambda: cnn.Focal(alpha=0.25), "Focal: need a tuple of numbers, alpha; got 0.25"),
    (lambda: cnn.BinaryFocal(alpha=2), r"BinaryFocal: need alpha, a number in \[0, 1\]; got 2"),
    (lambda: cnn.MultiMargin(p=3), "MultiMargin: need p, a whole number from 1 to 2; got 3"),
    (lambda: cnn.MultiMargin(margin=0), "MultiMargin: need margin, a number in"),
    (lambda: cnn.GaussianNLL(eps=0), "GaussianNLL: eps: need a number in"),
    (lambda: cnn.Quantiles((0.5, 0.1)), "Quantiles: need rising quantiles"),
    (lambda: cnn.Quantiles(()), "Quantiles: need rising quantiles"),
    (lambda: cnn.Quantiles((0.1, 1)), r"Quantiles: need quantiles, a number in \(0, 1\)"),
    (lambda: trainer_of("gaussian_nll", Z[:, :3]).step(np.eye(B), T[:, 0]),
     r"GaussianNLL: need an output \(B, 2 N\)"),
])  # fmt: skip
def test_bad_options_are_refused(make, words):
    with pytest.raises((OptionError, ShapeError), match=words):
        make()


def test_every_new_loss_has_a_formula_here_or_in_test_losses():
    known = {type(case.make()) for case in CASES.values()}
    plain = {cnn.SoftmaxCrossEntropy, cnn.BinaryCrossEntropy, cnn.MSE, cnn.MAE, cnn.Huber,
             cnn.Hinge, cnn.Pinball, cnn.Poisson}  # fmt: skip
    assert set(LOSSES.values()) == known | plain
