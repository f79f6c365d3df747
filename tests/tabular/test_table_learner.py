"""Learners of raw tables: what they take, what they refuse, and what they make of it."""

from __future__ import annotations

import copy
import csv
import pickle
import warnings

import numpy as np
import pytest
from tiny_recipe import Tiny

from cnn_core.errors import CnnCoreError, DataError, LabelError, StateError
from cnn_core.tabular import TabularClassifier, TabularRegressor

N = 120
RNG = np.random.default_rng(0)
COLUMNS = {
    "size": RNG.normal(size=N).round(3).tolist(),
    "kind": [str(kind) for kind in RNG.choice(["p", "q", "r"], N)],
    "count": RNG.integers(0, 9, N).tolist(),
}
LABELS = ["yes" if s + (k == "q") > 0.4 else "no"
          for s, k in zip(COLUMNS["size"], COLUMNS["kind"], strict=True)]  # fmt: skip
NUMBERS = [3.0 * s + c for s, c in zip(COLUMNS["size"], COLUMNS["count"], strict=True)]
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
WHOLE = [{**row, "y": label} for row, label in zip(ROWS, LABELS, strict=True)]


def classifier(**given):
    return TabularClassifier(**{"recipe": Tiny(), **given})


def regressor(**given):
    return TabularRegressor(**{"recipe": Tiny(), **given})


def weights(model):
    return [each.network.store.value.tobytes() for each in model.fitted_]


@pytest.fixture(scope="module")
def model():
    return classifier().fit(COLUMNS, LABELS)


# -- what comes in ----------------------------------------------------------------------------


def file_of(tmp_path):
    path = tmp_path / "rows.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, WHOLE[0])
        writer.writeheader()
        writer.writerows(WHOLE)
    return path


def frame(module):
    pytest.importorskip("narwhals")
    made = pytest.importorskip(module)
    whole = {**COLUMNS, "y": LABELS}
    return made.table(whole) if module == "pyarrow" else made.DataFrame(whole)


@pytest.mark.parametrize("form", ["rows", "columns", "file", "pandas", "polars", "pyarrow"])
def test_a_table_means_the_same_in_every_form(form, model, tmp_path):
    forms = {"rows": lambda: WHOLE, "columns": lambda: {**COLUMNS, "y": LABELS},
             "file": lambda: file_of(tmp_path)}  # fmt: skip
    table = forms.get(form, lambda: frame(form))()
    named = classifier().fit(table, "y")
    assert weights(named) == weights(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the target is no new column
        assert named.predict(table).tolist() == model.predict(COLUMNS).tolist()
    assert named.score(table) == named.score(table, "y") == model.score(ROWS, LABELS)


@pytest.mark.parametrize(("module", "pick"), [
    ("pandas", lambda f: f["y"]), ("pandas", lambda f: f[["y"]]), ("polars", lambda f: f["y"]),
    ("pandas", lambda f: f.set_index("y").index), ("pyarrow", lambda f: f["y"]),
    ("pandas", lambda f: f["y"].astype("string").array),
    ("pandas", lambda f: f["y"].astype("category").array),
    ("pyarrow", lambda f: f["y"].combine_chunks()),
])  # fmt: skip
def test_targets_may_be_a_column_of_a_frame(module, pick, model):
    whole = frame(module)
    assert weights(classifier().fit(ROWS, pick(whole))) == weights(model)
    if module == "pandas":
        with pytest.raises(CnnCoreError, match="y as one column; got a frame of 4"):
            classifier().fit(ROWS, whole)


def test_columns_without_names_have_places():
    X = np.array([COLUMNS["size"], COLUMNS["count"], NUMBERS]).T
    made = [regressor().fit(X, y) for y in (2, -1, "x2")]
    assert len({*map(tuple, map(weights, made))}) == 1
    assert (made[0].predict(X) == made[0].predict(X[:, :2])).all()
    with pytest.raises(DataError, match="got 3"):
        regressor().fit(X, 3)


def test_a_row_is_predicted_to_the_bit_as_among_many(model):
    whole = model.predict_proba(ROWS)
    assert whole.shape == (N, 2)
    assert np.allclose(whole.sum(axis=1), 1)
    for i in (0, 7):
        assert model.predict_proba(ROWS[i]).tobytes() == whole[i].tobytes()


def test_whole_numbers_of_a_file_are_classes_of_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,t\n" + "".join(f"{i % 9 / 2},{i % 2}\n" for i in range(60)))
    made = classifier().fit(path, "t")
    assert made.classes_.tolist() == [0, 1]
    assert made.predict({"x": 1.5}).dtype == np.int64
    assert made.score(path) == made.score([{"x": i % 9 / 2} for i in range(60)],
                                          [str(i % 2) for i in range(60)])  # fmt: skip


# -- what comes out ---------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "y"), [(classifier, LABELS), (regressor, NUMBERS)])
def test_a_seed_decides_everything_and_threads_nothing(make, y):
    first, again, other = (make(seed=s, n_threads=t).fit(ROWS, y)
                           for s, t in ((3, 1), (3, 2), (4, 1)))  # fmt: skip
    assert weights(first) == weights(again) != weights(other)
    assert (first.fitted_[0].validation_rows == again.fitted_[0].validation_rows).all()


@pytest.mark.parametrize(("make", "y", "figure"), [(classifier, LABELS, "log_loss"),
                                             (regressor, NUMBERS, "rmse")])  # fmt: skip
def test_the_best_epoch_on_the_validation_part_is_kept(make, y, figure):
    made = make(recipe=Tiny(lr=0.5, epochs=7)).fit(ROWS, y)  # a rate that is too high
    fitted, series = made.fitted_[0], made.history_[f"val_{figure}"]
    assert len(series) == 7
    assert "loss" in made.history_
    assert series[fitted.best_epoch - 1] == min(series)
    held = [ROWS[i] for i in fitted.validation_rows]
    assert np.array_equal(made._raw(made.encoder_.transform(held))[0], fitted.outputs)


def test_of_epochs_that_are_equally_good_the_last_is_kept_and_patience_counts_from_the_first():
    still = Tiny(lr=1e-30)
    assert classifier(recipe=still).fit(ROWS, LABELS).fitted_[0].best_epoch == 20
    still.patience = 3
    made = classifier(recipe=still).fit(ROWS, LABELS, time_limit=60)
    assert made.history_.epochs == made.fitted_[0].best_epoch == 4
    assert made.notes_ == []  # it was not the time


def test_several_networks_have_parts_of_their_own_and_the_first_is_that_of_one(model):
    made = classifier(n_models=3).fit(ROWS, LABELS)
    parts = [each.validation_rows.tolist() for each in made.fitted_]
    assert len({*map(tuple, parts)}) == 3
    assert weights(made)[0] == weights(model)[0]
    assert made._raw(made.encoder_.transform(ROWS))[0].tobytes() == (
        model._raw(model.encoder_.transform(ROWS))[0].tobytes())  # fmt: skip


def test_rows_may_be_given_for_validation_with_the_target_among_them_or_not():
    held = WHOLE[90:]
    named = classifier().fit(WHOLE[:90], "y", X_val=held)
    apart = classifier().fit(ROWS[:90], LABELS[:90], X_val=ROWS[90:], y_val=LABELS[90:])
    both = classifier().fit(WHOLE[:90], "y", X_val=held, y_val=LABELS[90:])
    assert weights(named) == weights(apart) == weights(both)
    assert not len(named.fitted_[0].validation_rows)
    assert len(named.fitted_[0].target) == 30


def test_rows_of_weight_0_are_not_there_and_only_proportions_count():
    w = RNG.integers(0, 3, N).astype(float)
    kept = np.flatnonzero(w)
    made = classifier().fit(ROWS, LABELS, sample_weight=w)
    less = classifier().fit([ROWS[i] for i in kept], [LABELS[i] for i in kept],
                            sample_weight=4 * w[kept])  # fmt: skip
    assert weights(made) == weights(less)
    assert (made.fitted_[0].validation_rows == kept[less.fitted_[0].validation_rows]).all()
    assert weights(made) != weights(classifier().fit(ROWS, LABELS))


def test_weights_of_classes_are_those_of_their_rows():
    held = {"X_val": ROWS, "y_val": LABELS}
    w = np.where(np.array(LABELS) == "yes", 3.0, 1.0)
    by_row = classifier().fit(ROWS, LABELS, sample_weight=w, **held)
    assert weights(classifier(class_weight={"yes": 3}).fit(ROWS, LABELS, **held)) == weights(by_row)
    share = LABELS.count("yes") / N
    by_row.fit(ROWS, LABELS, sample_weight=np.where(w > 1, 1 / share, 1 / (1 - share)), **held)
    balanced = classifier(class_weight="balanced").fit(ROWS, LABELS, **held)
    assert np.allclose(balanced.predict_proba(ROWS), by_row.predict_proba(ROWS), atol=1e-5)


@pytest.mark.parametrize("scale", [2.0**-27, 1.0, 2.0**40, 2.0**-500, 2.0**500])
def test_numbers_of_any_scale_are_learned_alike(scale):
    plain = regressor().fit(ROWS, NUMBERS)
    made = regressor().fit(ROWS, np.array(NUMBERS) * scale)
    assert (made.predict(ROWS) == plain.predict(ROWS) * scale).all()
    assert plain.score(ROWS, NUMBERS) > 0.8
    far = regressor().fit(ROWS, np.array(NUMBERS) + 1e9)
    assert abs(far.predict(ROWS) - 1e9 - plain.predict(ROWS)).max() < 1e-4


def test_predicted_numbers_stay_within_the_range_of_training():
    made = regressor().fit(ROWS, NUMBERS)
    far = [{"size": s, "kind": "p", "count": c} for s in (-1e9, 1e9) for c in (-1e9, 1e9)]
    found = made.predict([*ROWS, *far])
    assert min(NUMBERS) <= found.min()
    assert found.max() <= max(NUMBERS)


# -- few rows, rare classes -------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 10, 47])
def test_of_few_rows_none_is_held_back_and_the_last_epoch_is_kept(n):
    y = ["a", "b"] * n
    made = classifier(recipe=Tiny(epochs=3)).fit(ROWS[:n], y[:n])
    fitted = made.fitted_[0]
    assert fitted.outputs is None
    assert fitted.best_epoch == 3
    assert not len(fitted.validation_rows)
    assert any("no validation part" in note for note in made.notes_)
    assert not made.validation_
    assert regressor(recipe=Tiny(epochs=3)).fit(ROWS[:n], NUMBERS[:n]).predict(ROWS).shape == (N,)


def test_classes_of_single_rows_stay_in_training():
    y = ["a", "b", "b", *["c", "d"] * 59][:N]
    made = classifier().fit(ROWS, y)
    kept = np.delete(np.array(y), made.fitted_[0].validation_rows)
    assert {*kept} == {*"abcd"}
    assert made.predict_proba(ROWS[:3]).shape == (3, 4)
    assert classifier(recipe=Tiny(1)).fit(ROWS, list(range(N))).classes_.shape == (N,)


# -- what is refused --------------------------------------------------------------------------

BAD = {
    "ragged rows": ([[1, 2], [3]], [0, 1], {}, "row 1"),
    "a name that is not there": (WHOLE, "yy", {}, "'yy': did you mean 'y'"),
    "no target": (WHOLE, None, {}, "need y, targets or the name"),
    "a target missing": ([*WHOLE, {**ROWS[0]}], "y", {}, "'y'; got none in row 120"),
    "one class": (ROWS, ["a"] * N, {}, "two classes or more"),
    "fewer targets than rows": (ROWS, LABELS[:5], {}, "got 5 for 120"),
    "no columns left": ([{"y": k} for k in LABELS], "y", {}, "the target alone"),
    "all values missing": ([{"a": None}] * N, LABELS, {}, "all values are missing"),
    "a table without rows": ({"a": []}, [], {}, "one row or more"),
    "negative weights": (ROWS, LABELS, {"sample_weight": [-1.0] * N}, "sample_weight >= 0"),
    "no weights": (ROWS, LABELS, {"sample_weight": [0.0] * N}, "above 0; got zeros"),
    "weights of other rows": (ROWS, LABELS, {"sample_weight": [1.0]}, r"\(120,\)"),
    "validation without targets": (ROWS, LABELS, {"X_val": ROWS}, "X_val: need y_val"),
    "validation without rows": (ROWS, LABELS, {"y_val": LABELS}, "need X_val beside y_val"),
    "validation without the target": (WHOLE, "y", {"X_val": ROWS}, "X_val: need a column"),
    "validation without a column": (WHOLE, "y", {"X_val": [{"y": "no"}]}, "a column to learn"),
    "a class that training has not": (
        ROWS, LABELS, {"X_val": ROWS[:1], "y_val": ["maybe"]}, "X_val: need classes of y_val"),
    "numbers as classes": (ROWS, np.linspace(0, 1, N), {}, "TabularRegressor learns numbers"),
    "nothing but targets": ([[]] * N, LABELS, {}, "a column to learn from; got none"),
    "no time": (WHOLE, "y", {"time_limit": 0}, "time_limit"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learned_is_refused_and_changes_nothing(case, model):
    X, y, given, words = BAD[case]
    before = copy.copy(vars(model))
    with pytest.raises(CnnCoreError, match=words):
        model.fit(X, y, **given)
    assert vars(model) == before


def test_what_goes_wrong_after_the_trainings_changes_nothing_either(model, monkeypatch):
    before = copy.copy(vars(model))

    def settle(self):
        self.temperatures_ = None
        raise KeyboardInterrupt

    monkeypatch.setattr(TabularClassifier, "_settle", settle)
    with pytest.raises(KeyboardInterrupt):
        model.fit(ROWS[:80], LABELS[:80])
    assert vars(model) == before
    fresh = classifier()
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(ROWS, LABELS)
    assert vars(fresh).keys() == fresh.get_params().keys()


@pytest.mark.parametrize(("given", "words"), [
    ({"recipe": "mpl"}, "did you mean 'mlp'"), ({"recipe": "mlp", "options": {"epoch": 1}},
    "did you mean 'epochs'"), ({"options": {"epochs": 3}}, "options in the recipe itself"),
    ({"n_models": 0}, "n_models"), ({"seed": -1}, "seed"), ({"n_threads": 0}, "n_threads"),
    ({"validation_fraction": 1.0}, "validation_fraction"), ({"kinds": {"sise": "number"}},
    "did you mean 'size'"), ({"encoder": {"min_row": 3}}, "did you mean 'min_rows'"),
    ({"class_weight": {"maybe": 2}}, "class_weight among 'no', 'yes'"),
])  # fmt: skip
def test_parameters_that_cannot_be_are_refused_by_fit(given, words):
    with pytest.raises(CnnCoreError, match=words):
        classifier(**given).fit(ROWS, LABELS)


def test_numbers_that_are_all_equal_or_no_numbers_are_refused():
    for y, words in (([1.0] * N, "differ"), ([np.inf] * N, "infinity in row 0"),
                     (LABELS, "need numbers in y")):  # fmt: skip
        with pytest.raises(DataError, match=words):
            regressor().fit(ROWS, y)


def test_columns_at_prediction_are_found_by_name(model):
    turned = [dict(reversed(row.items())) for row in ROWS]
    assert (model.predict_proba(turned) == model.predict_proba(ROWS)).all()
    texts = [{**row, "size": str(row["size"]), "count": float(row["count"])} for row in ROWS]
    assert (model.predict_proba(texts) == model.predict_proba(ROWS)).all()
    with pytest.warns(UserWarning, match="not seen are left out: 'more'"):
        model.predict([{**row, "more": 1} for row in ROWS[:2]])
    with pytest.raises(DataError, match="need columns 'size', 'kind'"):
        model.predict([{"count": 1}, {"count": 2}])
    unseen = model.predict_proba({"size": np.inf, "kind": "never seen", "count": None})
    assert np.isfinite(unseen).all()


def test_labels_that_are_written_otherwise_are_not_guessed(model):
    with pytest.raises(LabelError, match=r"score: .*got 'yes\.' in row 0: did you mean 'yes'"):
        model.score(ROWS, ["yes."] * N)


def test_who_has_not_learned_says_so():
    made = classifier()
    for call in (made.predict, made.predict_proba, made.score, made.evaluate):
        with pytest.raises(StateError, match="call fit first"):
            call(ROWS)
    assert not hasattr(made, "classes_")
    assert not hasattr(made, "columns_")


# -- Ctrl-C -----------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_best_epoch_before_it_and_in_the_first_changes_nothing(model):
    with pytest.warns(UserWarning, match="interrupted in epoch 4 of 20"):
        made = classifier(recipe=Tiny(breaks_off=4), n_models=2).fit(ROWS, LABELS)
    assert made.history_.epochs == 3
    assert len(made.fitted_) == 1
    assert made.notes_ == ["interrupted in epoch 4", "1 of 2 networks were trained"]
    found = made.history_["val_log_loss"]
    assert found == model.history_["val_log_loss"][:3]
    before, model.recipe = weights(model), Tiny(breaks_off=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(ROWS, LABELS)
    model.recipe = Tiny()
    assert weights(model) == before


# -- conventions ------------------------------------------------------------------------------


def test_parameters_are_told_and_set(model):
    made = TabularClassifier("mlp", seed=3)
    assert repr(classifier(seed=3)) == "TabularClassifier(Tiny(), seed=3)"
    assert TabularClassifier(**made.get_params()).get_params() == made.get_params()
    assert made.set_params(n_models=2) is made
    assert made.n_models == 2
    with pytest.raises(TypeError, match="did you mean 'n_models'"):
        made.set_params(n_model=3)
    with pytest.raises(TypeError, match="did you mean 'n_models'"):
        TabularClassifier(n_model=3)


def test_a_copy_predicts_the_same(model):
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (other.predict_proba(ROWS) == model.predict_proba(ROWS)).all()
    assert model.n_features_in_ == 3
    assert model.feature_names_in_.tolist() == [*COLUMNS]


def test_scikit_learn_takes_them():
    base = pytest.importorskip("sklearn.base")
    from sklearn.model_selection import cross_val_score
    from sklearn.utils.validation import check_is_fitted

    X = np.array([COLUMNS["size"], COLUMNS["count"]]).T
    made = classifier(recipe=Tiny(epochs=40))
    assert base.is_classifier(made)
    assert base.is_regressor(regressor())
    assert repr(base.clone(made)) == repr(made)
    assert cross_val_score(made, X, LABELS, cv=3, error_score="raise").mean() > 0.6
    assert cross_val_score(regressor(), X, NUMBERS, cv=3, error_score="raise").shape == (3,)
    check_is_fitted(made.fit(X, LABELS))
