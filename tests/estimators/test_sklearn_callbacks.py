"""scikit-learn's own callbacks, where the release has them: called after each iteration."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("sklearn.callback", reason="this release of scikit-learn has no callbacks")

from sklearn import callback
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn_pairs import SMALL, classes, numbers

from cnn_core.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = classes()


class Noted:
    """Notes every call; stops the fit after a task of number ``last``."""

    def __init__(self, last: int = 10**9, die: int = 10**9) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.last, self.die = last, die

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.calls.append(("begin", context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None,
                        fitted_estimator=None):  # fmt: skip
        found = None if fitted_estimator is None else fitted_estimator.predict(X[:4])
        self.calls.append(("end", context.task_id, found, None if X is None else X.shape))
        if context.parent is not None and len(self.calls) > self.die:
            raise RuntimeError("as asked")
        return context.parent is not None and context.task_id >= self.last


def ends(noted: Noted) -> list[tuple]:
    return [call for call in noted.calls if call[0] == "end"]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_callbacks_are_called_epoch_by_epoch(solver):
    noted = Noted()
    model = MLPClassifier(**{**SMALL, "solver": solver}).set_callbacks(noted).fit(X, Y)
    kinds = [call[0] for call in noted.calls]
    assert kinds[0] == "setup"
    assert kinds[-1] == "teardown"
    assert kinds.count("begin") == kinds.count("end") == model.n_iter_ + 1  # and the fit itself
    assert [call[1] for call in ends(noted)[:-1]] == list(range(model.n_iter_))
    plain = MLPClassifier(**{**SMALL, "solver": solver}).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert all(call[2] is not None for call in ends(noted)[:-1])
    np.testing.assert_array_equal(ends(noted)[-2][2], plain.predict(X[:4]))
    early = MLPClassifier(**{**SMALL, "solver": solver, "max_iter": 2}).fit(X, Y)
    np.testing.assert_array_equal(ends(noted)[1][2], early.predict(X[:4]))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_stops_a_fit(solver):
    noted, options = Noted(last=2), {**SMALL, "solver": solver}
    model = MLPRegressor(**options).set_callbacks(noted).fit(*numbers())
    assert model.n_iter_ == 3
    assert len(ends(noted)) == 3 + 1
    plain = MLPRegressor(**{**options, "max_iter": 3}).fit(*numbers())
    np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])


def test_an_error_in_a_callback_ends_the_fit_and_takes_the_callbacks_down():
    noted, other = Noted(die=6), Noted()
    with pytest.raises(RuntimeError, match="as asked"):
        MLPClassifier(**SMALL).set_callbacks(noted, other).fit(X, Y)
    assert noted.calls[-1][0] == other.calls[-1][0] == "teardown"
    assert not hasattr(MLPClassifier(**SMALL).fit(X, Y), "_callback_fit_ctx")


def test_a_fit_that_is_refused_takes_the_callbacks_down_too():
    noted = Noted()
    model = MLPClassifier(early_stopping=True, validation_fraction=1e-9, **SMALL)
    before = vars(model.set_callbacks(noted)).copy()
    with pytest.raises(ValueError, match="validation_fraction"):
        model.fit(X, Y)
    assert [call[0] for call in noted.calls] == ["setup", "begin", "teardown"]
    assert vars(model) == before


class Spreading(Noted):
    """One that searches hand on to their estimators."""

    max_propagation_depth = None

    def on_fit_task_begin(self, estimator, context):
        super().on_fit_task_begin(estimator, context)

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "iteration":
            self.calls.append(("iteration", context.task_id))


def test_callbacks_of_a_search_reach_its_estimators():
    noted = Spreading()
    search = GridSearchCV(MLPClassifier(**SMALL), {"alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(noted).fit(X, Y)
    n = sum(call[0] == "iteration" for call in noted.calls)
    assert n == SMALL["max_iter"] * (2 * 2 + 1)


def test_scores_are_monitored_and_bars_go_through_a_search(capsys):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(**SMALL).set_callbacks(monitor).fit(X, Y)
    found = [row["accuracy"] for row in monitor.get_logs().data if "accuracy" in row]
    assert len(found) >= model.n_iter_
    assert found[-1] == model.score(X, Y)
    pytest.importorskip("rich", reason="scikit-learn's progress bar needs rich")
    search = GridSearchCV(MLPClassifier(**SMALL), {"alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(X, Y)
    assert "MLPClassifier" in capsys.readouterr().out


def test_clones_and_pickles_keep_callbacks_as_those_of_other_estimators_do():
    from sklearn.linear_model import LogisticRegression

    for make in (lambda: MLPClassifier(**SMALL), lambda: LogisticRegression(max_iter=3)):
        model = make().set_callbacks(Noted())
        assert len(clone(model)._skl_callbacks) == 1
        assert len(pickle.loads(pickle.dumps(model))._skl_callbacks) == 1
    with pytest.raises(TypeError, match="callbacks"):
        MLPClassifier().set_callbacks(3)
