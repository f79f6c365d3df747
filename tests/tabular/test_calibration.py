"""The temperature is that of the least log-loss; the calibration error is its formula."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core.errors import CnnCoreError, DataError, LabelError, ShapeError
from cnn_core.tabular import TabularClassifier, calibration_error
from cnn_core.tabular.calibration import (
    FEWEST,
    SOFT,
    calibrated_loss,
    temperature_of,
    unsmoothed,
)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def taken(p, e):
    """As documented: what label smoothing e has added taken away."""
    if e == 0:
        return p
    low = e / p.shape[-1]
    g = np.log1p(np.exp(SOFT * (np.asarray(p, np.longdouble) - low) / low))
    return g / g.sum(-1, keepdims=True)


def loss(t, z, y, v, e=0.0):
    """As documented, from probabilities in extended precision."""
    p = taken(softmax(np.asarray(z, np.longdouble) / t), e).mean(1)[np.arange(len(y)), y]
    return float(v / v.mean() @ -np.log(p) + np.log(t) ** 2 / 2)


def drawn(rng, n, k, c, t):
    """Logits of members, and classes drawn from what they say at a temperature."""
    z = rng.normal(0, 3, (n, 1, c)) + rng.normal(0, 1, (n, k, c))
    p = softmax(z / t).mean(1)
    y = (p.cumsum(1) < rng.random((n, 1))).sum(1).clip(0, c - 1)
    return z.astype(np.float32), y


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("c", [2, 26])
@pytest.mark.parametrize("t", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("e", [0.0, 0.1, 0.3])
def test_the_temperature_has_the_least_loss(k, c, t, e):
    rng = np.random.default_rng(k * 100 + c)
    n = int(np.exp(rng.uniform(np.log(FEWEST), np.log(2000))))
    z, y = drawn(rng, n, k, c, t)
    v = rng.exponential(1, n)
    found, note = temperature_of(z if k > 1 else z[:, 0], y, v, e)
    assert note == ""
    least = loss(found, z, y, v, e)
    for near in (1 - 1e-4, 1 + 1e-4):
        assert least < loss(found * near, z, y, v, e)
    for far in np.exp(np.linspace(-2.99, 2.99, 30)):
        assert least <= loss(far, z, y, v, e)


def test_the_temperature_that_labels_were_drawn_at_is_found():
    z, y = drawn(np.random.default_rng(0), 30_000, 1, 3, 2.5)
    assert temperature_of(z[:, 0], y)[0] == pytest.approx(2.5, rel=0.04)


@pytest.mark.parametrize("c", [2, 5])
@pytest.mark.parametrize("e", [0.05, 0.1])
def test_what_label_smoothing_adds_is_taken_away(c, e):
    p = softmax(np.random.default_rng(4).normal(0, 2, (500, c)))
    said = e / c + (1 - e) * p  # by who was trained with smoothed labels
    found = unsmoothed(said, e)
    np.testing.assert_allclose(found, taken(said, e).astype(float), rtol=1e-9)
    assert np.abs(found - p).max() < 0.7 * e / c < np.abs(said - p).max()
    sure = p.min(1) > 4 * e / c / SOFT
    np.testing.assert_allclose(found[sure], p[sure], rtol=0.1)
    below = np.linspace(0, 1, 200)  # of two classes: strictly rising, from above 0 on
    g = unsmoothed(np.stack([below, 1 - below], 1), e)[:, 0]
    assert g[0] > 0
    assert (np.diff(g) > 0).all()


def test_weights_count_as_rows_do():
    rng = np.random.default_rng(1)
    z, y = drawn(rng, 300, 4, 3, 2.0)
    v = rng.integers(0, 3, 300)
    rows = np.repeat(np.arange(300), v)
    once, _ = temperature_of(z, y, 0.125 * v)
    often, _ = temperature_of(z[rows], y[rows])
    # The distance from 1 counts as one row among those that count, once each.
    n, m = np.count_nonzero(v), len(rows)
    assert once == pytest.approx(often, rel=2 * abs(m / n - 1) / n)
    alone, _ = temperature_of(z[v > 0], y[v > 0], v[v > 0])
    assert once == pytest.approx(alone, rel=1e-9)


def test_rows_that_are_all_right_do_not_make_certain():
    z = np.zeros((40, 2), np.float32)
    y = np.arange(40) % 2
    z[np.arange(40), y] = 4.0
    found, _ = temperature_of(z, y)
    assert 0.2 < found < 1
    assert temperature_of(1e30 * z, y)[0] == 1
    assert temperature_of(-1e3 * z, y)[0] == pytest.approx(20)


@pytest.mark.parametrize("y", [np.arange(FEWEST - 1) % 2, np.ones(50, int)])
def test_too_little_to_tell_is_said(y):
    z = np.random.default_rng(2).normal(0, 1, (len(y), 2))
    found, note = temperature_of(z, y)
    assert found == 1.0
    assert str(FEWEST) in note
    assert ("a single class" in note) == (len(y) == 50)


@pytest.mark.parametrize("c", [2, 26])
@pytest.mark.parametrize("t", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("e", [0.0, 0.1])
def test_the_calibrated_loss_is_that_of_the_best_temperature(c, t, e):
    rng = np.random.default_rng(c)
    z, y = drawn(rng, 700, 1, c, t)
    v = rng.exponential(1, 700)
    best = temperature_of(z[:, 0], y, v, e)[0]
    least = (loss(best, z, y, v, e) - np.log(best) ** 2 / 2) / 700
    p = softmax(z[:, 0].astype(float))
    assert calibrated_loss(p, y, v, e) == pytest.approx(least, rel=1e-4)
    assert calibrated_loss(p, y, 8 * v, e) == pytest.approx(least, rel=1e-4)
    if t != 1.0:
        assert calibrated_loss(p, y, v, e) < 0.99 * loss(1.0, z, y, v, e) / 700


def test_a_calibrated_loss_of_little_is_at_temperature_1_and_of_nothing_none():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.0, 1.0]])
    assert calibrated_loss(p[:2], np.array([0, 1])) == pytest.approx(-np.log([0.9, 0.6]).mean())
    assert 200 < calibrated_loss(p, np.array([0, 1, 0])) < np.inf
    assert np.isnan(calibrated_loss(p, np.array([0, 1, 0]), np.zeros(3)))
    assert np.isnan(calibrated_loss(p[:0], np.zeros(0, int)))


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_calibration_error_is_its_formula(bins):
    rng = np.random.default_rng(3)
    z, y = drawn(rng, 500, 1, 4, 2.0)
    p, w = softmax(z[:, 0].astype(float)), rng.exponential(1, 500)
    expected = 0.0
    for b in range(bins):
        here = (p.max(1) > b / bins) & (p.max(1) <= (b + 1) / bins)
        if here.any():
            right = w[here] @ (p[here].argmax(1) == y[here]) / w[here].sum()
            sure = w[here] @ p[here].max(1) / w[here].sum()
            expected += w[here].sum() / w.sum() * abs(right - sure)
    found = calibration_error(y, p, bins=bins, sample_weight=w)
    assert found == pytest.approx(expected, rel=1e-9)
    assert found > 0.01
    names = np.array(["d", "b", "a", "c"])
    assert found == calibration_error(names[y], p, bins=bins, classes=names, sample_weight=w)


def test_probabilities_of_the_second_class():
    assert calibration_error([1, 0, 1, 1], [1.0, 0.0, 1.0, 1.0]) == 0
    assert calibration_error(["y", "n"], [1.0, 1.0], classes=["n", "y"]) == 0.5
    assert calibration_error([1, 0, 0, 0], [0.3] * 4) == pytest.approx(0.05)


@pytest.mark.parametrize(("error", "text", "given"), [
    (DataError, "row 1", {"y": [0, 1], "p": [[0.5, 0.5], [0.5, 0.6]]}),
    (DataError, "row 0", {"y": [0, 1], "p": [np.nan, 0.5]}),
    (ShapeError, "as many rows", {"y": [0, 1, 1], "p": [0.5, 0.5]}),
    (LabelError, "got 2 in row 1", {"y": [0, 2], "p": [0.5, 0.5]}),
    (LabelError, "got 'c' in row 1", {"y": ["a", "c"], "p": [0.5, 0.5], "classes": ["a", "b"]}),
    (ShapeError, "2 columns", {"y": [0, 1], "p": [0.5, 0.5], "classes": [0, 1, 2]}),
    (ShapeError, r"shape \(N, C\)", {"y": [0], "p": [[1.0]]}),
])  # fmt: skip
def test_what_is_no_probability_is_refused(error, text, given):
    with pytest.raises(error, match=text) as caught:
        calibration_error(**given)
    assert isinstance(caught.value, CnnCoreError)
    assert str(caught.value).startswith("calibration_error: need ")


@pytest.mark.parametrize(("calibrate", "n", "smoothing"), [
    (True, 200, 0.1), (False, 200, 0.0), (True, 60, 0.0), (True, 20, 0.0)])  # fmt: skip
def test_a_learner_takes_away_what_its_recipe_adds(calibrate, n, smoothing):
    rng = np.random.default_rng(5)
    x, y = rng.normal(0, 1, (n, 2)), np.arange(n) % 2
    model = TabularClassifier("realmlp", options={"epochs": 2}, calibrate=calibrate).fit(x, y)
    z = model._raw(model.encoder_.transform(x))[0].astype(float)
    expected = taken(softmax(z / model.temperatures_[0]), smoothing).astype(float)
    np.testing.assert_allclose(model.predict_proba(x), expected, rtol=1e-9)
    assert (model.temperatures_[0] != 1) == (smoothing > 0)
    assert any("not calibrated" in note for note in model.notes_) == (calibrate and n < 200)
