"""`TabularClassifier`: which class a raw row is in, and how probably."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.data.class_weighting import class_weights
from cnn_core.errors import DataError
from cnn_core.tabular import figures
from cnn_core.tabular.calibration import temperature_of
from cnn_core.tabular.evaluation import Evaluation, of_classes
from cnn_core.tabular.learner import TabularLearner
from cnn_core.tabular.recipes.recipe import Task, smoothing_of
from cnn_core.tabular.targets import Classes

MOST_NUMBERS = 20
"""Numbers with fractions that may be classes even if most rows have one of their own."""


class TabularClassifier(TabularLearner):
    """Learns classes from a raw table: `fit`, `predict`, `predict_proba`, `score`.

    Parameters
    ----------
    recipe
        How the network is made and trained: the name of one, see `cnn_core.tabular.recipes`, or a
        `Recipe`.
    options
        Options of the recipe by name, such as ``{"epochs": 50}``.
    n_models
        So many networks, with seeds and validation parts of their own, whose predictions are
        averaged.
    validation_fraction
        The share of the rows that is held back to choose the best epoch by, of each class in
        its proportion, but that one row or more of each stays in training.  Where that would be
        fewer than 10 rows, none is held back, and the last epoch is kept.
    calibrate
        Whether probabilities are calibrated on the validation part, see `predict_proba`.
    class_weight
        Weights of classes, which multiply those of the rows: a dictionary, 1 where it says nothing,
        or "balanced": N / (C N_c) for a class of N_c rows.
    kinds, encoder
        Kinds of columns by name, where the one that is told from the data is not the right one,
        and other options of `TableEncoder`, such as ``{"min_rows": 5}``.
    seed
        Decides all that is drawn: the same seed, table and parameters give the same predictions to
        the bit, on any number of threads, unless a time limit has cut the training.
    n_threads
        At most so many threads; None: those that are to spare, see `cnn_core.set_num_threads`.
    progress
        A bar for each training, as in `Trainer.fit`, and the notes.

    After `fit` there are ``classes_``, the labels in order; ``columns_``, a table of what was made
    of each column; ``validation_``, figures of the validation part, an `Evaluation`; ``history_``,
    the curves of the first training; ``notes_``, what was decided on the way and what more time
    would do; ``fit_seconds_``, ``n_rows_``, ``n_features_in_``, ``feature_names_in_``;
    ``encoder_``, the `TableEncoder`; ``recipe_``; ``fitted_``, the networks.

    Example
    -------
    >>> from cnn_core.tabular import TabularClassifier
    >>> rows = [{"size": i % 7, "kind": "abc"[i % 3], "good": i % 3 == 0} for i in range(90)]
    >>> model = TabularClassifier("mlp", options={"epochs": 30}).fit(rows, "good")
    >>> model.predict({"size": 3, "kind": "a"})
    array([ True])
    """

    _estimator_type = "classifier"

    def __init__(
        self, recipe: Any = "realmlp", *, options: Mapping[str, Any] | None = None,
        n_models: int = 1, validation_fraction: float = 0.2, calibrate: bool = True,
        class_weight: Any = None, kinds: Mapping[Any, str] | None = None,
        encoder: Mapping[str, Any] | None = None, seed: int = 0, n_threads: int | None = None,
        progress: bool | str = False,
    ) -> None:  # fmt: skip
        self.recipe, self.options, self.n_models = recipe, options, n_models
        self.validation_fraction, self.calibrate = validation_fraction, calibrate
        self.class_weight, self.kinds, self.encoder = class_weight, kinds, encoder
        self.seed, self.n_threads, self.progress = seed, n_threads, progress

    def _learned(self, y: Any, name: str) -> tuple[dict[str, Any], np.ndarray]:
        options.flag("fit", self.calibrate, option="calibrate")
        classes = Classes()
        codes = classes.fit_transform(y, name=name)
        n = len(classes.classes_)
        if n > MOST_NUMBERS and 2 * n > len(codes) and classes.classes_.dtype.kind == "f":
            raise DataError(f"fit: need classes in {name}; got {n} numbers that differ in "
                            f"{len(codes)} rows: TabularRegressor learns numbers")  # fmt: skip
        task = Task("classes", n)
        return {"target_": classes, "classes_": classes.classes_, "_task": task}, codes

    def _targets(self, y: Any, name: str, who: str, target: Classes) -> np.ndarray:
        return target.transform(y, name=name, who=who)

    def _scaled(self, y: np.ndarray, target: Classes) -> np.ndarray:
        return y

    def _class_weights(self, target: Classes) -> Callable[[np.ndarray], np.ndarray] | None:
        given = self.class_weight
        if given is None:
            return None
        if isinstance(given, Mapping):
            codes = target.transform(list(given), name="class_weight", who="fit")
            given = dict(zip(codes.tolist(), given.values(), strict=True))
        return partial(class_weights, given, who="fit: class_weight")

    def _settle(self) -> None:
        n, parts = len(self.fitted_), self._by_part() if self.calibrate else []
        self.temperatures_, self._scales, self._smoothing = [1.0] * n, [1.0] * n, 0.0
        if self.calibrate and not parts:
            self.notes_.append("probabilities are not calibrated: there is no validation part")
        smoothing = smoothing_of(self.recipe_)
        for outputs, part in parts:
            members = [z if z.ndim == 3 else z[:, None] for z in outputs]
            held = self.fitted_[part[0]]
            found, note = temperature_of(np.concatenate(members, 1), held.target, held.weight,
                                         smoothing)  # fmt: skip
            if note:  # then all are as the networks say
                self.temperatures_, self._scales = [1.0] * n, [1.0] * n
                self.notes_.append(note)
                return
            for i in part:
                self.temperatures_[i], self._scales[i] = found, 1 / found
        self._smoothing = smoothing if parts else 0.0

    def _state(self) -> tuple[Any, dict[str, Any]]:
        return self.target_.state_dict(), {
            "temperatures": self.temperatures_, "smoothing": self._smoothing}  # fmt: skip

    def _load_state(self, target: Any, content: Mapping[str, Any], made: dict[str, Any]) -> None:
        classes = Classes().load_state_dict(target)
        found = [options.number("temperatures", t, 0, open_at="low")
                 for _, t in zip(content["networks"], content["temperatures"], strict=True)]
        made |= {"target_": classes, "classes_": classes.classes_, "temperatures_": found,
                 "_scales": [1 / t for t in found],
                 "_smoothing": options.fraction("smoothing", content["smoothing"]),
                 "_task": Task("classes", len(classes.classes_))}  # fmt: skip

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, float64 (N, C), in the order of ``classes_``.

        It is the mean over networks and members of softmax(z / T), from which the label smoothing
        of training is taken away, with T the temperature at which the log-loss of the validation
        part is the least.  Without ``calibrate`` it is that of softmax(z).  See
        `cnn_core.tabular.calibration`.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> p = model.predict_proba([{"size": 0}, {"size": 6}])
        >>> p.shape, p.sum(axis=1), bool(p[0, 0] > 0.8), bool(p[1, 1] > 0.8)
        ((2, 2), array([1., 1.]), True, True)
        """
        return self._answer(X, "predict_proba")

    def predict_std(self, X: Any) -> np.ndarray:
        """Return the standard deviation of each probability over networks and members, (N, C).

        Raises `StateError` where there is only one network, without members.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 9}, n_models=2)
        >>> model.fit(rows, "good").predict_std({"size": 3}).shape
        (1, 2)
        """
        return np.concatenate([p.std(axis=1) for p in self._members(X, "predict_std")])

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row.

        Raises what `TableEncoder.transform` raises.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> model.predict([{"size": 0}, {"size": 6}])
        array([False,  True])
        """
        found = self._answer(X, "predict")
        return self.classes_[found.argmax(1)]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the share of rows whose class is right.

        ``y`` are targets or the name of a column of X; by default that of training.  Raises
        `LabelError` for a class that training had not, `ShapeError` for another number of targets.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> model.score(rows)
        1.0
        """
        table, codes, weight = self._scored(X, y, sample_weight)
        return figures.accuracy(codes, self.predict_proba(table), weight)

    def _evaluation(
        self, y: np.ndarray, found: np.ndarray, weight: Any, unseen: bool = False
    ) -> Evaluation:
        return of_classes(y, found, self.classes_, weight)
