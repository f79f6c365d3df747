"""What scikit-learn's classes do not have."""

from __future__ import annotations

import copy
import os
import signal
import threading
import time

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.5", reason="needs scikit-learn 1.5")

from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning

import cnn_core as cnn
from cnn_core.errors import CnnCoreError
from cnn_core.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
A, B = load_diabetes(return_X_y=True)
A, B = A / A.std(0), (B - B.mean()) / B.std()
EVEN = np.arange(150) % 2 == 0


def made(**more):
    given = {"hidden_layer_sizes": (20,), "max_iter": 60, "random_state": 0,
             "learning_rate_init": 0.01}  # fmt: skip
    return MLPClassifier(**{**given, **more})


# -- networks and solvers -----------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adamw", "rmsprop", "adagrad", "nadam"])
def test_further_solvers_learn(solver):
    rate = 0.1 if solver == "adagrad" else 0.01
    model = made(solver=solver, learning_rate_init=rate).fit(X, Y)
    assert model.score(X, Y) > 0.95
    assert model.loss_curve_[-1] < model.loss_curve_[0] / 2
    assert model.partial_fit(X, Y).loss_ < model.loss_curve_[0] / 2


def test_adamw_decays_weights_apart_from_the_gradient():
    model = made(solver="adamw", alpha=0.5, max_iter=1, shuffle=False).fit(X, Y)
    start = made(solver="adamw", max_iter=1, alpha=0.0, shuffle=False).fit(X, Y)
    fresh = np.random.RandomState(0).uniform(-1, 1, (4, 20)) * np.sqrt(6 / 24)
    np.testing.assert_allclose(start.coefs_[0] - model.coefs_[0], fresh * 0.01 * 0.5, atol=1e-12)
    np.testing.assert_array_equal(start.intercepts_[0], model.intercepts_[0])
    assert model.loss_ == start.loss_  # without a penalty


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "selu", "gelu", "silu", "softplus",
                                  "sigmoid", "linear", "softmax"])  # fmt: skip
def test_further_activations(name):
    model = made(activation=name).fit(X, Y)
    assert model.score(X, Y) > 0.85
    same = {"sigmoid": "logistic", "linear": "identity"}.get(name)
    if same:
        np.testing.assert_array_equal(made(activation=same).fit(X, Y).coefs_[0], model.coefs_[0])


def test_an_activation_for_each_layer():
    mixed = made(hidden_layer_sizes=(8, 7), activation=["relu", "tanh"]).fit(X, Y)
    h = np.maximum(X @ mixed.coefs_[0] + mixed.intercepts_[0], 0)
    h = np.tanh(h @ mixed.coefs_[1] + mixed.intercepts_[1])
    z = h @ mixed.coefs_[2] + mixed.intercepts_[2]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mixed.predict_proba(X), p, rtol=1e-9, atol=1e-12)
    alike = made(hidden_layer_sizes=(8, 7), activation=("tanh", "tanh")).fit(X, Y)
    one = made(hidden_layer_sizes=(8, 7), activation="tanh").fit(X, Y)
    np.testing.assert_array_equal(alike.coefs_[2], one.coefs_[2])


def test_dropout_and_batch_norm_are_of_training_alone_and_repeat():
    for more in ({"dropout": 0.3}, {"batch_norm": True}, {"dropout": 0.2, "batch_norm": True}):
        model, again = made(**more).fit(X, Y), made(**more).fit(X, Y)
        np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
        np.testing.assert_array_equal(model.predict_proba(X)[3:4], model.predict_proba(X[3:4]))
        assert model.score(X, Y) > 0.9
        assert model.loss_curve_[0] != made().fit(X, Y).loss_curve_[0]
    x, y = np.tile(X, (2, 1))[:201], np.tile(Y, 2)[:201]  # a last batch of 200 would be one row
    assert made(batch_norm=True, max_iter=3).fit(x, y).n_iter_ == 3
    with pytest.raises(ValueError, match="need at least 2 rows in each batch"):
        made(batch_norm=True, batch_size=200).fit(x, y)


def test_class_weight_is_that_of_rows():
    weights = {0: 3.0, 1: 0.5, 2: 1.25}
    by_class = made(class_weight=weights).fit(X, Y)
    by_row = made().fit(X, Y, sample_weight=np.array([3.0, 0.5, 1.25])[Y])
    np.testing.assert_array_equal(by_class.coefs_[0], by_row.coefs_[0])
    some = np.r_[0:50, 50:60, 100:105]
    balanced = made(class_weight="balanced").fit(X[some], Y[some])
    w = (65 / 3 / np.bincount(Y[some]))[Y[some]]
    np.testing.assert_allclose(balanced.coefs_[0], made().fit(X[some], Y[some], w).coefs_[0])
    twice = made(class_weight=weights).fit(X, Y, sample_weight=1.0 + EVEN)
    rows = made().fit(X, Y, sample_weight=np.array([3.0, 0.5, 1.25])[Y] * (1 + EVEN))
    np.testing.assert_array_equal(twice.coefs_[0], rows.coefs_[0])
    with pytest.raises(ValueError, match="class_weight as a dictionary"):
        made(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    questions = np.stack([Y == 0, Y == 1], 1)
    given = [{0: 1.0, 1: 2.0}, {0: 1.0, 1: 5.0}]
    many = made(class_weight=given).fit(X, questions)
    alike = made().fit(X, questions, np.where(Y == 0, 2.0, 1.0) * np.where(Y == 1, 5.0, 1.0))
    np.testing.assert_array_equal(many.coefs_[0], alike.coefs_[0])


# -- losses -------------------------------------------------------------------------------


def test_further_losses_of_the_regressor():
    spread = {}
    for loss in ("huber", "mae", "pinball", "log_cosh", cnn.Huber(0.1), cnn.Pinball(0.9)):
        model = MLPRegressor(loss, (20,), max_iter=80, random_state=0, learning_rate_init=0.01)
        model.fit(A, B)
        assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]
        spread[str(loss)] = np.mean(model.predict(A) > B)
    assert spread["Pinball(q=0.9)"] > 0.8 > spread["pinball"]
    counts = np.floor(np.exp(B))
    model = MLPRegressor(loss="poisson", max_iter=30, random_state=0).fit(A, counts)
    assert (model.predict(A) > 0).all()
    assert model.out_activation_ == "exp"
    with pytest.raises(ValueError, match=">= 0"):
        model.fit(A, B)


def test_a_loss_of_one_s_own():
    def squares(output, target):
        return cnn.ops.mean(cnn.ops.square(output - target) * 0.5, axis=1)

    own = MLPRegressor(squares, max_iter=5, random_state=0, alpha=0.2).fit(A, B)
    known = MLPRegressor(max_iter=5, random_state=0, alpha=0.2).fit(A, B)
    np.testing.assert_allclose(own.loss_curve_, known.loss_curve_, rtol=1e-12)
    loss = cnn.Huber(2.0)
    MLPRegressor(loss, max_iter=2).fit(A, B)
    loss.delta = 1.0  # training has fixed a copy
    with pytest.raises(CnnCoreError, match="as many as the targets"):
        MLPRegressor(cnn.GaussianNLL()).fit(A, B)


# -- validation ---------------------------------------------------------------------------


def test_rows_to_validate_with():
    model = made(early_stopping=True, n_iter_no_change=5, max_iter=200)
    model.fit(X[EVEN], Y[EVEN], X_val=X[~EVEN], y_val=Y[~EVEN])
    assert len(model.validation_scores_) == model.n_iter_ < 200
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.score(X[~EVEN], Y[~EVEN]) == model.best_validation_score_  # the best weights
    w = np.where(Y[~EVEN] == 1, 1.0, 0.0)
    model.fit(X[EVEN], Y[EVEN], X_val=X[~EVEN], y_val=Y[~EVEN], sample_weight_val=w)
    assert model.score(X[~EVEN], Y[~EVEN], w) == model.best_validation_score_
    again = made().fit(X[EVEN], Y[EVEN])
    for given in ({"X_val": X}, {"y_val": Y}, {"X_val": X, "y_val": Y},
                  {"sample_weight_val": w}):  # fmt: skip
        with pytest.raises(ValueError, match="X_val and y_val"):
            again.fit(X, Y, **given)
    for x, y in ((X[:, :3], Y), (X, Y[:9]), (X, Y + 1)):
        with pytest.raises(ValueError, match=r"features|samples|classes"):
            made(early_stopping=True).fit(X, Y, X_val=x, y_val=y)
    numbers = MLPRegressor(early_stopping=True, max_iter=30, random_state=0)
    numbers.fit(A, B, X_val=A[:40], y_val=B[:40])
    assert numbers.score(A[:40], B[:40]) == pytest.approx(numbers.best_validation_score_, rel=1e-12)


@pytest.mark.parametrize("own", [False, True])
def test_early_stopping_with_partial_fit_puts_the_best_weights_back(own):
    x, y = load_digits(return_X_y=True)
    x, y = x[:300] / 16, y[:300]
    model = made(early_stopping=True, n_iter_no_change=4, learning_rate_init=0.02)
    held = {"X_val": x[200:], "y_val": y[200:]} if own else {}
    best, kept = -1.0, None
    for _ in range(200):
        model.partial_fit(x[:200], y[:200], classes=range(10), **held)
        if model.stopped_:
            break
        if model.validation_scores_[-1] > best:
            best, kept = model.validation_scores_[-1], [w.copy() for w in model.coefs_]
    assert model.stopped_
    assert len(model.validation_scores_) < 200
    assert best == model.best_validation_score_ == max(model.validation_scores_)
    for w, had in zip(model.coefs_, kept, strict=True):
        np.testing.assert_array_equal(w, had)
    copied = copy.deepcopy(model)
    assert not model.partial_fit(x, y, **held).stopped_  # it goes on
    copied.partial_fit(x, y, **held)
    np.testing.assert_array_equal(model.coefs_[0], copied.coefs_[0])


def test_a_training_that_diverges():
    far = {"solver": "sgd", "learning_rate_init": 1e3, "activation": "identity", "max_iter": 30}
    with pytest.raises(ValueError, match="need finite numbers"):
        MLPRegressor(random_state=0, **far).fit(A * 10, B)
    model = MLPRegressor(random_state=0, early_stopping=True, **far)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(A * 10, B)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(A)).all()


def test_ctrl_c_ends_the_fit_and_keeps_what_there_is():
    x, y = load_digits(return_X_y=True)
    model = MLPClassifier((300,), max_iter=10**6, n_iter_no_change=10**6, tol=0, random_state=0)

    def interrupt() -> None:
        while getattr(model, "n_iter_", 0) < 3:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.warns(UserWarning, match="training interrupted after"):
        model.fit(x, y)
    thread.join()
    assert 0 < model.n_iter_ == len(model.loss_curve_) < 10**6
    before = model.coefs_[0].copy()
    assert model.partial_fit(x, y).n_iter_ == 1
    assert (model.coefs_[0] != before).any()


def test_progress(capsys):
    made(progress="always", max_iter=3).fit(X, Y)
    assert "3/3" in capsys.readouterr().err
    made(verbose=True, max_iter=3, early_stopping=True).fit(X, Y)
    out = capsys.readouterr().out
    assert "Iteration 3, loss = " in out
    assert "Validation score: " in out
