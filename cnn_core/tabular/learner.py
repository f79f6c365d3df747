"""`TabularLearner`: a raw table and its target in, predictions of raw rows out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, OptionError, ShapeError, UnknownOptionError
from cnn_core.naming import hint
from cnn_core.run.threads import MAX_THREADS
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.encoding import Encoded
from cnn_core.tabular.evaluation import Evaluation
from cnn_core.tabular.fitting import fit_one
from cnn_core.tabular.intervals import Held
from cnn_core.tabular.parts import held_back
from cnn_core.tabular.predicting import Predicting
from cnn_core.tabular.recipes import recipe_of
from cnn_core.tabular.recipes.recipe import Recipe, Rows
from cnn_core.tabular.table import Table, as_table
from cnn_core.train.progress import make_progress

MOST_MODELS = 1000
"""More networks than anybody waits for."""


class _Options(NamedTuple):
    """The parameters of a fit, looked through."""

    recipe: Recipe
    n_models: int
    fraction: float
    encoder: TableEncoder
    seed: int
    n_threads: int | None
    progress: bool | str
    time_limit: float | None


class TabularLearner(Predicting):
    """The base of `TabularClassifier` and `TabularRegressor`."""

    held_: Held | None
    """What the validation part was predicted to be: None where there is none."""
    validation_: Mapping[str, float]
    """Figures of the validation part: an `Evaluation`; empty without one."""

    recipe: Any
    options: Any
    n_models: int
    validation_fraction: float
    kinds: Any
    encoder: Any
    seed: int
    n_threads: int | None
    progress: bool | str

    # -- parameters, as scikit-learn asks for them -----------------------------------------

    @classmethod
    def _names(cls) -> list[str]:
        code = cls.__init__.__code__
        return list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Any:
        """Change parameters; raise `UnknownOptionError` for one that there is not."""
        known = self._names()
        for name in params:
            if name not in known:
                raise UnknownOptionError(f"set_params: need parameters among {', '.join(known)}; "
                                         f"got {name!r}{hint(name, known)}")  # fmt: skip
        vars(self).update(params)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return "fitted_" in vars(self)

    # -- what the classes say of targets ---------------------------------------------------

    def _learn_target(self, y: Any, name: str, made: dict[str, Any]) -> np.ndarray:
        """Note in ``made`` what is learned of the targets; return them as the network has them."""
        raise NotImplementedError

    def _encode_target(self, y: Any, name: str, made: Mapping[str, Any]) -> np.ndarray:
        raise NotImplementedError

    def _class_weights(self, y: np.ndarray) -> np.ndarray | None:
        return None

    # -- fit -------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any = None, *, sample_weight: Any = None, X_val: Any = None,
        y_val: Any = None, time_limit: float | None = None,
    ) -> Any:  # fmt: skip
        """Learn from a table ``X`` and targets ``y``: an array, or the name of a column of X."""
        begin, who = time.perf_counter(), "fit"
        o = self._checked(who, time_limit)
        table, y, target = _apart(X, y, who, "y")
        made: dict[str, Any] = {"target_name_": target, "n_rows_": table.n_rows, "notes_": []}
        target = "y" if target is None else f"column {target!r}"
        codes = self._learn_target(y, target, made)
        if len(codes) != table.n_rows:
            raise ShapeError(f"{who}: need as many targets as rows; got {len(codes)} for "
                             f"{table.n_rows}")  # fmt: skip
        weight = _weights(sample_weight, table.n_rows, who)
        encoded = o.encoder.fit(table).transform(table)
        whole = _rows(o.encoder, encoded, codes, weight)
        given = None
        if X_val is not None or y_val is not None:
            given = self._given(o.encoder, X_val, y_val, made)
        fitted = []
        for own in np.random.SeedSequence(o.seed).generate_state(o.n_models).tolist():
            held = np.empty(0, np.int64)
            if given is None:
                held = held_back(len(codes), o.fraction, own,
                                 codes if made["task"].kind == "classes" else None)  # fmt: skip
            training, validation = _divided(whole, held)
            training = training._replace(weight=self._training_weight(training))
            fitted.append(fit_one(
                o.recipe, training, given or validation, made["task"], seed=own, held_rows=held,
                n_threads=o.n_threads, progress=o.progress))  # fmt: skip
        self._take(made, recipe=o.recipe, encoder=o.encoder, fitted=fitted)
        self._settle()
        self.validation_ = {}
        if self.held_ is not None:
            found, y, weight = self.held_
            self.validation_ = self._evaluation(y, found, weight)
        self.fit_seconds_ = time.perf_counter() - begin
        return self

    def _settle(self) -> None:
        """Learn from the validation part what comes after the networks; set ``held_``."""
        raise NotImplementedError

    def _take(self, made: dict[str, Any], *, recipe: Any, encoder: Any, fitted: Any) -> None:
        first = fitted[0]
        vars(self).update({
            **{name: value for name, value in made.items() if name != "task"},
            "_task": made["task"], "recipe_": recipe, "encoder_": encoder, "fitted_": fitted,
            "history_": first.history, "_way": None})  # fmt: skip

    def _training_weight(self, rows: Rows) -> np.ndarray | None:
        own = self._class_weights(rows.y)
        if own is None:
            return rows.weight
        own = own if rows.weight is None else own * rows.weight
        return (own / own.mean()).astype(np.float32)

    def _checked(self, who: str, time_limit: Any) -> _Options:
        """Return what the parameters say; raise `OptionError` where one cannot be."""
        threads, given = self.n_threads, {} if self.encoder is None else self.encoder
        if not isinstance(given, Mapping):
            raise options.refuse(who, "encoder, a dictionary of options of TableEncoder", given)
        if self.kinds is not None:
            given = {**given, "kinds": self.kinds}
        if time_limit is not None:
            time_limit = options.amount(who, time_limit, open_at="low", option="time_limit")
        make_progress(self.progress, 1, 1, silent=True)
        return _Options(
            recipe_of(self.recipe, self.options, who),
            options.whole(who, self.n_models, 1, MOST_MODELS, option="n_models"),
            options.fraction(who, self.validation_fraction, option="validation_fraction"),
            TableEncoder(**{options.name(who, k, option="an option of encoder"): v
                            for k, v in given.items()}),
            options.seed(who, self.seed),
            None if threads is None else
            options.whole(who, threads, 1, MAX_THREADS, option="n_threads"),
            self.progress, time_limit,
        )  # fmt: skip

    def _given(self, encoder: Any, X_val: Any, y_val: Any, made: Mapping[str, Any]) -> Rows:
        if X_val is None:
            raise OptionError("fit: need X_val beside y_val; got none")
        name = made["target_name_"]
        table, y, found = _apart(X_val, name if y_val is None else y_val, "fit: X_val", "y_val")
        if name is not None and name in table.names:
            table = table.without(name)
        y = self._encode_target(y, "y_val" if found is None else f"column {found!r}", made)
        if len(y) != table.n_rows:
            raise ShapeError(f"fit: need as many targets as rows in X_val; got {len(y)} for "
                             f"{table.n_rows}")  # fmt: skip
        return _rows(encoder, encoder.transform(table), y, None)

    # -- what was learned ------------------------------------------------------------------

    @property
    def columns_(self) -> Any:
        """A table of what was done with each column and why."""
        self._check("columns_", AttributeError)
        return self.encoder_.columns_

    @property
    def n_features_in_(self) -> int:
        """How many columns the table of training had, without the target."""
        self._check("n_features_in_", AttributeError)
        return self.encoder_.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Their names."""
        self._check("feature_names_in_", AttributeError)
        return self.encoder_.feature_names_in_

    def _scored(
        self, X: Any, y: Any, weight: Any, who: str = "score"
    ) -> tuple[Table, np.ndarray, Any]:
        """Return the table, the targets that predictions are compared with, and their weights."""
        self._check(who)
        y = self.target_name_ if y is None else y
        table, y, name = _apart(X, y, who, "y")
        if self.target_name_ is not None and self.target_name_ in table.names:
            table = table.without(self.target_name_)
        y = self._targets(y, "y" if name is None else f"column {name!r}")
        if len(y) != table.n_rows:
            raise ShapeError(f"{who}: need as many targets as rows; got {len(y)} for "
                             f"{table.n_rows}")  # fmt: skip
        return table, y, _weights(weight, len(y), who)

    def evaluate(self, X: Any, y: Any = None, sample_weight: Any = None) -> Evaluation:
        """Return how good predictions of a table are: see `cnn_core.tabular.evaluation`.

        ``y`` are targets or the name of a column of X; by default that of training.

        Raises what `score` raises.
        """
        table, y, weight = self._scored(X, y, sample_weight, "evaluate")
        found = self._predicted(self._encoded(table, "evaluate"))
        return self._evaluation(y, found, weight, unseen=True)

    def _evaluation(
        self, y: np.ndarray, found: np.ndarray, weight: Any, unseen: bool = False
    ) -> Evaluation:
        """Return how good predictions are; ``unseen``: of rows that are not the held back ones."""
        raise NotImplementedError

    def _targets(self, y: Any, name: str) -> np.ndarray:
        """Return targets as predictions are compared with them."""
        raise NotImplementedError


def _apart(X: Any, y: Any, who: str, name: str) -> tuple[Table, Any, Any]:
    """Return a table, its targets, and the name of their column if they were one of it."""
    table = as_table(X, who)
    if isinstance(y, str) or options.is_whole(y):
        return table.without(y, who), table.column(y, who), y
    if y is None:
        raise OptionError(f"{who}: need {name}, targets or the name of a column; got None")
    return table, y, None


def _rows(encoder: Any, encoded: Encoded, y: np.ndarray, weight: np.ndarray | None) -> Rows:
    sizes = encoder.code_sizes_
    begin = np.cumsum([0, *sizes[:-1]], dtype=np.int32) if sizes else np.empty(0, np.int32)
    return Rows(encoded.numbers, encoded.codes + begin, encoder.n_real_, sizes, y, weight)


def _divided(rows: Rows, held: np.ndarray) -> tuple[Rows, Rows | None]:
    if not len(held):
        return rows, None
    kept = np.ones(len(rows.y), bool)
    kept[held] = False

    def part(which: np.ndarray) -> Rows:
        weight = None if rows.weight is None else rows.weight[which]
        return rows._replace(numbers=rows.numbers[which], codes=rows.codes[which],
                             y=rows.y[which], weight=weight)  # fmt: skip

    return part(kept), part(held)


def _weights(given: Any, n: int, who: str) -> np.ndarray | None:
    if given is None:
        return None
    from cnn_core.arrays import as_numbers

    found = as_numbers(given, who=who, name="sample_weight").astype(np.float64)
    if found.shape != (n,):
        raise ShapeError(f"{who}: need sample_weight of shape ({n},); got {found.shape}")
    bad = ~(np.isfinite(found) & (found >= 0))
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{who}: need finite sample_weight >= 0; got {found[row]} in row {row}")
    if not found.any():
        raise DataError(f"{who}: need a sample_weight above 0; got zeros")
    return (found / found.mean()).astype(np.float32)
