"""Tables that come in another form than at training: the same rows, the same predictions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tiny_recipe import Tiny

from cnn_core.errors import DataError
from cnn_core.tabular import TabularClassifier, TabularRegressor

N = 120
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
NUMBERS = X[:, 0] + X[:, 1] ** 2


def test_a_target_among_columns_without_names_need_not_be_there_later():
    whole = np.insert(X, 1, NUMBERS, axis=1)
    made = TabularRegressor(Tiny()).fit(whole, 1)
    assert made.predict(whole).tobytes() == made.predict(X).tobytes()
    assert made.score(whole) == made.score(X, NUMBERS)
    apart = TabularRegressor(Tiny()).fit(whole, 1, X_val=X, y_val=NUMBERS)
    among = TabularRegressor(Tiny()).fit(whole, 1, X_val=whole)
    assert apart.predict(X).tobytes() == among.predict(X).tobytes()


def test_a_header_is_known_by_the_names_that_are_asked_for(tmp_path):
    path, head = tmp_path / "texts.csv", tmp_path / "head.csv"
    lines = [f"{k},{y}" for k, y in zip("pqr" * 20, ["t", "yes", "no"] * 20, strict=True)]
    path.write_text("\n".join(["p,t", *lines]))  # which are values too
    head.write_text("p,t\n")
    made = TabularClassifier(Tiny()).fit(path, "t")
    assert made.n_rows_ == 60
    assert made.score(path) == made.score([{"p": k} for k in "pqr" * 20], ["t", "yes", "no"] * 20)
    assert made.predict(path).shape == (60,)
    assert made.partial_dependence(path, "p").values.shape == (3, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the target is no new column
        assert made.predict_proba(head).shape == (0, 3)


@pytest.mark.parametrize(("labels", "others"), [
    ([False, True], ["false", "True"]), (["False", "True"], [False, True]),
    (["1.50", "2"], [1.5, 2.0]), ([1.0, 2.5], ["1", "2.50"]), (["007", "7"], ["007", 7]),
])  # fmt: skip
def test_a_class_is_the_same_in_a_frame_and_in_a_file(labels, others):
    made = TabularClassifier(Tiny()).fit(X, labels * (N // 2))
    assert made.score(X, others * (N // 2)) == made.score(X, labels * (N // 2))


def test_targets_of_weight_0_are_in_no_mean_and_no_range():
    w = np.arange(N) % 3
    y = np.where(w > 0, NUMBERS, 1e9)
    made = TabularRegressor(Tiny()).fit(X, y, sample_weight=w)
    less = TabularRegressor(Tiny()).fit(X[w > 0], y[w > 0], sample_weight=w[w > 0])
    assert made.target_ == less.target_
    assert made.predict(X).tobytes() == less.predict(X).tobytes()
    with pytest.raises(DataError, match="need targets that differ in y, of the rows that are used"):
        TabularRegressor(Tiny()).fit(X, np.where(w > 0, 1, y), sample_weight=w)


@pytest.mark.parametrize("smoothing", [1e-310, 1e-150, 0.99])
def test_smoothing_of_any_size_leaves_probabilities(smoothing):
    made = TabularClassifier("realmlp", options={"epochs": 1, "label_smoothing": smoothing})
    found = made.fit(X, np.where(NUMBERS > 0.5, "p", "q")).predict_proba(X)
    assert np.allclose(found.sum(axis=1), 1)
