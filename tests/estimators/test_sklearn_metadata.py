"""Metadata that is routed, and pictures in notebooks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import sklearn
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_pairs import SMALL, classes, numbers

from cnn_core.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = classes()
WEIGHTS = np.random.default_rng(0).integers(1, 5, len(X)).astype(float)


@pytest.fixture
def routed():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_weights_are_routed_through_a_pipeline(routed):
    scaled = StandardScaler().fit(X).transform(X)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    last = MLPClassifier(**SMALL).set_fit_request(sample_weight=True)
    pipe = make_pipeline(scaler, last).fit(X, Y, sample_weight=WEIGHTS)
    alone = MLPClassifier(**SMALL).fit(scaled, Y, sample_weight=WEIGHTS)
    plain = MLPClassifier(**SMALL).fit(scaled, Y)
    np.testing.assert_array_equal(pipe.predict_proba(X), alone.predict_proba(scaled))
    assert not np.array_equal(plain.predict_proba(scaled), alone.predict_proba(scaled))


def test_weights_are_routed_through_a_search_to_fit_and_score(routed):
    model = MLPRegressor(**SMALL).set_fit_request(sample_weight=True)
    model.set_score_request(sample_weight=True)
    x, y = numbers()
    cut = [(np.arange(80), np.arange(80, 120))]
    search = GridSearchCV(model, {"alpha": [0.1]}, cv=cut).fit(x, y, sample_weight=WEIGHTS)
    fitted = MLPRegressor(alpha=0.1, **SMALL).fit(x[:80], y[:80], sample_weight=WEIGHTS[:80])
    expected = fitted.score(x[80:], y[80:], sample_weight=WEIGHTS[80:])
    assert search.cv_results_["mean_test_score"][0] == pytest.approx(expected, rel=1e-9)


def test_rows_to_validate_with_are_routed(routed):
    model = MLPClassifier(early_stopping=True, **SMALL)
    model.set_fit_request(sample_weight=True, X_val=True, y_val=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    given = {"sample_weight": WEIGHTS, "X_val": X[:30], "y_val": Y[:30]}
    pipe = make_pipeline(scaler, model).fit(X, Y, **given)
    alone = MLPClassifier(early_stopping=True, **SMALL)
    alone.fit(StandardScaler().fit_transform(X), Y, **given)
    np.testing.assert_array_equal(pipe[-1].coefs_[0], alone.coefs_[0])
    assert pipe[-1].validation_scores_ == alone.validation_scores_


def test_what_nobody_asked_for_is_refused(routed):
    with pytest.raises(ValueError, match="sample_weight"):
        cross_validate(MLPClassifier(**SMALL), X, Y, params={"sample_weight": WEIGHTS})
    with pytest.raises(TypeError, match=r"set_fit_request|Unexpected args"):
        MLPClassifier().set_fit_request(nothing=True)


def test_classes_are_routed_to_partial_fit(routed):
    model = MLPClassifier(**SMALL).set_partial_fit_request(classes=True, sample_weight=True)
    requests = model.get_metadata_routing().partial_fit.requests
    assert requests["classes"] is True
    assert requests["sample_weight"] is True


def test_options_of_fit_reach_it_by_the_steps_name():
    pipe = make_pipeline(StandardScaler(), MLPClassifier(**SMALL))
    pipe.fit(X, Y, mlpclassifier__sample_weight=WEIGHTS)
    plain = make_pipeline(StandardScaler(), MLPClassifier(**SMALL)).fit(X, Y)
    assert not np.array_equal(plain.predict_proba(X), pipe.predict_proba(X))


@pytest.mark.parametrize("fitted", [False, True])
def test_a_notebook_shows_it(fitted):
    model = MLPClassifier(alpha=0.25, **SMALL)
    pipe = make_pipeline(StandardScaler(), model)
    if fitted:
        pipe.fit(X, Y)
    html = pipe._repr_html_()
    assert "MLPClassifier" in html
    assert "0.25" in html
    assert ("fitted" in html) or not fitted
    assert "alpha=0.25" in repr(pipe)
    assert "max_fun" not in repr(pipe)  # defaults are left out
    with sklearn.config_context(print_changed_only=False):
        assert "max_fun=15000" in repr(model)
