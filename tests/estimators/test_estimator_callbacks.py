"""scikit-learn's callbacks, from 1.9 on; Ctrl-C; metadata routing."""

from __future__ import annotations

import os
import signal
import threading
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.5", reason="needs scikit-learn 1.5")

import sklearn
from sklearn.datasets import load_digits, load_iris

from cnn_core.estimators import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
HAS_CALLBACKS = hasattr(MLPClassifier, "set_callbacks")
needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="needs scikit-learn 1.9")


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Recorder:
    """Notes what is called, and asks for the end at a task's end."""

    def __init__(self, last: int = -1, wrong: bool = False) -> None:
        self.last, self.wrong, self.called, self.scores = last, wrong, [], []

    def setup(self, estimator, context):
        self.called.append("setup")

    def teardown(self, estimator, context):
        self.called.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.called.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None,
                        fitted_estimator=None):  # fmt: skip
        self.called.append(f"end {context.task_name} {context.task_id}")
        if fitted_estimator is not None:  # as searches have none
            score = fitted_estimator.score(X, y)
            self.scores.append((context.task_name, score, fitted_estimator))
        if self.wrong:
            raise RuntimeError("planted")
        return context.task_name != "fit" and context.task_id == self.last


@needs_callbacks
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_see_every_iteration_and_end_the_fit(solver):
    recorder = Recorder()
    model = MLPClassifier(solver=solver, max_iter=5, random_state=0).set_callbacks(recorder)
    model.fit(X, Y)
    assert recorder.called[:3] == ["setup", "begin fit 0", "begin iteration 0"]
    assert recorder.called[-2:] == ["end fit 0", "teardown"]
    ends = [name for name in recorder.called if name.startswith("end iteration")]
    assert ends == [f"end iteration {i}" for i in range(5)]
    assert recorder.scores[-1][1] == model.score(X, Y)
    first, second = recorder.scores[0][2], recorder.scores[1][2]
    assert (first.coefs_[0] != second.coefs_[0]).any()  # each as it was at that moment
    last = Recorder(last=2)
    assert model.set_callbacks(last).fit(X, Y).n_iter_ == 3
    np.testing.assert_array_equal(last.scores[-1][2].coefs_[0], model.coefs_[0])
    wrong = Recorder(wrong=True)
    with pytest.raises(RuntimeError, match="planted"):
        model.set_callbacks(wrong).fit(X, Y)
    assert wrong.called[-1] == "teardown"


class Spreading(Recorder):
    """One that searches hand on to their estimators."""

    max_propagation_depth = None


@needs_callbacks
def test_callbacks_of_a_search_reach_its_estimators():
    from sklearn.callback import ScoringMonitor
    from sklearn.model_selection import GridSearchCV

    model = MLPClassifier(max_iter=3, random_state=0)
    monitor, recorder = ScoringMonitor(scoring="accuracy"), Spreading()
    model.set_callbacks(monitor).fit(X, Y)
    assert len(monitor.get_logs().data) == 1 + 3
    grid = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2).set_callbacks(recorder)
    assert grid.fit(X, Y).best_score_ > 0
    assert sum(name.startswith("end iteration") for name in recorder.called) == 3 * (2 * 2 + 1)


def test_ctrl_c_ends_the_fit_and_keeps_what_there_is():
    x, y = load_digits(return_X_y=True)
    model = MLPClassifier((300,), max_iter=10**6, n_iter_no_change=10**6, tol=0, random_state=0)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.warns(UserWarning, match="training interrupted after"):
        model.fit(x, y)
    timer.join()
    assert 0 < model.n_iter_ == len(model.loss_curve_) < 10**6
    before = model.coefs_[0].copy()
    assert model.partial_fit(x, y).n_iter_ == 1
    assert (model.coefs_[0] != before).any()


def test_metadata_is_routed():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPRegressor(max_iter=3, early_stopping=True, random_state=0)
        model.set_fit_request(sample_weight=True, X_val=True, y_val=True)
        w = np.arange(150.0)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        pipe.fit(X, X[:, 0], sample_weight=w, X_val=X[:30], y_val=X[:30, 0])
        alone = MLPRegressor(max_iter=3, early_stopping=True, random_state=0)
        alone.fit(StandardScaler().fit_transform(X), X[:, 0], w, X_val=X[:30], y_val=X[:30, 0])
        np.testing.assert_array_equal(pipe[-1].coefs_[0], alone.coefs_[0])
