"""Parameters: what they may be, and what those of several forms mean."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import hint
from cnn_core.nn.activations import ACTIVATIONS as OWN
from cnn_core.run.threads import MAX_THREADS, spare_threads

SOLVERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam")
"""Those that go by minibatches."""

ACTIVATIONS = {name: name for name in OWN} | {"identity": "linear", "logistic": "sigmoid"}
"""This package's names by scikit-learn's and its own."""

_SIZE, _AMOUNT = Interval(Integral, 1, None, closed="left"), Interval(Real, 0, None, closed="left")
_SHARE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _SIZE],
    "activation": [StrOptions(set(ACTIVATIONS)), list, tuple],
    "solver": [StrOptions({"lbfgs", *SOLVERS})],
    "alpha": [_AMOUNT],
    "batch_size": [StrOptions({"auto"}), _SIZE],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [_AMOUNT],
    "max_iter": [_SIZE],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_AMOUNT],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_SHARE],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [_SIZE, Options(Real, {np.inf})],
    "max_fun": [_SIZE],
    "dropout": [_SHARE],
    "batch_norm": ["boolean"],
    "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64}),
              np.dtype, None],
    "n_jobs": [Integral, None],
    "progress": ["boolean", StrOptions({"always"})],
}  # fmt: skip
"""Those that both estimators have, in scikit-learn's terms."""


REAL = ("alpha", "learning_rate_init", "power_t", "tol", "momentum", "beta_1", "beta_2", "epsilon")


def check(estimator: Any) -> None:
    """Raise `OptionError` where scikit-learn's checks, one by one, have let by what is wrong."""
    for name in REAL:
        value = getattr(estimator, name)
        try:
            float(value)
        except OverflowError:
            need = "a number that float64 can hold"
            raise OptionError(f"{name}: need {need}; got {options.shown(value)}") from None
    e = estimator
    if e.solver == "lbfgs" and (e.dropout or e.batch_norm):
        raise OptionError(
            "lbfgs: need dropout=0 and batch_norm=False, since its steps are of one function; "
            f"got {e.dropout} and {e.batch_norm}"
        )


def hidden_sizes(estimator: Any) -> tuple[int, ...]:
    """Return the units of each hidden layer."""
    given = estimator.hidden_layer_sizes
    sizes = list(given) if isinstance(given, Iterable) else [given]
    wrong = [size for size in sizes if not options.is_whole(size) or size < 1]
    if wrong:
        raise OptionError(
            f"hidden_layer_sizes: need whole numbers > 0, one for each hidden layer; got {given!r}"
        )
    return tuple(map(int, sizes))


def activations(estimator: Any, n_hidden: int) -> tuple[str, ...]:
    """Return this package's name of the activation of each hidden layer."""
    given = estimator.activation
    if isinstance(given, str):
        given = [given] * n_hidden
    elif len(given) != n_hidden:
        raise OptionError(
            f"activation: need one, or one for each of {n_hidden} hidden layers; got {given!r}"
        )
    for name in given:
        if not isinstance(name, str) or name not in ACTIVATIONS:
            known = ", ".join(sorted(ACTIVATIONS))
            got = f"{options.shown(name)}{hint(name, ACTIVATIONS)}"
            raise OptionError(f"activation: need names among {known}; got {got}")
    return tuple(ACTIVATIONS[name] for name in given)


def n_threads(n_jobs: Any) -> int | None:
    """Return how many threads ``n_jobs`` asks for: of a negative number -1 means all that there are
    to spare, -2 one fewer; None leaves that open."""
    if n_jobs is None:
        return None
    if n_jobs == 0:
        raise OptionError("n_jobs: need a number of threads, -1 for all cores, or None; got 0")
    n = int(n_jobs) if n_jobs > 0 else spare_threads() + 1 + int(n_jobs)
    return min(max(n, 1), MAX_THREADS)


def keep(estimator: Any, given: dict[str, Any]) -> None:
    """Set the parameters of an estimator: the ``locals()`` of its ``__init__``, as they came."""
    vars(estimator).update({name: value for name, value in given.items() if name != "self"})
