"""Figures of predictions: scikit-learn's where it is installed, and by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from cnn_core.tabular import figures

RNG = np.random.default_rng(7)


def drawn(n, n_classes):
    y = RNG.integers(0, n_classes, n)
    y[:n_classes] = np.arange(n_classes)
    p = RNG.dirichlet(np.ones(n_classes), n).round(2) + 0.01  # rounded: there are ties
    return y, p / p.sum(axis=1, keepdims=True), RNG.uniform(0.1, 3, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_classes_as_scikit_learn(n_classes, weighted):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    y, p, w = drawn(301, n_classes)
    w = w if weighted else None
    found = figures.of_classes(y, p, w)
    two = n_classes == 2
    expected = {
        "accuracy": metrics.accuracy_score(y, p.argmax(axis=1), sample_weight=w),
        "auc": metrics.roc_auc_score(y, p[:, 1] if two else p, multi_class="ovr",
                                     sample_weight=w),
        "log_loss": metrics.log_loss(y, p, sample_weight=w),
    }  # fmt: skip
    assert {k: found[k] for k in expected} == pytest.approx(expected, rel=1e-12)
    if two:
        assert found["brier"] == pytest.approx(
            metrics.brier_score_loss(y, p[:, 1], sample_weight=w), rel=1e-12)  # fmt: skip
    np.testing.assert_allclose(figures.confusion(y, p, w), metrics.confusion_matrix(
        y, p.argmax(axis=1), sample_weight=w), rtol=1e-12)  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_as_scikit_learn(weighted):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    y, found = RNG.normal(1e3, 1, 211), RNG.normal(1e3, 1, 211)
    w = RNG.uniform(0.1, 3, 211) if weighted else None
    assert figures.of_numbers(y, found, w) == pytest.approx({
        "rmse": metrics.mean_squared_error(y, found, sample_weight=w) ** 0.5,
        "mae": metrics.mean_absolute_error(y, found, sample_weight=w),
        "r2": metrics.r2_score(y, found, sample_weight=w)}, rel=1e-12)  # fmt: skip
    q = (0.05, 0.5, 0.9)
    assert figures.pinballs(y, np.stack([found, found + 1, y], axis=1), q, w) == pytest.approx(
        np.mean([metrics.mean_pinball_loss(y, f, alpha=a, sample_weight=w)
                 for a, f in zip(q, (found, found + 1, y), strict=True)]), rel=1e-12)  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
def test_no_number_has_a_smaller_pinball_than_the_quantile(weighted):
    y = RNG.normal(size=40)
    w = RNG.uniform(0.1, 3, 40) if weighted else None
    for q in (0.05, 0.5, 0.93):
        ((least,),) = figures.quantiles(y, [q], w)
        assert least in y
        best = figures.pinball(y, least, q, w)
        assert all(figures.pinball(y, other, q, w) >= best for other in y)


def test_by_hand():
    y = np.array([0, 1, 1, 0])
    p = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0.5, 0.5]])
    w = np.array([1.0, 2.0, 1.0, 0.0])
    found = figures.of_classes(y, p, w)
    assert found["accuracy"] == 0.5  # of equal probabilities the first class counts
    assert found["brier"] == pytest.approx((0.0625 + 2 * 0.25 + 0.0625) / 4)
    assert found["log_loss"] == pytest.approx(-(2 * np.log(0.75) + 2 * np.log(0.5)) / 4)
    # 0.25 of class 0 lies below all of class 1; 0.5 of class 0 has no weight
    assert found["auc"] == 1
    assert figures.auc(y, p) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    np.testing.assert_array_equal(figures.confusion(y, p, w), [[1, 0], [2, 1]])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_brier_is_the_squared_distance(n_classes):
    y, p, w = drawn(50, n_classes)
    squares = ((p - np.eye(n_classes)[y]) ** 2).sum(axis=1) / (2 if n_classes == 2 else 1)
    assert figures.brier(y, p, w) == pytest.approx(np.average(squares, weights=w), rel=1e-12)


def test_a_weight_counts_as_that_many_rows():
    y, p, _ = drawn(40, 3)
    times = RNG.integers(0, 4, 40)
    again = np.repeat(np.arange(40), times)
    assert figures.of_classes(y, p, times.astype(float)) == pytest.approx(
        figures.of_classes(y[again], p[again]), rel=1e-12)  # fmt: skip
    found = RNG.normal(size=40)
    assert figures.of_numbers(y.astype(float), found, times.astype(float)) == pytest.approx(
        figures.of_numbers(y[again].astype(float), found[again]), rel=1e-12)  # fmt: skip


def test_no_rows_one_class_equal_targets_and_sure_mistakes():
    none = np.zeros(0, int)
    assert np.isnan([*figures.of_classes(none, np.zeros((0, 2))).values()]).all()
    assert np.isnan([*figures.of_numbers(none * 1.0, none * 1.0).values()]).all()
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    found = figures.of_classes(np.array([0, 0]), sure)
    assert (found["accuracy"], found["log_loss"], found["brier"]) == (1, 0, 0)
    assert np.isnan(found["auc"])
    assert figures.log_loss(np.array([1]), sure[:1]) == pytest.approx(52 * np.log(2))
    equal = np.full(3, 2.0)
    assert figures.r2(equal, equal) == 1
    assert figures.r2(equal, equal + 1) == 0


@pytest.mark.parametrize("scale", [2.0**-1060, 2.0**-600, 2.0**600, 2.0**1000])
def test_squares_of_any_numbers_are_finite_and_not_0(scale):
    rng = np.random.default_rng(0)
    y, found = rng.integers(-9, 10, (2, 50)).astype(float)
    plain = sqrt(np.mean(np.square(found - y)))
    assert figures.rmse(y * scale, found * scale) == plain * scale
    assert figures.r2(y * scale, found * scale) == figures.r2(y, found)


def test_coverage_counts_both_ends():
    y = np.array([0.0, 1.0, 2.0, 3.0])
    assert figures.coverage(y, np.zeros(4), np.full(4, 2.0)) == 0.75
    assert figures.coverage(y, y, y, np.array([1.0, 0, 0, 0])) == 1


@pytest.mark.parametrize("weighted", [False, True])
def test_trivial_is_the_best_that_says_the_same_of_every_row(weighted):
    y, _, w = drawn(60, 3)
    w = w if weighted else None
    shares = np.bincount(y, w) / np.bincount(y, w).sum()
    found = figures.trivial(y, 3, w)
    assert found["log_loss"] == pytest.approx(-(shares * np.log(shares)).sum())
    assert found["accuracy"] == pytest.approx(shares.max())
    assert found["auc"] == 0.5
    numbers = RNG.normal(5, 2, 60)
    told = figures.trivial(numbers, weight=w)
    assert told["r2"] == pytest.approx(0, abs=1e-12)
    for other in (4.9, 5.1, 5.3):
        assert told["rmse"] < figures.rmse(numbers, np.full(60, other), w)
