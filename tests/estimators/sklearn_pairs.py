"""What the tests of the estimators share: data, and pairs of this package's class and theirs.

The same tool, seed and data must give the same figures whichever of the two it is given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import sklearn
from sklearn import neural_network

from cnn_core import estimators

RELEASE = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
THEIRS_WEIGH = "sample_weight" in inspect.signature(neural_network.MLPClassifier.fit).parameters
"""Whether scikit-learn's own classes take weights of rows, as they do from 1.7."""

SMALL = {"hidden_layer_sizes": (9,), "max_iter": 6, "random_state": 0}
"""Options that most trainings here share, since they are to take milliseconds."""

Make = Callable[..., Any]


def pair(name: str) -> tuple[Make, Make]:
    """Return what makes this package's ``name`` and what makes scikit-learn's."""
    def maker(cls: type) -> Make:
        return lambda **options: cls(**{**SMALL, **options})

    return maker(getattr(estimators, name)), maker(getattr(neural_network, name))


def classes(n: int = 120, n_classes: int = 3, inputs: int = 5, seed: int = 0) -> tuple:
    """Return rows (n, inputs) around one centre a class, and labels "a", "b", ..."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    centres = 1.5 * rng.standard_normal((n_classes, inputs))
    return centres[labels] + rng.standard_normal((n, inputs)), np.array(list("abcdefgh"))[labels]


def numbers(n: int = 120, outputs: int = 1, inputs: int = 5, seed: int = 0) -> tuple:
    """Return rows (n, inputs) and targets (n,) or (n, outputs), smooth functions of them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, inputs))
    y = np.tanh(x @ rng.standard_normal((inputs, outputs)))
    y += 0.1 * rng.standard_normal(y.shape)
    return x, y[:, 0] if outputs == 1 else y


def label_sets(n: int = 120, seed: int = 0) -> tuple:
    """Return rows (n, 5) and an indicator (n, 3) of the labels of each, of which a row has any."""
    x, y = numbers(n, 3, seed=seed)
    return x, (y > 0.2).astype(int)


def assert_alike(found: Any, expected: Any) -> None:
    """Figures of two trainings in float64 in the same order agree but for rounding."""
    found, expected = np.asarray(found), np.asarray(expected)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
    else:
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
