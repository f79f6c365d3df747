"""What is refused, and how: errors and warnings of scikit-learn's classes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.5", reason="needs scikit-learn 1.5")

from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from cnn_core.errors import LabelError
from cnn_core.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = load_iris(return_X_y=True)
NAN = np.where(np.arange(600).reshape(150, 4) == 77, np.nan, X)
BOTH = pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])


WRONG = {
    "activation": ["step", 3, ["relu", "relu"], ["step"], [None]],
    "hidden_layer_sizes": [0, -1, (3, 0), (2.5,), "x", ("a",), [[3]]],
    "solver": ["sgdm", None], "alpha": [-1, "x", np.nan], "batch_size": [0, "all", 2.5],
    "dropout": [1.0, -0.1, None], "batch_norm": ["yes"], "dtype": ["float16", int, "x"],
    "n_jobs": [0, 1.5, "all"], "progress": ["sometimes"], "momentum": [1.5],
    "validation_fraction": [1.0, -0.1], "max_iter": [0, 2.5], "n_iter_no_change": [0, 1.5],
    "random_state": ["x", -1], "learning_rate_init": [0, -1.0], "beta_1": [1], "epsilon": [0],
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("name", WRONG)
def test_parameters_of_wrong_type_or_size_are_named(cls, name):
    for value in WRONG[name]:
        model = cls(**{"max_iter": 2, name: value})
        with pytest.raises(ValueError, match=name) as caught:
            model.fit(X, Y)
        assert not hasattr(model, "coefs_"), value
        if name not in ("hidden_layer_sizes", "activation", "n_jobs"):
            assert isinstance(caught.value, InvalidParameterError)
    with pytest.raises(TypeError, match="alhpa"):
        cls(alhpa=1)
    with pytest.raises(ValueError, match="alhpa"):
        cls().set_params(alhpa=1)


@BOTH
def test_data_that_does_not_fit(cls):
    model = cls(max_iter=2).fit(X, Y)
    for x, y, text in ((NAN, Y, "NaN"), (X + np.inf, Y, "infinity"), (X[:9], Y, "inconsistent"),
                       (X[0], Y, "2D"), (X[:0], Y[:0], "0 sample")):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            cls().fit(x, y)
    for bad in (X[:, :3], NAN, X[:0]):
        with pytest.raises(ValueError, match=r"features|NaN|sample"):
            model.predict(bad)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :2], Y)
    for w, text in ((np.ones(9), "shape"), (-np.ones(150), r"weights >= 0; got -1.0 in row 0"),
                    (np.zeros(150), "non-zero"), (NAN[:, 0] + NAN[:, 1], "NaN"),
                    (np.ones((150, 2)), "1D")):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            cls().fit(X, Y, sample_weight=w)
    with pytest.raises(NotFittedError):
        cls().predict(X)


def test_targets_that_do_not_fit():
    for y in (Y + 0.5, np.stack([Y, Y], 1), np.where(Y == 1, np.nan, Y), [None] * 150):
        with pytest.raises(ValueError, match=r"[Uu]nknown label|one class for each row|NaN|None"):
            MLPClassifier().fit(X, y)
    for y in (["a"] * 150, np.where(Y == 1, np.inf, Y), np.where(Y == 1, np.nan, Y)):
        with pytest.raises((ValueError, TypeError), match=r"real numbers|infinity|NaN"):
            MLPRegressor().fit(X, y)


def test_classes_of_partial_fit_and_warm_start():
    model = MLPClassifier(max_iter=2)
    with pytest.raises(ValueError, match="classes must be passed"):
        model.partial_fit(X, Y)
    model.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(LabelError, match=r"has classes not in `self.classes_`.* got \[3\]"):
        model.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, Y, classes=[0, 1, 2, 3])
    model.partial_fit(X[Y == 1], Y[Y == 1])
    model.set_params(warm_start=True)
    with pytest.raises(LabelError, match="same classes"):
        model.fit(X[Y < 2], Y[Y < 2])
    model.fit(X, Y)
    with pytest.raises(ValueError, match=r"\(4, 100, 3\), to go on from it; got \(4, 7, 3\)"):
        model.set_params(hidden_layer_sizes=7).fit(X, Y)


def test_minibatches_and_their_absence():
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = MLPRegressor(solver="lbfgs").partial_fit
    with pytest.warns(UserWarning, match="batch_size=1000 is more than"):
        MLPClassifier(batch_size=1000, max_iter=1).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 iterations"):
        MLPClassifier(max_iter=2).fit(X, Y)
    for share in (0.0, 0.001):
        with pytest.raises(ValueError, match=r"test_size|validation_fraction|train"):
            MLPRegressor(early_stopping=True, validation_fraction=share).fit(X, Y)
    for more in ({"dropout": 0.5}, {"batch_norm": True}):
        with pytest.raises(ValueError, match="lbfgs"):
            MLPClassifier(solver="lbfgs", **more).fit(X, Y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_warnings_point_at_the_line_that_fits(solver):
    with pytest.warns(ConvergenceWarning) as caught:
        MLPClassifier(solver=solver, max_iter=1, batch_size=1000).fit(X, Y)
    assert {w.filename for w in caught} == {__file__}


def no_loss(output, target):
    return 3


FEW, OTHER = X[:, :3], Y + 5
HELD = {"early_stopping": True}
REFUSED = {
    "rows": ({}, {"X": NAN}), "labels": ({}, {"X": FEW, "y": Y + 0.5}),
    "threads": ({"n_jobs": 0}, {}), "activations": ({"activation": []}, {}),
    "weights": ({}, {"y": OTHER, "sample_weight": -np.ones(150)}),
    "weights of classes": ({"class_weight": [1.0]}, {"y": OTHER}),
    "rows to validate with": (HELD, {"y": OTHER, "X_val": NAN, "y_val": OTHER}),
    "labels to validate with": (HELD, {"y": OTHER, "X_val": X, "y_val": Y}),
    "rows held out": ({**HELD, "validation_fraction": 1e-9}, {"X": FEW}),
    "minibatches": ({"batch_norm": True, "batch_size": 1}, {"X": FEW, "y": OTHER}),
}  # fmt: skip


def attributes(model):
    """Return what it holds, and copies of the numbers."""
    numbers = [w.copy() for w in (*model.coefs_, *model.intercepts_)] if "coefs_" in vars(model) \
        else []  # fmt: skip
    return vars(model).copy(), numbers


def assert_unchanged(model, before):
    held, numbers = attributes(model)
    assert held.keys() == before[0].keys()
    assert [name for name, value in held.items() if value is not before[0][name]] == []
    for one, other in zip(numbers, before[1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "warm fit"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("kind", REFUSED)
def test_a_call_that_is_refused_changes_nothing(kind, fitted, method):
    options, data = REFUSED[kind]
    model = MLPClassifier((7,), max_iter=3, random_state=0)
    if fitted:
        model.fit(X, Y)
    model.set_params(warm_start=method == "warm fit", **options)
    data = {"X": X, "y": Y, **data}
    if method == "partial_fit":
        data["classes"] = np.unique(data["y"])
    before = attributes(model)
    with pytest.raises(ValueError, match=r"\w"):
        getattr(model, method.split()[-1])(**data)
    assert_unchanged(model, before)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_loss_that_is_none_changes_nothing(solver):
    model = MLPRegressor(max_iter=3, random_state=0, solver=solver).fit(X, Y)
    before = attributes(model.set_params(loss=no_loss))
    with pytest.raises(ValueError, match="need a scalar node"):
        model.fit(FEW, Y)
    assert_unchanged(model, before)


def test_rows_to_validate_with_are_named():
    model = MLPRegressor(max_iter=3, early_stopping=True)
    for x, y, text in (
        (NAN, Y, "^X_val and y_val: Input X contains NaN"), (X, ["a"] * 150, "^X_val and y_val: "),
        (X[:9], Y, "^X_val and y_val: .*inconsistent"), (FEW, Y, "^X_val and y_val: X has 3 feat"),
        (X, np.stack([Y, Y], 1), "^y_val: need 1 columns, as many as y has; got 2"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            model.fit(X, Y, X_val=x, y_val=y)
    sets = np.stack([Y == 0, Y > 0, Y > 1], 1)
    with pytest.raises(ValueError, match="y_val: need 3 columns, as many as y has; got 2"):
        MLPClassifier(early_stopping=True).fit(X, sets, X_val=X, y_val=sets[:, :2])


JUNK = [None, "", "x", b"x", -1, 0, 1.5, np.nan, np.inf, 10**400, True, 1j, [], [[1], [1, 2]],
        (None,), {}, {"x": None}, object(), lambda: 0, int, {1, 2}, np.array([]), np.array(3.0),
        np.array(["x"]), np.array([None, 1], object), np.ones((1, 1, 1)),
        np.ma.masked_array([1.0, 2.0], [0, 1])]  # fmt: skip


def refuses_or_works(call) -> None:
    with suppress(ValueError, TypeError):
        call()


@BOTH
def test_junk_ends_in_errors_of_value_or_type(cls):
    x, y = X[::15], Y[::15]
    for name in cls().get_params():
        for value in JUNK:
            model = cls((3,), max_iter=1) if cls is MLPClassifier else cls(
                hidden_layer_sizes=(3,), max_iter=1)  # fmt: skip
            refuses_or_works(lambda m=model, n=name, v=value: m.set_params(**{n: v}).fit(x, y))
    model = cls(hidden_layer_sizes=(3,), max_iter=1, early_stopping=True, validation_fraction=0.3)
    held = {"X_val": x, "y_val": y, "sample_weight_val": np.ones(10)}
    good = {"X": x, "y": y, "sample_weight": np.ones(10), **held}
    data = [value for value in JUNK if type(value) is not int]  # 10**400 stops NumPy itself
    for name in good:
        for value in data:
            refuses_or_works(lambda n=name, v=value: model.fit(**{**good, n: v}))
    model.fit(**good)
    before = model.predict(x)
    for value in data:
        refuses_or_works(lambda v=value: model.predict(v))
    np.testing.assert_array_equal(model.predict(x), before)


WITHOUT = """
import sys
sys.modules["sklearn"] = None
import cnn_core
try:
    import cnn_core.estimators
except ImportError as error:
    print(error)
"""


def test_without_scikit_learn_the_extra_is_named():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert "need scikit-learn 1.5 or newer (pip install 'cnn-core[sklearn]')" in done.stdout


def test_importing_the_package_imports_no_scikit_learn():
    code = "import sys, cnn_core, cnn_core.train; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"
