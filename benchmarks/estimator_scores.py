"""Scores and loss curves of the estimators next to scikit-learn's: used by estimators.py."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from estimator_times import CLASSES, Line
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from small_tasks import Rows, bundled, letters

import cnn_core as cnn


def ten_thousand(data: Path) -> Rows:
    """Return 10,000 rows of MNIST, in a fixed order."""
    found = cnn.data.load_idx_dataset(data / "mnist")
    chosen = np.random.default_rng(0).permutation(len(found.x_train))[:10_000]
    return found.x_train.reshape(-1, 784)[chosen] / 255.0, found.y_train[chosen]


class Scored(NamedTuple):
    """``options`` keep the longer trainings to seconds; where there are none, all defaults."""

    name: str
    load: Callable[[Path], Rows]
    kind: str = "MLPClassifier"
    options: dict[str, Any] = {}


SETS = (
    Scored("digits", partial(bundled, "digits")),
    Scored("breast cancer", partial(bundled, "breast_cancer")),
    Scored("wine", partial(bundled, "wine")),
    Scored("diabetes", partial(bundled, "diabetes"), "MLPRegressor", {"learning_rate_init": 0.01}),
    Scored("MNIST, 10,000 rows", ten_thousand, options={"max_iter": 30}),
    Scored("letter", letters, options={"max_iter": 30}),
)


def score(model: Any, x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Return the test score of a third of the rows, features standardised by the others."""
    stratify = y if y.dtype.kind in "iu" else None
    parts = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=stratify)
    scale = StandardScaler().fit(parts[0])
    dtype = x.dtype
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(scale.transform(parts[0]).astype(dtype), parts[2])
    return model.score(scale.transform(parts[1]).astype(dtype), parts[3])


def scores(args: argparse.Namespace) -> Iterator[Line]:
    """Compare mean test scores: with rows in float64, and this package's in float32 as well."""
    for task in SETS:
        try:
            x, y = task.load(args.data)
        except (cnn.errors.DataError, OSError) as error:
            print(f"{task.name} is left out: {error}")
            continue
        y = y.astype(np.int64) if task.kind == "MLPClassifier" else y

        def run(module: Any, dtype: type, x: np.ndarray = x, y: np.ndarray = y, task: Any = task
                ) -> np.ndarray:  # fmt: skip
            return np.array([
                score(getattr(module, task.kind)(random_state=seed, **task.options),
                      x.astype(dtype), y, seed) for seed in range(args.seeds)
            ])  # fmt: skip

        theirs = run(CLASSES["theirs"], np.float64)
        error = theirs.std(ddof=1) / np.sqrt(len(theirs)) if len(theirs) > 1 else 0.0
        found = [run(CLASSES["own"], dtype).mean() for dtype in (np.float64, np.float32)]
        shown = f"{found[0]:.5f}, float32 {found[1]:.5f}"
        yield Line(f"score, {task.name}", f">= {theirs.mean():.5f}-{error:.5f}", shown,
                   min(found) >= theirs.mean() - error)  # fmt: skip


CURVES: dict[str, dict[str, Any]] = {
    "adam": {},
    "adam, tanh, two layers": {"hidden_layer_sizes": (40, 20), "activation": "tanh"},
    "adam, rows in order": {"shuffle": False, "batch_size": 100},
    "adam, held out": {"early_stopping": True, "n_iter_no_change": 30},
    "sgd": {"solver": "sgd"},
    "sgd, plain momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "sgd, none, logistic": {"solver": "sgd", "momentum": 0, "activation": "logistic"},
    "sgd, invscaling, alpha": {"solver": "sgd", "learning_rate": "invscaling", "alpha": 1.0,
                               "learning_rate_init": 0.05},
    "sgd, adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5,
                      "n_iter_no_change": 2, "learning_rate_init": 0.01},
}  # fmt: skip


def curves(args: argparse.Namespace) -> Iterator[Line]:
    """Compare the losses of the first 20 iterations, and the scores of validation."""
    x, labels = load_digits(return_X_y=True)
    x = x / 16
    targets = {"classes": labels, "two classes": labels > 4, "label sets": x[:, 20:24] > 0.5,
               "numbers": x[:, ::8] @ np.arange(1, 9) / 8}  # fmt: skip
    for name, options in CURVES.items():
        worst = 0.0
        for kind, y in targets.items():
            cls = "MLPRegressor" if kind == "numbers" else "MLPClassifier"
            found = [curve(getattr(module, cls)(max_iter=20, random_state=0, **options), x, y)
                     for module in CLASSES.values()]  # fmt: skip
            if found[0].shape != found[1].shape:
                worst = float("inf")
                break
            worst = max(worst, float(np.max(np.abs(found[0] / found[1] - 1))))
        yield Line(f"loss curve, {name}", "<= 1e-8 off", f"{worst:.1e}", worst <= 1e-8)


def curve(model: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y)
    return np.array(model.loss_curve_)


SCORES: dict[str, Callable[[argparse.Namespace], Iterator[Line]]] = {
    "scores": scores, "curves": curves,
}  # fmt: skip
