"""`evaluate` of learners: the figures of `cnn_core.tabular.figures`, beside the trivial ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cnn_core.tabular import TabularClassifier, TabularRegressor, figures
from cnn_core.tabular.evaluation import Evaluation, shown

RNG = np.random.default_rng(11)
ROWS = [{"size": float(a), "kind": "abc"[b]} for a, b in zip(RNG.normal(size=240),
        RNG.integers(0, 3, 240), strict=True)]  # fmt: skip
CLASSES = [f"{r['kind']}{r['size'] > 0}" if r["kind"] == "a" else r["kind"] for r in ROWS]
NUMBERS = [1e5 + 1e4 * r["size"] + 3e3 * (r["kind"] == "b") for r in ROWS]
WEIGHT = RNG.uniform(0.5, 2, 240)
SMALL = {"epochs": 12, "hidden": (32,), "batch_size": 16}


@pytest.fixture(scope="module")
def classifier():
    return TabularClassifier("mlp", options=SMALL, validation_fraction=0.25).fit(ROWS, CLASSES)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
def test_classes(classifier, weight):
    found = classifier.evaluate(ROWS, CLASSES, weight)
    codes = np.searchsorted(classifier.classes_, CLASSES)
    p = classifier.predict_proba(ROWS)
    w = None if weight is None else weight / weight.mean()
    assert dict(found) == pytest.approx(figures.of_classes(codes, p, w), rel=1e-6)
    assert found.trivial == pytest.approx(figures.trivial(codes, 4, w), rel=1e-6)
    np.testing.assert_allclose(found.confusion, figures.confusion(codes, p, w), rtol=1e-6)
    assert found["accuracy"] == classifier.score(ROWS, CLASSES, weight)
    assert (found.n_rows, found.classes) == (240, ["aFalse", "aTrue", "b", "c"])


def test_validation_figures_are_those_of_the_rows_held_back(classifier):
    held = classifier.fitted_[0].validation_rows
    again = classifier.evaluate([ROWS[i] for i in held], [CLASSES[i] for i in held])
    assert dict(classifier.validation_) == pytest.approx(dict(again), rel=1e-9)
    assert 40 < len(held) == classifier.validation_.n_rows


@pytest.mark.parametrize("quantiles", [None, (0.1, 0.4, 0.9)])
def test_numbers_and_quantiles(quantiles):
    model = TabularRegressor("mlp", options=SMALL, quantiles=quantiles).fit(ROWS, NUMBERS)
    found, y = model.evaluate(ROWS, NUMBERS), np.array(NUMBERS)
    held = model.fitted_[0].validation_rows
    again = model.evaluate([ROWS[i] for i in held], y[held])
    # the targets of the validation part have gone through float32
    assert dict(model.validation_) == pytest.approx(
        {name: value for name, value in again.items() if name != "coverage"}, rel=1e-4)  # fmt: skip
    low, high = model.predict_interval(ROWS, 0.9).T
    assert found["coverage"] == figures.coverage(y, low, high)
    assert found["rmse"] == figures.rmse(y, model.predict(ROWS))
    assert found["rmse"] < found.trivial["rmse"]
    assert found.confusion is None
    assert found.trivial["r2"] == pytest.approx(0, abs=1e-12)
    assert ("pinball" in found) == (quantiles is not None)
    if quantiles:
        assert found["pinball"] == figures.pinballs(y, model.predict_quantiles(ROWS), quantiles)
        assert 0 < found.trivial["pinball"] < found.trivial["mae"]


def test_the_name_of_the_target_is_known():
    rows = [{**row, "price": price} for row, price in zip(ROWS, NUMBERS, strict=True)]
    model = TabularRegressor("mlp", options=SMALL).fit(rows, "price")
    assert dict(model.evaluate(rows)) == dict(model.evaluate(rows, "price"))
    assert dict(model.evaluate(rows)) == dict(model.evaluate(ROWS, NUMBERS))


def test_as_json_and_as_a_table(classifier):
    one = classifier.evaluate(ROWS[:1], CLASSES[:1])
    found = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert found["auc"] is None
    assert found["accuracy"] == one["accuracy"]
    assert np.sum(found["confusion"]) == 1
    lines = str(classifier.evaluate(ROWS, CLASSES)).splitlines()
    assert lines[0].split() == ["240", "rows", "model", "same", "for", "all"]
    assert lines[2].split()[0] == "accuracy"
    assert [line.split()[0] for line in lines[-4:]] == ["aFalse", "aTrue", "b", "c"]
    assert sum(int(v) for line in lines[-4:] for v in line.split()[1:]) == 240
    assert str(Evaluation(2, {"r2": 0.5}, {})).splitlines()[-1] == "r2      0.5000"
    assert (shown(float("nan")), shown(0.0), shown(-123456.7)) == ("nan", "0.0000", "-123,457")
