"""scikit-learn's tools give with this package's classes what they give with scikit-learn's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import calibration, ensemble, model_selection, multiclass, multioutput
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn_pairs import THEIRS_WEIGH, Make, assert_alike, classes, numbers, pair

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GRID = {"alpha": [1e-4, 3.0], "activation": ["relu", "tanh"]}
X, Y = classes()
YES = Y == "a"
XR, YR = numbers()
CUT = model_selection.StratifiedKFold(3)


def searched(search: Any) -> tuple:
    found = search.fit(X, Y)
    figures = [v for k, v in found.cv_results_.items() if "_test_score" in k]
    return *figures, repr(found.best_params_), found.predict_proba(X)


def masked() -> np.ndarray:
    codes = np.unique(Y, return_inverse=True)[1]
    return np.where(np.arange(len(Y)) % 4, codes, -1)


def batches(make: Make) -> Any:
    """Return what `learning_curve` finds by calls of `partial_fit`."""
    sizes = [20, 40, 80]
    return model_selection.learning_curve(make(), X, Y, cv=CUT, train_sizes=sizes,
                                          exploit_incremental_learning=True)[:3]  # fmt: skip


CLASSIFIER: dict[str, Callable[[Make], Any]] = {
    "pipeline": lambda make: make_pipeline(StandardScaler(), make()).fit(X, Y).predict_proba(X),
    "columns": lambda make: make_pipeline(
        make_column_transformer((StandardScaler(), [0, 2]), (MinMaxScaler(), [1])), make()
    ).fit(X, Y).predict_log_proba(X),
    "clone": lambda make: clone(make(alpha=0.5, solver="sgd").fit(X, Y)).fit(X, Y).predict_proba(X),
    "scores": lambda make: model_selection.cross_val_score(make(), X, Y, cv=CUT),
    "figures": lambda make: model_selection.cross_validate(
        make(), X, Y == "b", cv=CUT, scoring=["roc_auc", "neg_log_loss", "f1"]
    )["test_neg_log_loss"],
    "predictions": lambda make: model_selection.cross_val_predict(
        make(), X, Y, cv=CUT, method="predict_log_proba"
    ),
    "grid": lambda make: searched(model_selection.GridSearchCV(make(), GRID, cv=CUT)),
    "halving": lambda make: searched(HalvingGridSearchCV(
        make(), GRID, cv=CUT, random_state=0, min_resources=40
    )),
    "halving of epochs": lambda make: searched(HalvingGridSearchCV(
        make(), GRID, cv=CUT, resource="max_iter", max_resources=9, min_resources=3, random_state=0
    )),
    "random": lambda make: searched(model_selection.RandomizedSearchCV(
        make(), {"learning_rate_init": np.logspace(-4, -1, 9)}, n_iter=3, cv=CUT, random_state=0
    )),
    "partial fits": batches,
    "curve of an option": lambda make: model_selection.validation_curve(
        make(), X, Y, param_name="alpha", param_range=[1e-4, 1.0], cv=CUT
    ),
    "calibrated": lambda make: calibration.CalibratedClassifierCV(make(), cv=3).fit(X, Y)
    .predict_proba(X),
    "calibrated, isotonic": lambda make: calibration.CalibratedClassifierCV(
        make(), cv=3, method="isotonic"
    ).fit(X, Y).predict_proba(X),
    "voting": lambda make: ensemble.VotingClassifier(
        [("one", make()), ("two", make(random_state=1)), ("three", LogisticRegression())],
        voting="soft",
    ).fit(X, Y).predict_proba(X),
    "stacking": lambda make: ensemble.StackingClassifier(
        [("one", make()), ("two", make(activation="tanh"))], cv=CUT
    ).fit(X, Y).predict_proba(X),
    "importance": lambda make: permutation_importance(
        make().fit(X, Y), X, Y, n_repeats=2, random_state=0
    ).importances,
    "dependence": lambda make: partial_dependence(
        make().fit(X, Y), X, [1], grid_resolution=5
    )["average"],
    "threshold": lambda make: model_selection.TunedThresholdClassifierCV(make(), cv=CUT)
    .fit(X, YES).predict(X),
    "one against the rest": lambda make: multiclass.OneVsRestClassifier(make()).fit(X, Y)
    .predict_proba(X),
    "one against one": lambda make: multiclass.OneVsOneClassifier(make()).fit(X, Y)
    .decision_function(X),
    "several answers": lambda make: multioutput.MultiOutputClassifier(make())
    .partial_fit(X, np.stack([Y, Y[::-1]], 1), classes=[np.unique(Y)] * 2)
    .predict_proba(X),
    "chain": lambda make: multioutput.ClassifierChain(make(), random_state=0)
    .fit(X, np.stack([YES, Y == "b"], 1)).predict_proba(X),
    "self-training": lambda make: SelfTrainingClassifier(make()).fit(X, masked()).predict_proba(X),
    "features": lambda make: SequentialFeatureSelector(make(), n_features_to_select=2, cv=CUT)
    .fit(X, Y).get_support(),
}  # fmt: skip

REGRESSOR: dict[str, Callable[[Make], Any]] = {
    "pipeline": lambda make: make_pipeline(StandardScaler(), make()).fit(XR, YR).predict(XR),
    "scores": lambda make: model_selection.cross_val_score(make(), XR, YR, cv=3),
    "target": lambda make: TransformedTargetRegressor(make(), transformer=StandardScaler())
    .fit(XR, YR).predict(XR),
    "voting": lambda make: ensemble.VotingRegressor([("one", make()), ("two", make(alpha=1.0))])
    .fit(XR, YR).predict(XR),
    "outputs": lambda make: multioutput.MultiOutputRegressor(make())
    .fit(XR, np.stack([YR, XR[:, 0]], 1)).predict(XR),
    "chain": lambda make: multioutput.RegressorChain(make(), random_state=0)
    .fit(XR, np.stack([YR, XR[:, 0]], 1)).predict(XR),
    "importance": lambda make: permutation_importance(
        make().fit(XR, YR), XR, YR, n_repeats=2, random_state=0
    ).importances_mean,
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSIFIER)
def test_a_tool_for_classifiers(name):
    compare(CLASSIFIER[name], "MLPClassifier")


@pytest.mark.parametrize("name", REGRESSOR)
def test_a_tool_for_regressors(name):
    compare(REGRESSOR[name], "MLPRegressor")


def compare(use: Callable[[Make], Any], name: str) -> None:
    own, theirs = (use(make) for make in pair(name))
    if not isinstance(theirs, tuple | list):
        own, theirs = [own], [theirs]
    for one, other in zip(own, theirs, strict=True):
        assert_alike(one, other)


WEIGHING: dict[str, Callable[[Make], Any]] = {
    "bagging": lambda make: ensemble.BaggingClassifier(make(), n_estimators=3, random_state=0)
    .fit(X, Y).predict_proba(X),
    "boosting": lambda make: ensemble.AdaBoostClassifier(make(), n_estimators=2, random_state=0)
    .fit(X, Y).predict_proba(X),
    "calibrated": lambda make: calibration.CalibratedClassifierCV(make(), cv=3)
    .fit(X, Y, sample_weight=np.arange(len(Y)) % 3 + 1).predict_proba(X),
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHING)
def test_a_tool_that_weighs_rows(name):
    if THEIRS_WEIGH:
        compare(WEIGHING[name], "MLPClassifier")
        return
    make = pair("MLPClassifier")[0]
    found = WEIGHING[name](lambda **options: make(max_iter=40, learning_rate_init=0.03, **options))
    assert np.mean(np.unique(Y)[found.argmax(axis=1)] == Y) > 0.8


def test_a_bagging_of_regressors_learns():
    make = pair("MLPRegressor")[0]
    learner = make(max_iter=60, learning_rate_init=0.03)
    bag = ensemble.BaggingRegressor(learner, n_estimators=3, random_state=0)
    assert bag.fit(XR, YR).score(XR, YR) > 0.5
