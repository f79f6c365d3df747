"""`permutation_importance`: against a plain loop over raw columns, with the same permutations."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from cnn_core.errors import CnnCoreError, DataError, OptionError, ShapeError, StateError
from cnn_core.tabular import TabularClassifier, TabularRegressor, figures, sweeps
from cnn_core.tabular.importance import permutation

N = 240
RNG = np.random.default_rng(5)
X = {
    "x": [None if i % 11 == 0 else float(v) for i, v in enumerate(RNG.normal(size=N))],
    "hour": [i % 5 for i in range(N)],
    "flag": [["yes", "no", ""][i % 3] for i in range(N)],
    "few": [["red", "green", "blue", None][i % 4] for i in range(N)],
    "many": [f"m{i % 30}" for i in RNG.permutation(N)],
    "when": [None if i % 50 == 7 else dt.date(2020, 1, 30) + dt.timedelta(days=3 * i)
             for i in range(N)],
    "note": [None if i % 2 else f"note {i} of some length that tells rows apart" for i in range(N)],
    "same": [1.0] * N,
    3: RNG.normal(size=N).tolist(),
}  # fmt: skip
SIGNAL = np.array([0.0 if v is None else 2 * v for v in X["x"]]) + np.array(X["hour"])
Y = (np.median(SIGNAL) < SIGNAL).astype(int)
OPTIONS = {"encoder": {"discrete_rows": 20}, "options": {"epochs": 12}}
CLASSES = TabularClassifier("mlp", **OPTIONS).fit(X, Y)
NUMBERS = TabularRegressor("mlp", **OPTIONS).fit(X, SIGNAL)
WEIGHT = RNG.integers(0, 3, N).astype(float)


def by_loop(table, score, n_repeats, seed):
    before, found = score(table), []
    for name, column in table.items():
        orders = [permutation(len(column), seed, repeat) for repeat in range(n_repeats)]
        found.append([before - score({**table, name: [column[i] for i in order]})
                      for order in orders])  # fmt: skip
    return np.array(found)


@pytest.mark.parametrize("block", [1, 40_000, 1 << 25])  # bytes: less than one copy, two, all
@pytest.mark.parametrize(("model", "y"), [(CLASSES, Y), (NUMBERS, SIGNAL)])
def test_it_equals_a_loop_over_the_raw_columns(monkeypatch, model, y, block):
    monkeypatch.setattr(sweeps, "BLOCK_BYTES", block)
    monkeypatch.setattr(sweeps, "FEWEST_ROWS", 7)
    found = model.permutation_importance(X, y, n_repeats=3, seed=9, sample_weight=WEIGHT)
    loop = by_loop(X, lambda table: model.score(table, y, WEIGHT), 3, 9)
    assert np.array_equal(found.drops, loop)
    assert found.score == model.score(X, y, WEIGHT)
    assert [found[name].mean for name in X] == [float(line.mean()) for line in loop]
    assert [found[name].std for name in X] == [float(line.std()) for line in loop]


@pytest.mark.parametrize(("model", "y", "metric", "sign"), [
    (CLASSES, Y, "auc", 1), (CLASSES, Y, "log_loss", -1), (NUMBERS, SIGNAL, "rmse", -1),
    (NUMBERS, SIGNAL, "mae", -1),
])  # fmt: skip
def test_errors_count_the_other_way_round(model, y, metric, sign):
    found = model.permutation_importance(X, y, n_repeats=2, metric=metric)
    what = model.predict_proba if model is CLASSES else model.predict
    loop = by_loop(X, lambda table: sign * getattr(figures, metric)(y, what(table)), 2, 0)
    assert np.array_equal(found.drops, loop)
    assert found.metric == metric
    assert min(found["x"].mean, found["hour"].mean) > 0
    assert found.score == getattr(figures, metric)(y, what(X))


def test_a_function_gets_labels_and_what_predict_returns():
    labels = np.array(["no", "yes"])[Y]
    model = TabularClassifier("mlp", **OPTIONS).fit(X, labels)

    def wrong(y, predicted, sample_weight=None):
        assert set(y) | set(predicted) <= {"no", "yes"}
        return np.average(y != predicted, weights=sample_weight)

    wrong.higher_is_better = False
    found = model.permutation_importance(X, labels, metric=wrong, sample_weight=WEIGHT)
    assert found.metric == "wrong"
    assert np.allclose(found.drops, model.permutation_importance(X, labels,
                       sample_weight=WEIGHT).drops, rtol=0, atol=1e-6)  # fmt: skip


def test_what_matters_comes_first_and_what_is_not_looked_at_is_zero():
    found = CLASSES.permutation_importance({**X, "y": Y.tolist()}, "y")
    assert {f.name for f in list(found)[:2]} == {"x", "hour"}
    assert found["same"] == ("same", 0.0, 0.0)
    assert [f.mean for f in found] == sorted((f.mean for f in found), reverse=True)
    assert found.to_dict()["name"] == [f.name for f in found]
    assert len(found) == len(X)
    assert type(found[3].name) is int
    lines = repr(found).splitlines()
    assert lines[0] == f"what accuracy ({found.score:.4g}) loses where a column is permuted"
    assert lines[1].split() == ["column", "mean", "std"]
    assert len(lines) == 2 + len(X)
    assert len({len(line) for line in lines[1:]}) == 1
    with pytest.raises(DataError, match=r"need a column among .* got 'hou': did you mean 'hour'"):
        found["hou"]


def test_it_means_what_scikit_learn_means():
    inspection = pytest.importorskip("sklearn.inspection")
    table = np.array([[v, h, f] for v, h, f in zip(X["x"], X["hour"], X["few"], strict=True)],
                     dtype=object)  # fmt: skip
    model = TabularRegressor("mlp", options={"epochs": 5}).fit(table, SIGNAL)
    ours = model.permutation_importance(table, SIGNAL, n_repeats=10)
    theirs = inspection.permutation_importance(model, table, SIGNAL, n_repeats=10, random_state=0)
    for i, name in enumerate(("x0", "x1", "x2")):
        assert abs(ours[name].mean - theirs.importances_mean[i]) <= 1.5 * (
            ours[name].std + theirs.importances_std[i])  # fmt: skip


@pytest.mark.parametrize(("options", "error", "said"), [
    ({"metric": "acuracy"}, OptionError, "need metric among accuracy, .*did you mean 'accuracy'"),
    ({"metric": "rmse"}, OptionError, "need metric among accuracy, auc"),
    ({"metric": lambda y, p: "much"}, OptionError, "need a number from metric; got 'much'"),
    ({"n_repeats": 0}, OptionError, "n_repeats, a whole number from 1 to 10000; got 0"),
    ({"seed": -1}, OptionError, "need a whole number"),
    ({"y": Y[:5]}, ShapeError, "as many targets as rows; got 5 for 240"),
    ({"sample_weight": [1.0]}, ShapeError, "need sample_weight of shape"),
    ({"y": None}, OptionError, "need y, targets or the name of a column"),
    ({"y": "nothing"}, DataError, "need a column among"),
])  # fmt: skip
def test_bad_input_is_refused(options, error, said):
    with pytest.raises(error, match=said) as caught:
        CLASSES.permutation_importance(X, **{"y": Y, **options})
    assert str(caught.value).startswith("permutation_importance: ")
    assert isinstance(caught.value, CnnCoreError)


def test_every_seed_and_repeat_has_a_permutation_of_its_own():
    made = {tuple(permutation(20, seed, repeat)) for seed in range(4) for repeat in range(4)}
    assert len(made) == 16
    assert all(sorted(order) == list(range(20)) for order in made)


def test_it_needs_a_learner_that_has_learned():
    with pytest.raises(StateError, match="permutation_importance: need a TabularClassifier"):
        TabularClassifier().permutation_importance(X, Y)
