"""What scikit-learn's classes refuse is refused with the same type, and what they warn of as well.

Each line of the tables below is a call, made of this package's class and of scikit-learn's: where
the latter raises, the former must raise that type or one derived from it, and say what is wrong;
where it does not, neither may the former.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import scipy.sparse as sp
from sklearn_pairs import RELEASE, THEIRS_WEIGH, Make, classes, label_sets, numbers, pair

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = classes()
XR, YR = numbers()
SETS = label_sets()[1]
NAN, INF, MARK = np.nan, np.inf, X[3, 2]

OPTIONS: dict[str, list[Any]] = {
    "hidden_layer_sizes": [0, -1, (0,), (5, 0), (5, -3), "wide", None, 2.5, (), [], (3, 2),
                           np.array([4, 3]), np.int64(5), True, {}, [[3, 2]]],
    "activation": ["Relu", "", None, 3, "identity", "logistic", "tanh"],
    "solver": ["SGD", "newton", None, 1, b"adam"],
    "alpha": [-1e-9, "small", None, NAN, -INF, 1, True, np.float32(0.5), [1e-4]],
    "batch_size": [0, -5, "all", None, 2.5, 10_000, 1, True, "auto", NAN, np.int32(7)],
    "learning_rate": ["falling", None, 0.1, "invscaling", "adaptive"],
    "learning_rate_init": [0, 0.0, -0.1, "auto", None, NAN, 1, np.float64(0.01)],
    "power_t": [-0.1, "half", None, NAN, 0, 2],
    "max_iter": [0, -1, 2.5, "many", None, NAN, True, np.int64(2), 1e3],
    "shuffle": [None, "yes", 1, 0, np.bool_(True), 2],
    "random_state": [-1, "seed", 2.5, np.random.default_rng(0), np.random.RandomState(0), None,
                     2**32, [1, 2], True, np.int64(3)],
    "tol": [-1e-4, "tight", None, NAN, 0, INF],
    "verbose": [None, "loud", -1, np.bool_(False)],
    "warm_start": [None, "yes", 2, 1],
    "momentum": [-0.1, 1.1, "much", None, NAN, 0, 1],
    "nesterovs_momentum": [None, "no", 3],
    "early_stopping": [None, "no", 3],
    "validation_fraction": [-0.1, 1.0, 1.5, "tenth", None, NAN, 0],
    "beta_1": [-0.1, 1.0, "a", None, NAN, 0],
    "beta_2": [-0.1, 1.0, "a", None, NAN, 0],
    "epsilon": [0, -1e-8, "a", None, NAN, INF],
    "n_iter_no_change": [0, -1, 2.5, "few", None, INF, NAN, 1],
    "max_fun": [0, -1, 2.5, "few", None, NAN],
    "loss": ["mse", None, 0, "squared_error", "log_loss"],
    "epochs": [5], "Alpha": [0.1], "hidden_layers": [(5,)],
}  # fmt: skip
"""Values for each option, good and bad."""

# What decides depends on more than one option, or comes only where the option is read.
NEEDS = {"momentum": {"solver": "sgd"}, "nesterovs_momentum": {"solver": "sgd"},
         "power_t": {"solver": "sgd", "learning_rate": "invscaling"},
         "validation_fraction": {"early_stopping": True}, "max_fun": {"solver": "lbfgs"},
         "learning_rate": {"solver": "sgd"}}  # fmt: skip

CALLS: dict[str, Callable[[Make], Any]] = {
    # rows
    "no rows": lambda make: make().fit(X[:0], Y[:0]),
    "no columns": lambda make: make().fit(X[:, :0], Y),
    "one row": lambda make: make().fit(X[:1], Y[:1]),
    "one axis": lambda make: make().fit(X[:, 0], Y),
    "three axes": lambda make: make().fit(X[:, None], Y),
    "a number": lambda make: make().fit(3.0, Y),
    "nothing": lambda make: make().fit(None, Y),
    "texts": lambda make: make().fit(X.astype(str), Y),
    "words": lambda make: make().fit([["a", "b"]] * 120, Y),
    "complex numbers": lambda make: make().fit(X + 1j, Y),
    "rows of other lengths": lambda make: make().fit([[1.0, 2.0], [1.0]], [0, 1]),
    "NaN": lambda make: make().fit(np.where(X == MARK, NAN, X), Y),
    "infinity": lambda make: make().fit(np.where(X == MARK, -INF, X), Y),
    "None among numbers": lambda make: make().fit(np.where(X == MARK, None, X), Y),
    "NaN in sparse rows": lambda make: make().fit(sp.csr_matrix(np.where(X > 2, NAN, X)), Y),
    "sparse in three arrays": lambda make: make().fit(sp.csr_matrix(X) + 1j * sp.csr_matrix(X), Y),
    "a masked array": lambda make: make().fit(np.ma.masked_array(X, X > 2), Y),
    "dates": lambda make: make().fit(np.full((120, 2), "2020-01-01", "M8[D]"), Y),
    "too large for float32": lambda make: make().fit(np.float32(X) * np.float32(1e38) * 10, Y),
    "a dictionary": lambda make: make().fit({"a": X[:, 0]}, Y),
    # targets of classifiers
    "no targets": lambda make: make().fit(X, None),
    "too few targets": lambda make: make().fit(X, Y[:-1]),
    "targets of three axes": lambda make: make().fit(X, SETS[:, :, None]),
    "a number as targets": lambda make: make().fit(X, 1),
    "NaN in labels": lambda make: make().fit(X, np.where(Y == "a", NAN, 1.0)),
    "infinity in labels": lambda make: make().fit(X, np.where(Y == "a", INF, 1.0)),
    "continuous labels": lambda make: make().fit(X, YR),
    "labels of several kinds": lambda make: make().fit(X, np.array([1, "a", 2] * 40, object)),
    "None in labels": lambda make: make().fit(X, np.array([None, "a", "b"] * 40, object)),
    "several columns of classes": lambda make: make().fit(X, SETS * 3 + 1),
    "several columns of numbers": lambda make: make().fit(X, np.stack([YR, YR], 1)),
    "sparse continuous targets": lambda make: make().fit(X, sp.csr_matrix(np.stack([YR, YR], 1))),
    "no columns of labels": lambda make: make().fit(X, SETS[:, :0]),
    "a list of label sets": lambda make: make().fit(X, [["a"], ["a", "b"]] * 60),
    # later calls
    "predict before fit": lambda make: make().predict(X),
    "probabilities before fit": lambda make: make().predict_proba(X),
    "logarithms before fit": lambda make: make().predict_log_proba(X),
    "score before fit": lambda make: make().score(X, Y),
    "predict fewer columns": lambda make: make().fit(X, Y).predict(X[:, 1:]),
    "predict more columns": lambda make: make().fit(X, Y).predict_proba(np.hstack([X, X])),
    "predict one axis": lambda make: make().fit(X, Y).predict(X[0]),
    "predict no rows": lambda make: make().fit(X, Y).predict(X[:0]),
    "predict NaN": lambda make: make().fit(X, Y).predict(np.where(X > 2, NAN, X)),
    "predict texts": lambda make: make().fit(X, Y).predict([["?"] * 5]),
    "predict sparse of other width": lambda make: make().fit(X, Y).predict(sp.csr_matrix(X[:, 1:])),
    "predict None": lambda make: make().fit(X, Y).predict(None),
    "score with other labels": lambda make: make().fit(X, Y).score(X, [7] * 120),
    "score with too few": lambda make: make().fit(X, Y).score(X, Y[:-1]),
    "fit without targets": lambda make: make().fit(X),
    "fit of nothing": lambda make: make().fit(),
    # parts
    "parts without classes": lambda make: make().partial_fit(X, Y),
    "parts with a new class": lambda make: make().partial_fit(X, Y, classes=["a", "b"]),
    "parts with other classes later": lambda make: make().partial_fit(X, Y, classes=list("abc"))
    .partial_fit(X, Y, classes=list("abd")),
    "parts with the same classes again": lambda make: make().partial_fit(X, Y, classes=list("abc"))
    .partial_fit(X, Y, classes=list("cba")).partial_fit(X[:3], Y[:3]),
    "parts with a new class later": lambda make: make().partial_fit(X, Y, classes=list("abc"))
    .partial_fit(X, ["d"] * 120),
    "parts of other width": lambda make: make().partial_fit(X, Y, classes=list("abc"))
    .partial_fit(X[:, 1:], Y),
    "parts with NaN": lambda make: make().partial_fit(X, Y, classes=list("abc"))
    .partial_fit(np.where(X > 2, NAN, X), Y),
    "parts of no rows": lambda make: make().partial_fit(X[:0], Y[:0], classes=list("abc")),
    "parts with lbfgs": lambda make: make(solver="lbfgs").partial_fit(X, Y, classes=list("abc")),
    "parts after fit": lambda make: make().fit(X, Y).partial_fit(X[:9], Y[:9]),
    "parts after fit, a new class": lambda make: make().fit(X, Y).partial_fit(X, ["z"] * 120),
    "parts with classes of another kind": lambda make: make().partial_fit(X, Y, classes=[1, 2, 3]),
    "parts with one class": lambda make: make().partial_fit(X, ["a"] * 120, classes=["a"]),
    "parts of several labels": lambda make: make().partial_fit(X, SETS, classes=[0, 1, 2]),
    # going on, and rows held back
    "a warm start with other classes": lambda make: make(warm_start=True).fit(X, Y)
    .fit(X, np.where(Y == "a", "x", Y)),
    "a warm start with fewer classes": lambda make: make(warm_start=True).fit(X, Y)
    .fit(X, np.where(Y == "a", "b", Y)),
    "a warm start of other width": lambda make: make(warm_start=True).fit(X, Y).fit(X[:, 1:], Y),
    "rows held back of too few": lambda make: make(early_stopping=True).fit(X[:3], Y[:3]),
    "nothing held back": lambda make: make(early_stopping=True, validation_fraction=1e-9)
    .fit(X, Y),
    "all held back": lambda make: make(early_stopping=True, validation_fraction=0.999).fit(X, Y),
    "a class of one row held back": lambda make: make(early_stopping=True)
    .fit(X, ["a"] * 119 + ["b"]),
    "large numbers": lambda make: make(solver="sgd", learning_rate_init=1e200).fit(X * 1e100, Y),
    "an option set later": lambda make: make().set_params(alpha=-1).fit(X, Y),
    "an unknown option set": lambda make: make().set_params(no_such_option=1),
    "an option set after fit": lambda make: make().fit(X, Y).set_params(max_iter=-3)
    .partial_fit(X, Y),
    "options by place": lambda make: type(make())((5,), "relu", "adam"),
}  # fmt: skip

NUMBERS: dict[str, Callable[[Make], Any]] = {
    "texts": lambda make: make().fit(XR, Y),
    "texts of numbers": lambda make: make().fit(XR, YR.astype(str)),
    "NaN": lambda make: make().fit(XR, np.where(YR > 1, NAN, YR)),
    "infinity": lambda make: make().fit(XR, np.where(YR > 1, INF, YR)),
    "None": lambda make: make().fit(XR, np.where(YR > 1, None, YR)),
    "objects": lambda make: make().fit(XR, YR.astype(object)),
    "complex numbers": lambda make: make().fit(XR, YR + 1j),
    "no targets": lambda make: make().fit(XR, None),
    "too many": lambda make: make().fit(XR[:-1], YR),
    "three axes": lambda make: make().fit(XR, YR[:, None, None]),
    "no columns": lambda make: make().fit(XR, np.empty((120, 0))),
    "sparse": lambda make: make().fit(XR, sp.csr_matrix(YR[:, None])),
    "flags": lambda make: make().fit(XR, YR > 0),
    "one row": lambda make: make().fit(XR[:1], YR[:1]),
    "parts of other width": lambda make: make().partial_fit(XR, YR).partial_fit(XR[:, 1:], YR),
    "parts of other outputs": lambda make: make().partial_fit(XR, YR)
    .partial_fit(XR, np.stack([YR, YR], 1)),
    "parts with texts": lambda make: make().partial_fit(XR, YR).partial_fit(XR, Y),
    "parts with classes": lambda make: make().partial_fit(XR, YR, classes=[1, 2]),
    "predict before fit": lambda make: make().predict(XR),
    "probabilities": lambda make: make().fit(XR, YR).predict_proba(XR),
    "score with NaN": lambda make: make().fit(XR, YR).score(XR, np.full(120, NAN)),
    "a warm start of other outputs": lambda make: make(warm_start=True).fit(XR, YR)
    .fit(XR, np.stack([YR, YR], 1)),
    "rows held back of too few": lambda make: make(early_stopping=True).fit(XR[:9], YR[:9]),
    "all held back": lambda make: make(early_stopping=True, validation_fraction=0.999)
    .fit(XR, YR),
    "large numbers": lambda make: make(solver="sgd", learning_rate_init=1e200)
    .fit(XR * 1e100, YR),
    "large targets": lambda make: make(solver="sgd", learning_rate_init=1e200)
    .fit(XR, YR * 1e300),
}  # fmt: skip

WEIGHTS: dict[str, Any] = {
    "too few": np.ones(119), "too many": np.ones(121), "NaN": np.full(120, NAN),
    "infinity": np.full(120, INF), "texts": ["a"] * 120, "two axes": np.ones((120, 2)),
    "one column": np.ones((120, 1)), "nothing": [], "complex": np.ones(120) + 1j, "one": 2.0,
    "whole": np.ones(120, int), "a list": [1.0] * 120, "None among": [None] * 120,
}  # fmt: skip


CHANCE = ("an integer is required", "unsupported operand type", "not supported between instances")
"""What comes of arithmetic on the way, where scikit-learn does not look first."""


def outcome(call: Callable[[Make], Any], make: Make) -> tuple[Exception | None, set[str]]:
    """Return what the call raises, and the names of what it warns of."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            call(make)
            error = None
        except Exception as e:
            error = e
    names = {w.category.__name__ for w in caught} - {"DeprecationWarning", "RuntimeWarning"}
    return error, names


def compare(call: Callable[[Make], Any], name: str) -> None:
    own, theirs = pair(name)
    (found, warned), (expected, should) = outcome(call, own), outcome(call, theirs)
    if RELEASE < (1, 7) and "validation_fraction" in str(found):
        return  # rows held back that are too few were not looked at
    if expected is None:
        assert found is None, f"{type(found).__name__}: {found}; scikit-learn takes it"
        assert warned == should
        return
    assert found is not None, f"taken; scikit-learn: {type(expected).__name__}: {expected}"
    # NumPy's own types say where it went wrong there, not what was.
    kind = next(c for c in type(expected).__mro__ if not c.__module__.startswith("numpy"))
    kind = (TypeError, ValueError) if any(text in str(expected) for text in CHANCE) else kind
    assert isinstance(found, kind), f"{found!r}; scikit-learn: {expected!r}"
    assert str(found)


@pytest.mark.parametrize(("option", "value"), [(o, v) for o, vs in OPTIONS.items() for v in vs],
                         ids=lambda v: ascii(v).split(" at 0x")[0][:40])  # fmt: skip
def test_options(option, value):
    options = {**NEEDS.get(option, {}), option: value}
    name = "MLPRegressor" if option == "loss" else "MLPClassifier"
    x, y = (XR, YR) if option == "loss" else (X, Y)
    if option == "loss" and RELEASE < (1, 7):
        pytest.skip(f"scikit-learn {RELEASE} has no option loss")
    compare(lambda make: make(**options).fit(x, y), name)


@pytest.mark.parametrize("name", CALLS)
def test_classifiers(name):
    compare(CALLS[name], "MLPClassifier")


@pytest.mark.parametrize("name", NUMBERS)
def test_regressors(name):
    compare(NUMBERS[name], "MLPRegressor")


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name, method):
    def call(make: Make) -> Any:
        model = make()
        if method != "fit":
            model.partial_fit(X, Y, classes=list("abc"))
        return getattr(model, method)(X, Y, sample_weight=WEIGHTS[name])

    if method != "score" and not THEIRS_WEIGH:
        pytest.skip(f"scikit-learn {RELEASE} has no weights of rows")
    compare(call, "MLPClassifier")


OURS: dict[str, Callable[[Make], Any]] = {
    "a negative weight": lambda make: make().fit(X, Y, sample_weight=np.arange(120) - 1.0),
    "a negative weight in a part": lambda make: make().fit(X, Y)
    .partial_fit(X, Y, sample_weight=np.arange(120) - 1.0),
    "weights of nothing": lambda make: make().fit(X, Y, sample_weight=np.zeros(120)),
}
"""What scikit-learn's classes take, to end with numbers that are none or say nothing."""


@pytest.mark.parametrize("name", OURS)
def test_more_is_refused(name):
    error, _ = outcome(OURS[name], pair("MLPClassifier")[0])
    assert isinstance(error, ValueError)
    assert "weight" in str(error)


LATER = {
    "a new class": lambda m: m.partial_fit(X, ["z"] * 120),
    "other classes": lambda m: m.partial_fit(X, Y, classes=["a", "b", "z"]),
    "another width": lambda m: m.partial_fit(X[:, 1:], Y),
    "NaN": lambda m: m.partial_fit(np.where(X > 2, NAN, X), Y),
    "weights": lambda m: m.partial_fit(X, Y, sample_weight=np.ones(7)),
    "negative weights": lambda m: m.partial_fit(X, Y, sample_weight=-np.ones(120)),
    "targets": lambda m: m.partial_fit(X, YR),
    "predict": lambda m: m.predict(X[:, 1:]),
}


@pytest.mark.parametrize("name", LATER)
def test_what_is_refused_changes_nothing(name):
    make = pair("MLPClassifier")[0]
    model, other = make().fit(X, Y), make().fit(X, Y)
    with pytest.raises(ValueError, match=r"\w"):
        LATER[name](model)
    for m in (model, other):
        m.partial_fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    assert model.loss_curve_ == other.loss_curve_
