"""`TabularRegressor`: a number for each raw row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, StateError
from cnn_core.tabular import figures
from cnn_core.tabular.evaluation import COVERAGE, Evaluation, of_numbers
from cnn_core.tabular.intervals import check_quantiles, margin_of, middle, shifts
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
    """Learns numbers from a raw table: `fit`, `predict`, `predict_interval`, `score`.

    Parameters
    ----------
    quantiles
        Learn these, rising, each in (0, 1), in place of the mean: see `predict_quantiles`.

    Other parameters, and what there is after `fit`, are those of `TabularClassifier`, with
    ``target_``, the mean, deviation and range of the targets, in place of ``classes_``.

    Example
    -------
    >>> from cnn_core.tabular import TabularRegressor
    >>> rows = [{"size": i % 7, "kind": "abc"[i % 3]} for i in range(90)]
    >>> price = [100.0 * row["size"] for row in rows]
    >>> model = TabularRegressor("mlp", options={"epochs": 60}).fit(rows, price)
    >>> model.predict({"size": 3, "kind": "a"}).shape
    (1,)
    """

    _estimator_type = "regressor"

    def __init__(
        self, recipe: Any = "realmlp", *, options: Mapping[str, Any] | None = None,
        n_models: int = 1, validation_fraction: float = 0.2,
        quantiles: Sequence[float] | None = None, kinds: Mapping[Any, str] | None = None,
        encoder: Mapping[str, Any] | None = None, seed: int = 0, n_threads: int | None = None,
        progress: bool | str = False,
    ) -> None:  # fmt: skip
        self.recipe, self.options, self.n_models = recipe, options, n_models
        self.validation_fraction, self.quantiles = validation_fraction, quantiles
        self.kinds, self.encoder = kinds, encoder
        self.seed, self.n_threads, self.progress = seed, n_threads, progress

    def _learned(self, y: Any, name: str) -> tuple[dict[str, Any], np.ndarray]:
        quantiles = () if self.quantiles is None else check_quantiles("fit", self.quantiles)
        y = Targets().fit_transform(y, name=name)
        low, high = float(y.min()), float(y.max())
        size = max(abs(low), abs(high))  # whose square may be too large, or too small
        mean, std = float((y / size).mean()) * size, float((y / size).std()) * size
        return {"target_": TargetScale(mean, std, low, high), "_task": _task(quantiles)}, y

    def _of_used(self, y: np.ndarray) -> dict[str, Any]:
        return self._learned(y, "y, of the rows that are used")[0]

    def _targets(self, y: Any, name: str, who: str, target: TargetScale) -> np.ndarray:
        return Targets().transform(y, name=name, who=who)

    def _scaled(self, y: np.ndarray, target: TargetScale) -> np.ndarray:
        return ((y - target.mean) / target.std).astype(np.float32)[:, None]

    def _settle(self) -> None:
        self._scales = [1.0] * len(self.fitted_)
        self.shifts_ = np.zeros(self._task.n_outputs)
        held = self._held()
        if held is not None and self._task.quantiles:
            self.shifts_ = shifts(held, self._task.quantiles)

    def _state(self) -> tuple[Any, dict[str, Any]]:
        return list(self.target_), {"quantiles": list(self._task.quantiles),
                                    "shifts": self.shifts_.tolist()}  # fmt: skip

    def _load_state(self, target: Any, content: Mapping[str, Any], made: dict[str, Any]) -> None:
        scale = TargetScale(*[options.number("target", v) for v in target])
        quantiles = content["quantiles"] and check_quantiles("quantiles", content["quantiles"])
        task = _task(tuple(quantiles))
        moved = np.array([options.number("shifts", v) for v in content["shifts"]])
        if len(moved) != task.n_outputs:
            raise DataError(f"need {task.n_outputs} shifts; got {len(moved)}")
        made |= {"target_": scale, "_task": task, "shifts_": moved,
                 "_scales": [1.0] * len(content["networks"])}  # fmt: skip

    def _of_pooled(self, pooled: np.ndarray) -> np.ndarray:
        t = self.target_
        found = pooled * t.std + t.mean
        if self.recipe_.clamps:
            found = np.minimum(np.maximum(found, t.low), t.high)
        if not self._task.quantiles:
            return found[:, 0]
        found.sort(1)
        found += self.shifts_
        found.sort(1)
        return found

    def _middle(self, found: np.ndarray) -> np.ndarray:
        if not self._task.quantiles:
            return found
        return (found * middle(self._task.quantiles)).sum(-1)

    def predict(self, X: Any) -> np.ndarray:
        """Return a number for each row, float64 (N,): the mean, or the median of ``quantiles``.

        Where 0.5 is not among them, it lies between its neighbours by their distances, or is the
        quantile closest to it.

        >>> rows = [{"size": i % 7} for i in range(90)]
        >>> price = [10.0 * row["size"] for row in rows]
        >>> model = cnn.tabular.TabularRegressor("mlp", options={"epochs": 60}).fit(rows, price)
        >>> bool(abs(model.predict({"size": 5})[0] - 50) < 5)
        True
        """
        return self._middle(self._answer(X, "predict"))

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Return the ``quantiles`` of each row, rising, float64 (N, Q).

        What the networks say is averaged, put in order, and moved by the number for each
        quantile that makes its pinball loss of the validation part the least.

        Raises `StateError` where the model was not fitted with ``quantiles``.

        Source: Chernozhukov, Fernandez-Val, Galichon 2010 (order).

        >>> rows = [{"size": i % 7} for i in range(90)]
        >>> price = [10.0 * row["size"] for row in rows]
        >>> model = cnn.tabular.TabularRegressor("mlp", quantiles=[0.1, 0.9])
        >>> model.set_params(options={"epochs": 30})
        TabularRegressor('mlp', options={'epochs': 30}, quantiles=[0.1, 0.9])
        >>> low, high = model.fit(rows, price).predict_quantiles({"size": 5})[0]
        >>> bool(low <= high)
        True
        """
        self._check("predict_quantiles")
        if not self._task.quantiles:
            raise StateError("predict_quantiles: need a model of quantiles; got one of the mean: "
                             "fit with quantiles=(0.05, 0.5, 0.95)")  # fmt: skip
        return self._answer(X, "predict_quantiles")

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """Return the ends of intervals, (N, 2): targets are within with a chance of ``coverage``.

        That holds over rows like those of training, whatever the model: the validation part says
        how wide intervals must be.  See `cnn_core.tabular.intervals.ends`; with ``quantiles`` they
        are wide where targets spread.  The best epoch was chosen by the same rows, which makes
        them a little too narrow: by less than what the number of rows leaves to chance.

        Raises `StateError` where the validation part has too few rows for the coverage.

        >>> rows = [{"size": i % 7} for i in range(90)]
        >>> price = [10.0 * row["size"] for row in rows]
        >>> model = cnn.tabular.TabularRegressor("mlp", options={"epochs": 60}).fit(rows, price)
        >>> low, high = model.predict_interval(rows, coverage=0.8).T
        >>> bool(((low <= price) & (price <= high)).mean() > 0.6)
        True
        """
        who = "predict_interval"
        coverage = options.number(who, coverage, 0, 1, open_at="low high", option="coverage")
        self._check(who)
        margin = margin_of(self.held_, self._task.quantiles, coverage, who)
        return margin.ends(self._answer(X, who))

    def predict_std(self, X: Any) -> np.ndarray:
        """Return the standard deviation of `predict` over networks and members, float64 (N,).

        It says where they differ, as for rows unlike those of training; it is not how far targets
        are off, which `predict_interval` says.  Raises `StateError` where there is only one.

        >>> rows = [{"size": i % 7} for i in range(90)]
        >>> price = [10.0 * row["size"] for row in rows]
        >>> model = cnn.tabular.TabularRegressor("mlp", options={"epochs": 9}, n_models=2)
        >>> model.fit(rows, price).predict_std({"size": 5}).shape
        (1,)
        """
        members = self._members(X, "predict_std")
        return np.concatenate([self._middle(found).std(axis=1) for found in members])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return R2 = 1 - sum w (y - p)^2 / sum w (y - mean)^2.

        >>> rows = [{"size": i % 7} for i in range(90)]
        >>> price = [10.0 * row["size"] for row in rows]
        >>> model = cnn.tabular.TabularRegressor("mlp", options={"epochs": 60}).fit(rows, price)
        >>> model.score(rows, price) > 0.95
        True
        """
        table, y, weight = self._scored(X, y, sample_weight)
        return figures.r2(y, self.predict(table), weight)

    def _evaluation(
        self, y: np.ndarray, found: np.ndarray, weight: Any, unseen: bool = False
    ) -> Evaluation:
        quantiles, ends = self._task.quantiles, None
        if unseen:
            with suppress(StateError):  # of too few rows held back
                ends = margin_of(self.held_, quantiles, COVERAGE, "evaluate").ends(found)
        return of_numbers(y, self._middle(found), weight, quantiles, found, ends)


def _task(quantiles: tuple[float, ...]) -> Task:
    return Task("quantiles" if quantiles else "mean", len(quantiles) or 1, quantiles)
