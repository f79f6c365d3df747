"""Equal weights, equal minibatches, equal losses: against scikit-learn's own classes."""

from __future__ import annotations

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.5", reason="needs scikit-learn 1.5")

from inspect import signature

from scipy import sparse
from sklearn import neural_network as theirs
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn_pairs import THEIRS_WEIGH

from cnn_core import estimators as ours

pytestmark = pytest.mark.filterwarnings("ignore")

N = 430  # with minibatches of 200, the last has 30 rows
POISSON = "loss" in signature(theirs.MLPRegressor).parameters


def _classes(n_classes: int, **more):
    return make_classification(N, 20, n_informative=8, n_classes=n_classes, random_state=0, **more)


def _letters(y):
    return np.array(["a", "bb", "c"])[y]


def _numbers(n_outputs: int):
    x, y = make_regression(N, 12, n_targets=n_outputs, noise=3.0, random_state=1)
    return x, y / 50


DATA = {
    "binary": lambda: _classes(2),
    "multiclass": lambda: _classes(5),
    "letters": lambda: (lambda x, y: (x, _letters(y)))(*_classes(3)),
    "multilabel": lambda: make_multilabel_classification(N, 15, n_classes=4, random_state=2),
    "saturated": lambda: (lambda x, y: (x * 30, y))(*_classes(4)),
    "one_output": lambda: _numbers(1),
    "outputs": lambda: _numbers(3),
    "counts": lambda: (lambda x, y: (x, np.floor(np.abs(y))))(*_numbers(2)),
}
SOLVERS = {
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "plain": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.1},
    "heavy": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.8},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 2},
    "adam": {"solver": "adam"},
    "tuned": {"solver": "adam", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4, "alpha": 2.0},
}


def both(data: str, **parameters):
    """Return both estimators for data by name, and the data."""
    x, y = DATA[data]()
    regressor = data in ("one_output", "outputs", "counts")
    name = "MLPRegressor" if regressor else "MLPClassifier"
    given = {"max_iter": 20, "random_state": 3, "hidden_layer_sizes": (17, 9), **parameters}
    if data == "counts":
        given["loss"] = "poisson"
    return getattr(ours, name)(**given), getattr(theirs, name)(**given), x, y


def agree(a, b) -> None:
    np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-8, atol=0)
    assert (a.n_iter_, a.t_, a.n_layers_, a.n_outputs_, a.out_activation_) == (
        b.n_iter_, b.t_, b.n_layers_, b.n_outputs_, b.out_activation_)  # fmt: skip
    for own, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6, atol=1e-9)
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        own, other = getattr(a, name), getattr(b, name)
        assert own == other or own == pytest.approx(other, rel=1e-8), name


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("data", DATA)
def test_the_first_iterations_have_the_losses_of_scikit_learn(data, solver):
    if data == "counts" and not POISSON:
        pytest.skip("this release of scikit-learn has no Poisson loss")
    a, b, x, y = both(data, **SOLVERS[solver])
    agree(a.fit(x, y), b.fit(x, y))
    assert a.score(x, y) == pytest.approx(b.score(x, y), rel=1e-9)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh"])
@pytest.mark.parametrize("sizes", [(), 8, (5, 6, 7)])
def test_all_activations_and_depths(activation, sizes):
    given = {"activation": activation, "hidden_layer_sizes": sizes, "batch_size": 37}
    for data in ("multiclass", "one_output"):
        a, b, x, y = both(data, **given)
        agree(a.fit(x, y), b.fit(x, y))


@pytest.mark.parametrize("data", ["binary", "multiclass", "multilabel", "outputs", "counts"])
@pytest.mark.parametrize("early", [False, True])
def test_weights_of_rows(data, early):
    if not THEIRS_WEIGH:
        pytest.skip("this release of scikit-learn has no sample_weight here")
    rng = np.random.default_rng(5)
    w = np.where(rng.random(N) < 0.1, 0, rng.uniform(0, 3, N))
    for solver in ("sgd", "adam"):
        a, b, x, y = both(data, solver=solver, early_stopping=early, alpha=0.3)
        agree(a.fit(x, y, sample_weight=w), b.fit(x, y, sample_weight=w))
        if not early:
            for model in (a, b):
                model.partial_fit(x, y, sample_weight=w[::-1])
            agree(a, b)


@pytest.mark.parametrize("data", ["binary", "multiclass", "multilabel", "one_output"])
@pytest.mark.parametrize("stop", [{"early_stopping": True}, {"tol": 0.01}, {"shuffle": False}])
def test_training_ends_when_scikit_learn_s_does(data, stop):
    a, b, x, y = both(data, max_iter=120, n_iter_no_change=3, batch_size=60,
                      learning_rate_init=0.01, **stop)  # fmt: skip
    a.fit(x, y), b.fit(x, y)
    assert a.n_iter_ == b.n_iter_
    np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-6)
    if stop.get("early_stopping"):
        np.testing.assert_allclose(a.validation_scores_, b.validation_scores_, rtol=1e-6)
        np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("data", ["multiclass", "multilabel", "one_output"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_and_warm_start_go_on_alike(data, solver):
    a, b, x, y = both(data, solver=solver, max_iter=5)
    classes = {"multiclass": range(5), "multilabel": range(4)}
    first = {"classes": classes[data]} if data in classes else {}
    for part in (slice(0, 150), slice(100, 350), slice(0, N)):
        a.partial_fit(x[part], y[part], **first)
        b.partial_fit(x[part], y[part], **first)
        agree(a, b)
    a.set_params(warm_start=True).fit(x, y), b.set_params(warm_start=True).fit(x, y)
    agree(a, b)
    rng = np.random.RandomState(4), np.random.RandomState(4)
    a.set_params(random_state=rng[0]).fit(x, y), b.set_params(random_state=rng[1]).fit(x, y)
    agree(a, b)
    assert rng[0].randint(1000) == rng[1].randint(1000)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("data", ["multiclass", "outputs"])
def test_sparse_rows(data, kind):
    a, b, x, y = both(data, early_stopping=True)
    x = kind(np.where(np.abs(x) > 1, x, 0))
    agree(a.fit(x, y), b.fit(x, y))
    np.testing.assert_allclose(
        a.predict(x) if data == "outputs" else a.predict_proba(x),
        b.predict(x) if data == "outputs" else b.predict_proba(x), rtol=1e-6,
    )  # fmt: skip


def test_float32_stays_float32():
    for data in ("multiclass", "outputs"):
        a, b, x, y = both(data)
        a.fit(x.astype("float32"), y), b.fit(x.astype("float32"), y)
        np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-4)
        assert all(w.dtype == np.float32 for w in a.coefs_ + a.intercepts_)
        assert a.set_params(dtype="float64").fit(x.astype("float32"), y).coefs_[0].dtype == float


@pytest.mark.parametrize("data", ["binary", "multiclass", "multilabel", "outputs", "counts"])
def test_lbfgs_goes_the_same_way(data):
    if data == "counts" and not POISSON:
        pytest.skip("this release of scikit-learn has no Poisson loss")
    a, b, x, y = both(data, solver="lbfgs", max_iter=8, alpha=0.5)
    w = {"sample_weight": np.random.default_rng(5).uniform(0, 3, N)} if THEIRS_WEIGH else {}
    a.fit(x, y, **w), b.fit(x, y, **w)
    assert (a.n_iter_, a.t_, a.out_activation_) == (b.n_iter_, b.t_, b.out_activation_)
    assert a.loss_ == pytest.approx(b.loss_, rel=1e-8)
    for own, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-7)
    assert not hasattr(a, "loss_curve_")


def test_a_minibatch_in_which_no_row_counts_is_passed_over():
    x, y = DATA["multiclass"]()
    w = np.where(np.arange(N) < 200, 0.0, 1.0)  # where scikit-learn divides by 0
    a, b, *_ = both("multiclass", shuffle=False, batch_size=200, alpha=0.5, solver="sgd",
                    momentum=0.0, learning_rate_init=0.1)  # fmt: skip
    a.fit(x, y, sample_weight=w), b.fit(x[200:], y[200:])
    np.testing.assert_allclose(np.array(a.loss_curve_) * N, np.array(b.loss_curve_) * 230,
                               rtol=1e-9)  # fmt: skip
