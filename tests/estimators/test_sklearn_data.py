"""Whatever data scikit-learn's classes take, these come to the same predictions."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_pairs import RELEASE, SMALL, Make, assert_alike, classes, label_sets, numbers, pair

from cnn_core.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = classes()
XR, YR = numbers()


def sparse(seed: int = 0, n: int = 90, inputs: int = 40) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    return sp.random(n, inputs, 0.1, "csr", random_state=rng, data_rvs=rng.standard_normal)


def unsorted() -> sp.csr_matrix:
    """Return a matrix of which no row has its columns in order, and some have one twice."""
    x = sparse()
    for a, b in zip(x.indptr, x.indptr[1:], strict=False):
        x.indices[a:b], x.data[a:b] = x.indices[a:b][::-1].copy(), x.data[a:b][::-1].copy()
        if b - a > 2:
            x.indices[a] = x.indices[a + 1]
    x.has_sorted_indices = x.has_canonical_format = False
    return x


def long_indices() -> sp.csr_matrix:
    x = sparse()
    x.indices, x.indptr = x.indices.astype(np.int64), x.indptr.astype(np.int64)
    return x


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def mapped() -> np.memmap:
    with tempfile.TemporaryFile() as file:
        x = np.memmap(file, X.dtype, "w+", shape=X.shape)
        x[...] = X
    return x


SPARSE = {
    "csr": sparse, "csc": lambda: sparse().tocsc(), "coo": lambda: sparse().tocoo(),
    "lil": lambda: sparse().tolil(), "csr array": lambda: sp.csr_array(sparse()),
    "float32": lambda: sparse().astype(np.float32), "integers": lambda: (sparse() * 9).astype(int),
    "unsorted": unsorted, "long indices": long_indices,
    "empty rows": lambda: sp.vstack([sparse()[:80], sp.csr_matrix((10, 40))]).tocsr(),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_sparse_rows(kind, solver):
    x, y = SPARSE[kind](), np.arange(90) % 3
    before = x.copy()
    own, theirs = (make(solver=solver).fit(x, y) for make in pair("MLPClassifier"))
    found, expected = own.predict_proba(x), theirs.predict_proba(x)
    assert found.dtype == np.float64
    if kind == "float32" or solver == "lbfgs":  # which goes where rounding leads it
        np.testing.assert_allclose(found, expected, atol=2e-4)
    else:
        assert_alike(found, expected)
    np.testing.assert_allclose(own.predict_proba(x.toarray()), found, atol=1e-6)
    assert (x != before).nnz == 0


def test_sparse_targets_of_several_labels_and_sparse_partial_fits():
    x, sets = sparse(), np.random.default_rng(0).integers(0, 2, (90, 3))
    own, theirs = (make().fit(x, sp.csr_matrix(sets)) for make in pair("MLPClassifier"))
    assert_alike(own.predict_proba(x), theirs.predict_proba(x))
    regressors = [make() for make in pair("MLPRegressor")]
    for model in regressors:
        for part in (x[:30], x[30:]):
            model.partial_fit(part, np.arange(part.shape[0]) / 30)
    assert_alike(regressors[0].predict(x.tocsc()), regressors[1].predict(x))


WIDE = """
import resource, sys
import numpy as np, scipy.sparse as sp
from cnn_core.estimators import MLPClassifier
rng = np.random.default_rng(0)
x = sp.csr_matrix((rng.random(200_000), rng.integers(0, 300_000, 200_000),
                   np.arange(0, 200_001, 100)), (2000, 300_000))
y = np.arange(2000) % 3
MLPClassifier((2,), max_iter=1).fit(x[:, :50], y)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
model = MLPClassifier((2,), max_iter=2, early_stopping=True).fit(x, y)
model.partial_fit(x, y)
model.predict_proba(x.tocsc()); model.score(x, y)
print(peak() - before)
"""


def test_sparse_rows_are_never_made_dense_as_a_whole():
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", WIDE], capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 400  # MB; dense it is 4,800


DENSE: dict[str, Callable[[], Any]] = {
    "lists": lambda: X.tolist(), "Fortran's order": lambda: np.asfortranarray(X),
    "every other column": lambda: np.repeat(X, 2, axis=1)[:, ::2], "backwards": lambda: X[::-1],
    "read-only": lambda: read_only(X), "float32": lambda: X.astype(np.float32),
    "float16": lambda: X.astype(np.float16), "big-endian": lambda: X.astype(">f8"),
    "integers": lambda: (X * 9).astype(np.int32), "flags": lambda: X > 0,
    "objects": lambda: X.astype(object), "a memory map": mapped,
}  # fmt: skip


@pytest.mark.parametrize("kind", DENSE)
def test_dense_rows(kind):
    x = DENSE[kind]()
    own, theirs = (make().fit(x, Y) for make in pair("MLPClassifier"))
    found, expected = own.predict_proba(x), theirs.predict_proba(x)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(own.predict(x), theirs.predict(x))
    if kind in ("float32", "float16"):
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert own.coefs_[0].dtype == theirs.coefs_[0].dtype
    else:
        assert_alike(found, expected)
        for one, other in zip(own.coefs_ + own.intercepts_, theirs.coefs_ + theirs.intercepts_,
                              strict=True):  # fmt: skip
            assert_alike(one, other)


TARGETS: dict[str, Callable[[], Any]] = {
    "texts": lambda: Y, "a list": lambda: Y.tolist(), "objects": lambda: Y.astype(object),
    "numbers": lambda: np.unique(Y, return_inverse=True)[1] * 10 - 5,
    "floats": lambda: np.unique(Y, return_inverse=True)[1].astype(float),
    "two": lambda: Y == "a", "two texts": lambda: np.where(Y == "a", "yes", "no"),
    "one column": lambda: (Y == "a")[:, None].astype(int),
    "label sets": lambda: label_sets()[1], "flags": lambda: label_sets()[1] > 0,
}  # fmt: skip


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
def test_targets_of_classifiers(kind, early_stopping):
    y = TARGETS[kind]()
    own, theirs = fitted("MLPClassifier", X, y, early_stopping=early_stopping)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        assert_alike(getattr(own, method)(X), getattr(theirs, method)(X))
    np.testing.assert_array_equal(np.asarray(own.classes_), np.asarray(theirs.classes_))
    assert_alike(own.score(X, y), theirs.score(X, y))
    for name in ("n_outputs_", "n_layers_", "out_activation_", "n_iter_", "t_", "n_features_in_"):
        assert getattr(own, name) == getattr(theirs, name), name
    for name in ("loss_curve_", "loss_", "validation_scores_", "best_loss_",
                 "best_validation_score_"):  # fmt: skip
        one, other = getattr(own, name), getattr(theirs, name)
        assert (one is None) == (other is None), name
        if other is not None:
            assert_alike(one, other)


def test_one_class_alone_is_sure():
    """scikit-learn's class has a column for a second one, which is not among its classes."""
    model = MLPClassifier(**SMALL).fit(X, ["a"] * 120)
    assert model.classes_.tolist() == ["a"]
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((120, 1)))
    assert set(model.predict(X)) == {"a"}


@pytest.mark.parametrize("outputs", [1, 2, 5])
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"solver": "sgd"}], ids=str)
def test_targets_of_regressors(outputs, options):
    x, y = numbers(outputs=outputs)
    own, theirs = fitted("MLPRegressor", x, y, **options)
    assert own.predict(x).shape == theirs.predict(x).shape
    assert_alike(own.predict(x), theirs.predict(x))
    assert_alike(own.score(x, y), theirs.score(x, y))


def test_a_column_of_targets_is_warned_of_as_scikit_learn_does():
    for name, x, y in (("MLPRegressor", XR, YR), ("MLPClassifier", X, Y)):
        for make in pair(name):
            with pytest.warns(DataConversionWarning):
                make().fit(x, y[:, None])


def fitted(name: str, x: Any, y: Any, **options: Any) -> tuple:
    """Return this package's and scikit-learn's, fitted, without what they warn of."""
    def fit(make: Make) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(**options).fit(x, y)

    one, other = (fit(make) for make in pair(name))
    return one, other


NAMES = [f"column {i}" for i in range(5)]


@pytest.fixture(params=["pandas", "polars"])
def frame(request) -> Callable[[np.ndarray, list[str]], Any]:
    """Return what makes a table of an array and the names of its columns."""
    library = pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    if request.param == "pandas":
        return lambda x, names: library.DataFrame(x, columns=names)
    return lambda x, names: library.DataFrame(dict(zip(names, x.T, strict=True)))


def test_tables_have_names_of_features(frame):
    if not hasattr(StandardScaler().fit(frame(X, NAMES)), "feature_names_in_"):
        pytest.skip(f"scikit-learn {RELEASE} knows no names of these tables")
    model = MLPClassifier(**SMALL).fit(frame(X, NAMES), Y)
    assert list(model.feature_names_in_) == NAMES
    np.testing.assert_array_equal(model.predict_proba(frame(X, NAMES)),
                                  MLPClassifier(**SMALL).fit(X, Y).predict_proba(X))  # fmt: skip
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame(X[:, ::-1], NAMES[::-1]))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame(X, ["other", *NAMES[1:]]))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    model.partial_fit(frame(X, NAMES), Y)
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame(X, NAMES[::-1]), Y)
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        MLPRegressor(**SMALL).fit(XR, YR).predict(frame(XR, NAMES))


def test_early_stopping_with_tables_warns_of_no_names(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", category=ConvergenceWarning)
        MLPClassifier(early_stopping=True, **SMALL).fit(frame(X, NAMES), Y).score(
            frame(X, NAMES), Y)  # fmt: skip


def test_tables_of_several_types_and_series_of_targets():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pd.DataFrame({"whole": np.arange(120), "part": X[:, 0], "flag": X[:, 1] > 0,
                          "small": X[:, 2].astype(np.float32),
                          "nullable": pd.array(np.arange(120) % 4, dtype="Int64")})  # fmt: skip
    labels = pd.Series(Y, dtype="category", index=np.arange(120)[::-1])
    own, theirs = (make().fit(table, labels) for make in pair("MLPClassifier"))
    assert_alike(own.predict_proba(table), theirs.predict_proba(table))
    targets = pd.DataFrame({"one": YR, "two": -YR})
    own, theirs = (make().fit(table, targets) for make in pair("MLPRegressor"))
    assert_alike(own.predict(table), theirs.predict(table))


def test_set_output_of_a_pipeline_hands_tables_on():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pd.DataFrame(X, columns=NAMES)
    pipe = make_pipeline(StandardScaler(), MLPClassifier(**SMALL)).set_output(transform="pandas")
    pipe.fit(table, Y)
    assert list(pipe[-1].feature_names_in_) == NAMES
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pipe.predict_proba(table)
    plain = make_pipeline(StandardScaler(), MLPClassifier(**SMALL)).fit(X, Y).predict_proba(X)
    assert_alike(found, plain)
