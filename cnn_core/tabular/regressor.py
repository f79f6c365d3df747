"""`TabularRegressor`: a number for each raw row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.tabular import figures
from cnn_core.tabular.evaluation import Evaluation, of_numbers
from cnn_core.tabular.fitting import values
from cnn_core.tabular.learner import TabularLearner
from cnn_core.tabular.recipes.recipe import Task
from cnn_core.tabular.targets import Targets


class TargetScale(NamedTuple):
    """What was learned of targets: (y - mean) / std is what networks are trained with."""

    mean: float
    std: float
    low: float
    high: float


class TabularRegressor(TabularLearner):
    """Learns numbers from a raw table.

    Example
    -------
    >>> rows = [{"size": i % 7, "kind": "abc"[i % 3]} for i in range(90)]
    >>> price = [100.0 * row["size"] for row in rows]
    >>> model = TabularRegressor("mlp", options={"epochs": 60}).fit(rows, price)
    >>> model.predict({"size": 3, "kind": "a"}).shape
    (1,)
    """

    _estimator_type = "regressor"

    def __init__(
        self, recipe: Any = "mlp", *, options: Mapping[str, Any] | None = None, n_models: int = 1,
        validation_fraction: float = 0.2, quantiles: Sequence[float] | None = None,
        kinds: Mapping[Any, str] | None = None, encoder: Mapping[str, Any] | None = None,
        seed: int = 0, n_threads: int | None = None, progress: bool | str = False,
    ) -> None:  # fmt: skip
        self.recipe, self.options, self.n_models = recipe, options, n_models
        self.validation_fraction, self.quantiles = validation_fraction, quantiles
        self.kinds, self.encoder = kinds, encoder
        self.seed, self.n_threads, self.progress = seed, n_threads, progress

    def _learn_target(self, y: Any, name: str, made: dict[str, Any]) -> np.ndarray:
        y = Targets().fit_transform(y, name=name)
        low, high = float(y.min()), float(y.max())
        size = max(abs(low), abs(high))
        scaled = y / size
        made["target_"] = TargetScale(float(scaled.mean()) * size, float(scaled.std()) * size,
                                      low, high)  # fmt: skip
        quantiles: tuple[float, ...] = ()
        if self.quantiles is not None:
            quantiles = tuple([
                options.number("fit", q, 0, 1, open_at="low high", option="quantiles")
                for q in options.items("fit", self.quantiles, "quantiles")])  # fmt: skip
        made["task"] = Task("quantiles" if quantiles else "mean", len(quantiles) or 1, quantiles)
        return _standardised(y, made["target_"])

    def _encode_target(self, y: Any, name: str, made: Mapping[str, Any]) -> np.ndarray:
        return _standardised(Targets().transform(y, name=name), made["target_"])

    def predict(self, X: Any) -> np.ndarray:
        """Return a number for each row, float64 (N,); of quantiles (N, Q)."""
        return self._predicted(self._encoded(X, "predict"))

    def _of_raw(self, raw: list[np.ndarray]) -> np.ndarray:
        found = np.mean([values(each) for each in raw], axis=0)
        t = self.target_
        found = found * t.std + t.mean
        if self.recipe_.clamps:
            found = np.clip(found, t.low, t.high)
        return found[:, 0] if self._task.kind == "mean" else found

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return R2 = 1 - sum w (y - p)^2 / sum w (y - mean)^2."""
        table, y, weight = self._scored(X, y, sample_weight)
        return figures.r2(y, self.predict(table), weight)

    def _evaluation(self, y: np.ndarray, found: np.ndarray, weight: Any) -> Evaluation:
        return of_numbers(y, found, weight, self._task.quantiles)

    def _decoded(self, target: np.ndarray) -> np.ndarray:
        t = self.target_
        return target[:, 0].astype(np.float64) * t.std + t.mean

    def _targets(self, y: Any, name: str) -> np.ndarray:
        return Targets().transform(y, name=name)


def _standardised(y: np.ndarray, scale: TargetScale) -> np.ndarray:
    return ((y - scale.mean) / scale.std).astype(np.float32)[:, None]
