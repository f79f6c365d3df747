"""Intervals hold the share of rows that they promise; quantiles are in order; members differ."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core.errors import CnnCoreError, OptionError, StateError
from cnn_core.tabular import TabularClassifier, TabularRegressor
from cnn_core.tabular.intervals import Held, level, margin_of, middle, shifts

RNG = np.random.default_rng(7)
SMALL = {"epochs": 8, "hidden": (16,), "batch_size": 32, "dropout": 0.0}


def made(n, rng=RNG):
    """Numbers whose spread grows with one column."""
    x = {"a": rng.normal(0, 1, n), "b": rng.uniform(0, 3, n), "c": [*rng.choice([*"pqr"], n)]}
    return x, 10 + x["a"] + (0.1 + x["b"]) * rng.standard_t(3, n)


@pytest.fixture(scope="module")
def of_mean():
    return TabularRegressor("mlp", options=SMALL, seed=1).fit(*made(1500))


@pytest.fixture(scope="module")
def of_quantiles():
    longer = {**SMALL, "epochs": 40}
    return TabularRegressor("mlp", options=longer, seed=1, quantiles=(0.05, 0.5, 0.95)).fit(
        *made(1500))  # fmt: skip


# -- the level of scores ------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 4, 9, 10, 19, 99, 100])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.95])
def test_the_level_is_the_score_of_the_finite_sample_rank(n, share):
    scores = RNG.normal(0, 1, n)
    place = next(k for k in range(n + 2) if k >= (n + 1) * share - 1e-9)
    expected = np.sort(scores)[place - 1] if place <= n else np.inf
    assert level(scores, share) == expected
    for weight in (0.1, 1.0, 3.0):
        assert level(scores, share, np.full(n, weight, np.float32)) == expected


def test_weights_are_shares_of_the_rows():
    scores, weight = RNG.normal(0, 1, 200), RNG.exponential(1, 200)
    found = level(scores, 0.8, weight)
    total = weight.sum() + weight.mean()
    assert weight[scores <= found].sum() >= 0.8 * total > weight[scores < found].sum()
    assert level(np.array([1.0, 2.0, 3.0]), 0.5, np.array([0.0, 0.0, 9.0])) == 3
    assert level(np.array([1.0, 2.0]), 0.9, np.array([1.0, 1.0])) == np.inf


@pytest.mark.parametrize("n", [9, 19, 30])
def test_a_new_row_is_within_with_the_chance_promised(n):
    rng = np.random.default_rng(n)
    t = rng.standard_cauchy((4000, n + 1))
    found = np.mean([row[n] <= level(row[:n], 0.9) for row in t])
    assert np.ceil((n + 1) * 0.9) / (n + 1) == pytest.approx(found, abs=0.015)


# -- from the held rows to intervals ------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_intervals_hold_the_share_of_the_held_rows(weighted):
    n = 400
    q = np.sort(RNG.normal(0, 2, (n, 3)), axis=1)
    t = RNG.normal(0, 1, n)
    w = RNG.exponential(1, n) if weighted else None
    for held, levels in ((Held(q[:, 1], t, w), ()), (Held(q, t, w), (0.1, 0.5, 0.8))):
        for coverage in (0.5, 0.9):
            low, high = margin_of(held, levels, coverage, "test").ends(held.predicted).T
            inside = (t >= low - 1e-9) & (t <= high + 1e-9)  # the row at the end is one
            share = np.average(inside, weights=w)
            assert coverage <= share < coverage + (0.02 if w is None else w.max() / w.sum() + 0.01)


def test_ends_that_would_cross_are_the_middle():
    held = Held(np.array([[0.0, 1.0]] * 99 + [[0.0, 4.0]]), np.full(100, 0.6), None)
    margin = margin_of(held, (0.1, 0.9), 0.9, "test")
    assert margin.size == pytest.approx(-0.4)
    found = margin.ends(np.array([[0.0, 0.5], [2.0, 9.0]]))
    np.testing.assert_allclose(found, [[0.25, 0.25], [2.4, 8.6]])


@pytest.mark.parametrize(("coverage", "need"), [(0.9, 9), (0.95, 19), (0.5, 1), (0.99, 99)])
def test_too_few_rows_are_counted(coverage, need):
    few = Held(np.zeros(need - 1), np.zeros(need - 1), None)
    with pytest.raises(StateError, match=f"need {need} rows or more .* got {need - 1}: fit with"):
        margin_of(few, (), coverage, "predict_interval")
    enough = Held(np.zeros(need), np.arange(need, dtype=float), None)
    assert margin_of(enough, (), coverage, "predict_interval").size == need - 1
    uneven = enough._replace(weight=np.geomspace(1, 1e6, need).astype(np.float32))
    assert margin_of(uneven, (), coverage, "predict_interval").size == need - 1


def pinball(y, f, q):
    return np.maximum(q * (y - f), (q - 1) * (y - f)).mean()


@pytest.mark.parametrize("weighted", [False, True])
def test_shifts_of_quantiles_make_their_loss_the_least(weighted):
    n, q = 501, (0.05, 0.3, 0.5, 0.9)
    held = Held(np.sort(RNG.normal(0, 1, (n, 4)), axis=1), RNG.normal(0.5, 2, n),
                np.ones(n) if weighted else None)  # fmt: skip
    for j, shift in enumerate(shifts(held, q)):
        f = held.predicted[:, j]
        least = min(pinball(held.target, f + s, q[j]) for s in held.target - f)
        assert pinball(held.target, f + shift, q[j]) <= least * (1 + 1e-3)
        assert np.mean(held.target <= f + shift) == pytest.approx(q[j], abs=2 / n)
    few = Held(held.predicted[:40], held.target[:40], None)
    assert (shifts(few, q) != 0).tolist() == [False, True, True, False]


def test_the_median_of_quantiles():
    assert middle((0.1, 0.5, 0.7)).tolist() == [0, 1, 0]
    assert middle((0.1, 0.4, 0.8)) == pytest.approx([0, 0.75, 0.25])
    assert middle((0.6, 0.9)).tolist() == [1, 0]
    assert middle((0.2,)).tolist() == [1]


def test_targets_that_many_rows_share_are_within_to_the_bit():
    x, y = made(1200)
    x, y = {k: v for k, v in x.items() if k != "c"}, np.minimum(y, 10.30001) + 1e-3
    cap = y.max()
    assert 0.2 < np.mean(y == cap) < 0.5
    for quantiles in (None, (0.05, 0.5, 0.9)):
        model = TabularRegressor("mlp", options={**SMALL, "epochs": 20}, quantiles=quantiles)
        model.fit(x, y)
        assert np.array_equal(model.held_.target, y[model.fitted_[0].validation_rows])
        low, high = model.predict_interval(x).T
        assert np.mean((low <= y) & (y <= high)) > 0.88
        if quantiles:  # more than a tenth of the rows lie at the cap
            assert np.mean(y <= model.predict_quantiles(x)[:, 2]) > 0.88


# -- learners -----------------------------------------------------------------------------------


def test_learners_cover_new_rows(of_mean, of_quantiles):
    x, y = made(4000)
    for model in (of_mean, of_quantiles):
        for coverage in (0.6, 0.9):
            low, high = model.predict_interval(x, coverage).T
            near = 3.5 * (coverage * (1 - coverage) / 300) ** 0.5  # of 300 rows held back
            assert np.mean((low <= y) & (y <= high)) == pytest.approx(coverage, abs=near)
    width = np.ptp(of_mean.predict_interval(x), axis=1)
    assert width == pytest.approx(width[0])
    own = np.ptp(of_quantiles.predict_interval(x), axis=1)
    assert np.corrcoef(own, x["b"])[0, 1] > 0.7
    assert own.mean() < width[0]


def test_quantiles_are_in_order_and_hold_their_shares(of_quantiles):
    x, y = made(3000)
    found = of_quantiles.predict_quantiles(x)
    assert found.shape == (3000, 3)
    assert (np.diff(found, axis=1) >= 0).all()
    assert np.mean(y[:, None] <= found, axis=0) == pytest.approx([0.05, 0.5, 0.95], abs=0.06)
    assert np.array_equal(of_quantiles.predict(x), found[:, 1])
    raw = of_quantiles.fitted_[0].outputs
    assert (np.diff(raw, axis=1) < 0).any() or raw.shape[1] == 3


def test_quantiles_that_cross_in_the_network_are_put_in_order(of_quantiles):
    x, _ = made(50)
    net = of_quantiles.fitted_[0].network
    bias = next(name for name, value in net.params.items() if value.shape == (3,))
    before = net.params[bias].copy()
    try:
        net.set_params({**net.params, bias: before[::-1] * [5, 1, 5]})
        found = of_quantiles.predict_quantiles(x)
    finally:
        net.set_params({**net.params, bias: before})
    assert (np.diff(found, axis=1) >= 0).all()
    assert not np.array_equal(found, of_quantiles.predict_quantiles(x))


def test_a_validation_part_of_ones_own_is_what_intervals_are_made_of():
    x, y = made(200)
    xv, yv = made(60)
    model = TabularRegressor("mlp", options=SMALL, n_models=2).fit(x, y, X_val=xv, y_val=yv)
    off = np.sort(np.abs(yv - model.predict(xv)))
    low, high = model.predict_interval(x).T
    np.testing.assert_allclose((high - low) / 2, off[54], rtol=1e-5)  # ceil(61 * 0.9) is 55
    assert len(model.held_.target) == 60


def test_the_spread_of_networks(of_mean):
    x, y = made(300)
    model = TabularRegressor("mlp", options=SMALL, n_models=3).fit(x, y)
    encoded = model.encoder_.transform(x)
    t = model.target_
    each = [np.clip(z[:, 0].astype(float) * t.std + t.mean, t.low, t.high)
            for z in model._raw(encoded)]  # fmt: skip
    np.testing.assert_allclose(model.predict_std(x), np.std(each, axis=0), rtol=1e-9)
    np.testing.assert_allclose(model.predict(x), np.mean(each, axis=0), rtol=1e-9)
    assert np.array_equal(model.predict_std(encoded), model.predict_std(x))
    with pytest.raises(StateError, match='n_models=5, or with recipe="tabm"'):
        of_mean.predict_std(x)


def test_the_spread_of_probabilities():
    x, y = made(300)
    model = TabularClassifier("mlp", options=SMALL, n_models=2).fit(x, np.digitize(y, [9.5, 11]))
    p = []
    for z, temperature in zip(model._raw(model.encoder_.transform(x)), model.temperatures_,
                              strict=True):  # fmt: skip
        e = np.exp(z.astype(float) / temperature)
        p.append(e / e.sum(1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(x), np.mean(p, axis=0), rtol=1e-9)
    np.testing.assert_allclose(model.predict_std(x), np.std(p, axis=0), rtol=1e-7, atol=1e-12)
    assert model.temperatures_[0] != model.temperatures_[1]


@pytest.mark.parametrize("call", [
    lambda m: m.predict_interval(made(5)[0], 1.0), lambda m: m.predict_interval(made(5)[0], 0),
    lambda m: TabularRegressor("mlp", quantiles=(0.5, 0.1)).fit(*made(20)),
    lambda m: TabularRegressor("mlp", quantiles=()).fit(*made(20)),
    lambda m: TabularRegressor("mlp", quantiles=(0.5, 1)).fit(*made(20)),
])  # fmt: skip
def test_what_is_no_share_is_refused(of_mean, call):
    with pytest.raises(OptionError, match=r"need .*(coverage|quantiles)"):
        call(of_mean)


def test_what_was_not_learned_is_said(of_mean):
    with pytest.raises(StateError, match="fit with quantiles="):
        of_mean.predict_quantiles(made(5)[0])
    short = TabularRegressor("mlp", options=SMALL).fit(*made(30))  # no rows are held back
    with pytest.raises(StateError, match="need 9 rows or more in the validation part"):
        short.predict_interval(made(5)[0])
    for name in ("predict_interval", "predict_quantiles", "predict_std", "stream"):
        with pytest.raises(CnnCoreError, match=f"{name}: need a TabularRegressor that has learned"):
            getattr(TabularRegressor(), name)("x")
