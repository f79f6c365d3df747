"""What a fitted estimator keeps, copies, and predicts with."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.5", reason="needs scikit-learn 1.5")

from sklearn.base import clone
from sklearn.datasets import load_iris

from cnn_core.errors import CnnCoreError
from cnn_core.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = load_iris(return_X_y=True)


def made(**more):
    given = {"hidden_layer_sizes": (9,), "max_iter": 8, "random_state": 0}
    return MLPClassifier(**{**given, **more})


KINDS = {
    "plain": {}, "float32": {"dtype": "float32"}, "lbfgs": {"solver": "lbfgs"},
    "layers": {"hidden_layer_sizes": (7, 6), "activation": ["gelu", "tanh"], "batch_norm": True,
               "dropout": 0.2},
    "held": {"early_stopping": True}, "linear": {"hidden_layer_sizes": ()},
}  # fmt: skip

@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy,
                                    lambda m: pickle.loads(pickle.dumps(m))])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_predicts_and_goes_on_to_the_same_bits_and_apart(kind, copied):
    model = made(**KINDS[kind]).fit(X, Y)
    before = model.predict_proba(X)
    other = copied(model)
    np.testing.assert_array_equal(other.predict_proba(X), before)
    assert all(not np.shares_memory(a, b)
               for a, b in zip(other.coefs_, model.coefs_, strict=True))  # fmt: skip
    if kind != "lbfgs":
        for m in (model, other):
            m.set_params(early_stopping=False).partial_fit(X[::-1], Y[::-1])
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        other.partial_fit(X, Y)
        assert (model.predict_proba(X) != other.predict_proba(X)).any()


def test_predictions_follow_coefs_that_somebody_sets():
    model, other = made().fit(X, Y), made(random_state=5).fit(X, Y)
    wanted = other.predict_proba(X)
    model.coefs_ = [w.copy() for w in other.coefs_]
    model.intercepts_[:] = [b.copy() for b in other.intercepts_]
    np.testing.assert_array_equal(model.predict_proba(X), wanted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), wanted)
    model.coefs_[0] = model.coefs_[0] * 0
    model.coefs_[0][:] = other.coefs_[0]  # an array of one's own that is written into
    np.testing.assert_array_equal(model.predict_proba(X), wanted)
    fresh = made().fit(X, Y)
    fresh.coefs_[1][...] = 0  # a view of the network's own numbers
    fresh.intercepts_[1][...] = [0, 1, 0]
    assert (fresh.predict(X) == 1).all()
    fresh.coefs_[0] = np.zeros((3, 3))
    with pytest.raises(CnnCoreError, match=r"coefs_\[0\]: need shape \(4, 9\); got \(3, 3\)"):
        fresh.predict(X)
    fresh.coefs_ = fresh.coefs_[:1]
    with pytest.raises(CnnCoreError, match="coefs_: need 2 arrays, one a layer; got 1"):
        fresh.predict(X)


def test_training_begins_with_coefs_that_somebody_sets():
    a, b = made(warm_start=True).fit(X, Y), made(warm_start=True, random_state=3).fit(X, Y)
    a.coefs_, a.intercepts_ = list(b.coefs_), [v.copy() for v in b.intercepts_]
    for m in (a, b):
        m.set_params(random_state=1, max_iter=2).fit(X, Y)
    np.testing.assert_array_equal(a.coefs_[0], b.coefs_[0])
    assert a.coefs_[0] is not b.coefs_[0]


def test_clone_has_the_parameters_and_nothing_fitted():
    given = {"activation": ["relu"], "dropout": 0.1, "hidden_layer_sizes": [4], "power_t": 0.4}
    for model in (made(class_weight={0: 2.0}, **given), MLPRegressor("huber", **given)):
        again = clone(model.fit(X, Y))
        assert again.get_params() == model.get_params()
        assert not hasattr(again, "coefs_")
        assert "dropout=0.1" in repr(again) == repr(model)
        assert "dropout" in again._repr_html_()


def test_probabilities_are_float64_and_add_up():
    for dtype in ("float32", "float64"):
        model = made(dtype=dtype).fit(X, Y)
        p = model.predict_proba(X)
        assert p.dtype == np.float64
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(p.argmax(axis=1), model.predict(X))
        np.testing.assert_array_equal(np.log(p), model.predict_log_proba(X))
        two = made(dtype=dtype).fit(X, Y == 1)
        assert two.predict_proba(X).dtype == np.float64
        np.testing.assert_array_equal(two.predict_proba(X).sum(axis=1), 1)
        questions = made(dtype=dtype).fit(X, np.stack([Y == 1, Y > 0, Y < 2], 1))
        assert questions.predict_proba(X).shape == (150, 3)
        assert questions.predict(X).dtype == int
        z = questions.decision_function(X)
        assert (z.dtype, z.shape) == (np.float64, (150, 3))
        np.testing.assert_allclose(1 / (1 + np.exp(-z)), questions.predict_proba(X), rtol=1e-5)
        assert not hasattr(two, "decision_function")  # nor have classes of scikit-learn's


def test_the_short_way_of_prediction_refuses_what_the_long_one_does():
    for model in (made().fit(X, Y), made(dtype="float32").fit(X, Y)):
        row = X[:1].astype(model.coefs_[0].dtype)
        for bad in (np.where([True, False, False, False], np.nan, row), row[0], row[:, :3],
                    row[:0], row + np.inf, row.astype(complex)):  # fmt: skip
            with pytest.raises(ValueError, match=r"NaN|1D|features|sample|inf|[Cc]omplex"):
                model.predict(bad.astype(bad.dtype))
        np.testing.assert_array_equal(
            model.predict_proba(X[:5].astype(row.dtype)),
            model.predict_proba(np.asfortranarray(X[:5]).tolist()),
        )


def test_memory_mapped_rows_and_strided_ones(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    a, b = made().fit(mapped, Y), made().fit(np.repeat(X, 2, axis=1)[:, ::2], Y)
    np.testing.assert_array_equal(a.coefs_[0], b.coefs_[0])
    np.testing.assert_array_equal(a.predict_proba(mapped), b.predict_proba(X[::-1])[::-1])


def test_regression_of_a_column_and_of_several():
    one = MLPRegressor(max_iter=3, random_state=0).fit(X, X[:, 0])
    assert one.predict(X).shape == (150,)
    assert MLPRegressor(max_iter=3).fit(X, X[:, :2]).predict(X).shape == (150, 2)
    assert one.predict(X[:1].astype("float32")).dtype == np.float64
