"""Who is compared in `tables.py`: each takes a `Split` and returns what it says of the test part.

All are at their defaults.  The peers get the frame as their users would prepare it: boosting with
columns of texts as pandas' categories (those of more levels than it takes are left out), networks
with one-hot flags, medians in gaps and standardised numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from table_sets import Split

MOST_LEVELS = 250
"""HistGradientBoosting takes 255."""


class Answers(NamedTuple):
    """What is said of the rows of a test part."""

    found: np.ndarray
    """Probabilities (N, C), or numbers (N,)."""
    interval: np.ndarray | None = None
    """Ends (N, 2) of intervals that are to hold 90 % of the targets, where there are some."""
    validation: float | None = None
    """Accuracy or R2 of the rows that a learner held back from what it was given."""


def _as_categories(split: Split) -> tuple[pd.DataFrame, pd.DataFrame]:
    x, x_test = split.x.copy(), split.x_test.copy()
    for name in x.columns:
        if pd.api.types.is_numeric_dtype(x[name]):
            continue
        levels = sorted(x[name].dropna().unique())
        if len(levels) > MOST_LEVELS:
            x, x_test = x.drop(columns=name), x_test.drop(columns=name)
        else:
            kind = pd.CategoricalDtype(levels)
            x[name], x_test[name] = x[name].astype(kind), x_test[name].astype(kind)
    dates = [name for name in ("dteday",) if name in split.x]
    for name in dates:  # calendar parts, as a user of boosting would make them
        for frame, of in ((x, split.x), (x_test, split.x_test)):
            when = pd.to_datetime(of[name])
            frame[f"{name}_day"], frame[f"{name}_days"] = when.dt.day, when.astype("int64") // 10**9
    return x, x_test


def _answers(model: Any, x: Any, classes: bool) -> Answers:
    return Answers(model.predict_proba(x) if classes else model.predict(x))


def hist_gradient_boosting(split: Split, seed: int, threads: int) -> Answers:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    cls = HistGradientBoostingClassifier if split.classes else HistGradientBoostingRegressor
    x, x_test = _as_categories(split)
    model = cls(categorical_features="from_dtype", random_state=seed).fit(x, split.y)
    return _answers(model, x_test, split.classes)


def lightgbm(split: Split, seed: int, threads: int) -> Answers:
    from lightgbm import LGBMClassifier, LGBMRegressor

    cls = LGBMClassifier if split.classes else LGBMRegressor
    x, x_test = _as_categories(split)
    plain = {name: f"c{i}" for i, name in enumerate(x.columns)}
    model = cls(random_state=seed, n_jobs=threads, verbose=-1).fit(x.rename(columns=plain), split.y)
    return _answers(model, x_test.rename(columns=plain), split.classes)


def sklearn_mlp(split: Split, seed: int, threads: int) -> Answers:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    flags = OneHotEncoder(handle_unknown="ignore", min_frequency=2, sparse_output=False)
    of_texts = make_column_selector(dtype_exclude="number")
    prepare = make_column_transformer((numbers, make_column_selector(dtype_include="number")),
                                      (flags, of_texts))  # fmt: skip
    x, x_test = _as_categories(split)
    network = (MLPClassifier if split.classes else MLPRegressor)(random_state=seed)
    return _answers(make_pipeline(prepare, network).fit(x, split.y), x_test, split.classes)


def pytabkit(split: Split, seed: int, threads: int) -> Answers:
    """RealMLP-TD-S, which is what has 256 epochs on a CPU in reach."""
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    cls = RealMLP_TD_S_Classifier if split.classes else RealMLP_TD_S_Regressor
    model = cls(random_state=seed, device="cpu", n_threads=threads)
    model.fit(split.x, split.y)
    return _answers(model, split.x_test, split.classes)


def own(recipe: str, **options: Any) -> Callable[[Split, int, int], Answers]:
    def run(split: Split, seed: int, threads: int) -> Answers:
        from cnn_core.tabular import TabularClassifier, TabularRegressor

        cls = TabularClassifier if split.classes else TabularRegressor
        model = cls(recipe, seed=seed, n_threads=threads, **options).fit(split.x, split.y)
        held = model.validation_["accuracy" if split.classes else "r2"]
        made = _answers(model, split.x_test, split.classes)._replace(validation=held)
        if split.classes:
            return made
        return made._replace(interval=model.predict_interval(split.x_test, coverage=0.9))

    return run


CONTESTANTS: dict[str, Callable[[Split, int, int], Answers]] = {
    "realmlp": own("realmlp"),
    "tabm": own("tabm"),
    "mlp": own("mlp"),
    "hist_boosting": hist_gradient_boosting,
    "lightgbm": lightgbm,
    "sklearn_mlp": sklearn_mlp,
    "pytabkit": pytabkit,
}
