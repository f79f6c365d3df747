"""Options, data and calls drawn at random: what comes is what comes of scikit-learn's classes.

A failure names its number: `pytest tests/estimators/test_sklearn_drawn.py -k "[17]"`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import scipy.sparse as sp
from sklearn_pairs import RELEASE, THEIRS_WEIGH, pair

ATTRIBUTES = ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "validation_scores_",
              "best_validation_score_", "n_layers_", "n_outputs_", "out_activation_",
              "n_features_in_")  # fmt: skip

MOST_STEPS = 200


def size(rng: np.random.Generator, most: int) -> int:
    """Return 1 to ``most``, log-uniformly."""
    return int(np.exp(rng.uniform(0, np.log(most + 0.99))))


def drawn_options(rng: np.random.Generator, name: str) -> dict[str, Any]:
    pick = lambda *values: values[rng.integers(len(values))]  # noqa: E731
    options = {
        "hidden_layer_sizes": tuple(size(rng, 40) for _ in range(rng.integers(0, 4))),
        "activation": pick("identity", "logistic", "tanh", "relu"),
        "solver": pick("sgd", "adam"), "alpha": pick(0.0, 1e-4, 0.1, 3.0),
        "batch_size": pick("auto", size(rng, 300)), "shuffle": pick(True, False),
        "learning_rate": pick("constant", "invscaling", "adaptive"),
        "learning_rate_init": float(10 ** rng.uniform(-4, -1.5)), "power_t": pick(0.0, 0.5, 1),
        "max_iter": size(rng, 25), "random_state": int(rng.integers(2**31)),
        "tol": pick(0.0, 1e-4, 0.05), "momentum": pick(0, 0.5, 0.9),
        "nesterovs_momentum": pick(True, False), "early_stopping": bool(rng.random() < 0.3),
        "validation_fraction": pick(0.1, 0.4), "beta_1": pick(0.0, 0.9), "beta_2": pick(0.9, 0.999),
        "epsilon": pick(1e-8, 1e-3), "n_iter_no_change": pick(1, 3, 10, np.inf),
        "warm_start": bool(rng.random() < 0.3),
    }  # fmt: skip
    # There the best weights of an earlier fit are lost to the steps of the next: no model for ours.
    options["warm_start"] &= not options["early_stopping"]
    if name == "MLPRegressor" and RELEASE >= (1, 7):
        options["loss"] = pick("squared_error", "squared_error", "poisson")
    return options


def drawn_data(rng: np.random.Generator, name: str, poisson: bool) -> tuple:
    n, inputs = 20 + size(rng, 300), size(rng, 30)
    x = rng.standard_normal((n, inputs))
    if rng.random() < 0.3:
        x = sp.csr_matrix(np.where(rng.random(x.shape) < 0.3, x, 0.0))
    outputs = int(rng.integers(1, 4))
    if name == "MLPRegressor":
        y = rng.poisson(2.0, (n, outputs)) if poisson else rng.standard_normal((n, outputs))
        return x, (y[:, 0] if outputs == 1 else y).astype(float)
    if rng.random() < 0.3:
        return x, rng.integers(0, 2, (n, 3))
    labels = np.arange(n) % (outputs + 1) if outputs > 1 else rng.integers(0, 2, n)
    labels[:2] = 0, 1
    return x, np.array(["z", "y", "x", "w"])[labels]


def figures(model: Any, x: Any) -> dict[str, Any]:
    found = {name: getattr(model, name) for name in ATTRIBUTES}
    found |= {f"coefs_[{i}]": w for i, w in enumerate(model.coefs_)}
    found |= {f"intercepts_[{i}]": w for i, w in enumerate(model.intercepts_)}
    found["predict"] = model.predict(x)
    if hasattr(model, "predict_proba"):
        found["predict_proba"] = model.predict_proba(x)
    return found


def compare(number: int) -> None:
    rng = np.random.default_rng([number, 14])
    name = ("MLPClassifier", "MLPRegressor")[number % 2]
    options = drawn_options(rng, name)
    x, y = drawn_data(rng, name, options.get("loss") == "poisson")
    weights = {}
    if THEIRS_WEIGH and rng.random() < 0.3:
        weights = {"sample_weight": rng.choice([0.5, 1.0, 2.0, 3.0], len(y))}
    calls = ["fit", *rng.choice(["fit", "partial_fit"], rng.integers(0, 3)).tolist()]
    # Over many steps the least difference in rounding grows to any size.
    batch = 200 if options["batch_size"] == "auto" else options["batch_size"]
    most = MOST_STEPS * batch // (len(calls) * x.shape[0])
    options["max_iter"] = max(1, min(options["max_iter"], most))
    models = [make(**options) for make in pair(name)]
    for call in calls:
        if call == "partial_fit" and options["early_stopping"]:
            continue
        outcomes = []
        for model in models:
            with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
                warnings.simplefilter("always")
                try:
                    getattr(model, call)(x, y, **weights)
                    error = None
                except ValueError as e:
                    error = e
            kinds = {w.category.__name__ for w in caught} - {"RuntimeWarning"}
            outcomes.append((error, kinds))
        (own, warned), (theirs, should) = outcomes
        said = f"{name} {number}, {calls}, {options}: "
        assert (own is None) == (theirs is None), said + f"{own!r}; scikit-learn: {theirs!r}"
        if own is not None:
            return
        assert warned == should, said
        found, expected = (figures(model, x) for model in models)
        for key, value in expected.items():
            if value is None:
                assert found[key] is None, said + key
            elif np.asarray(value).dtype.kind == "f":
                np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-6,
                                           err_msg=said + key)  # fmt: skip
            else:
                np.testing.assert_array_equal(found[key], value, err_msg=said + key)


@pytest.mark.parametrize("number", range(60))
def test_drawn(number):
    compare(number)


@pytest.mark.slow
def test_many_drawn():
    for number in range(60, 2000):
        compare(number)
