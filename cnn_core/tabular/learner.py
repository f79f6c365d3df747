"""`TabularLearner`: a raw table and its target in, predictions of raw rows out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, OptionError, ShapeError, UnknownOptionError
from cnn_core.naming import hint
from cnn_core.run.threads import MAX_THREADS
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.evaluation import Evaluation
from cnn_core.tabular.fitting import Settings, fit_all
from cnn_core.tabular.intervals import Held
from cnn_core.tabular.parts import apart, checked_weights, few_enough, rows_of, some_rows
from cnn_core.tabular.predicting import Predicting
from cnn_core.tabular.recipes import recipe_of
from cnn_core.tabular.recipes.recipe import Rows
from cnn_core.tabular.table import Table
from cnn_core.tabular.understanding import Understanding
from cnn_core.train.progress import make_progress

MOST_MODELS = 1000
"""More networks than anybody waits for."""


class TabularLearner(Understanding, Predicting):
    """The base of `TabularClassifier` and `TabularRegressor`."""

    held_: Held | None
    """What the validation part was predicted to be: None where there is none."""
    validation_: Mapping[str, float]
    """Figures of the validation part: an `Evaluation`; empty without one."""

    _estimator_type: str
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

    def __sklearn_tags__(self) -> Any:
        from sklearn import utils  # which has asked

        kind = self._estimator_type
        tags = utils.Tags(
            estimator_type=kind, target_tags=utils.TargetTags(required=True),
            input_tags=utils.InputTags(categorical=True, string=True, allow_nan=True),
        )  # fmt: skip
        tags.classifier_tags = utils.ClassifierTags() if kind == "classifier" else None
        tags.regressor_tags = utils.RegressorTags() if kind == "regressor" else None
        return tags

    # -- what the classes say of targets ---------------------------------------------------

    def _learned(self, y: Any, name: str) -> tuple[dict[str, Any], np.ndarray]:
        """Return what is learned of the targets of training, and them as `_targets` does."""
        raise NotImplementedError

    def _of_used(self, y: np.ndarray) -> dict[str, Any]:
        """Return what is learned of the targets of those rows that are used, of not all."""
        return {}

    def _targets(self, y: Any, name: str, who: str, target: Any) -> np.ndarray:
        """Return targets (N,) as predictions are compared with them: classes by number, or numbers;
        ``target`` is what was learned of those of training."""
        raise NotImplementedError

    def _scaled(self, y: np.ndarray, target: Any) -> np.ndarray:
        """Return what `_targets` has returned as networks are trained with."""
        raise NotImplementedError

    def _class_weights(self, target: Any) -> Callable[[np.ndarray], np.ndarray] | None:
        return None

    # -- fit -------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any = None, *, sample_weight: Any = None, X_val: Any = None,
        y_val: Any = None, time_limit: float | None = None,
    ) -> Any:  # fmt: skip
        """Learn from a table; return the learner.

        Parameters
        ----------
        X
            A frame of pandas, Polars or Arrow, an array (N, columns), a dictionary of columns, rows
            as dictionaries, or the path of a CSV file.
        y
            Targets (N,), or the name of the column of X that has them; its place where columns have
            no names.
        sample_weight
            How much each row counts, (N,), no less than 0; those of 0 are left out.
        X_val, y_val
            Rows to choose the best epoch by; without them a share of X is held back, see
            ``validation_fraction``.  If y is a name, y_val is that column of X_val.
        time_limit
            Seconds that all of this may take; None: as long as the recipe takes.  The pace is
            measured, and the schedule of the rates shortened to end in time, so that results depend
            on it; where the time is enough, they are those without a limit, to the bit.  Of tables
            that take too long to encode, rows are drawn.  ``notes_`` says what was cut, and how
            much time would be enough.

        Nothing changes where it raises.  Ctrl-C keeps the best epoch so far, with a warning, once
        there is one.

        Raises `DataError`, `ShapeError`, `DtypeError` and `LabelError` for tables and targets,
        `OptionError` for parameters, which are looked at here.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> model.classes_, model.n_rows_, model.columns_["size"].kind
        (array([False,  True]), 90, 'discrete')
        """
        who, o = "fit", self._checked("fit", time_limit)
        table, y, column = apart(X, y, who, "y")
        learned, y = self._learned(y, "y" if column is None else f"column {column!r}")
        _check_lengths(who, y, table)
        weight = checked_weights(sample_weight, table.n_rows, who)
        used = few_enough(table, weight, o)
        if used.rows is not None:
            table, y = some_rows(table, used.rows), y[used.rows]
            weight = None if weight is None else weight[used.rows]
            learned |= self._of_used(y)
        encoded = o.encoder.fit(table)._fitted("fit").table(table, "fit")
        target = learned["target_"]
        given = self._given(o, X_val, y_val, column, target)
        rows = rows_of(o.encoder, encoded, self._scaled(y, target), y, weight)
        fits = fit_all(o, rows, given, learned["_task"], used, self._class_weights(target))
        self._take({**learned, "target_name_": column, "n_rows_": len(y), "recipe_": o.recipe,
                    "encoder_": o.encoder, "fitted_": fits.fitted, "notes_": fits.notes,
                    "history_": fits.fitted[0].history})  # fmt: skip
        self.fit_seconds_ = time.perf_counter() - o.begin
        if o.progress and self.notes_:
            print("\n".join(self.notes_), file=sys.stderr)
        return self

    def _take(self, made: dict[str, Any]) -> None:
        """Become what was learned."""
        now = vars(self)
        before = now.copy()
        try:
            now.update({**made, "_way": None})
            self._settle()
            self._set_held(self._held())
        except BaseException:  # Ctrl-C may come here too
            now.clear()
            now.update(before)
            raise

    def _settle(self) -> None:
        """Learn from the validation part what comes after the networks."""
        raise NotImplementedError

    def _set_held(self, held: Held | None) -> None:
        self.held_, self.validation_ = held, {}
        if held is not None:
            self.validation_ = self._evaluation(held.target, held.predicted, held.weight)

    def _checked(self, who: str, time_limit: Any) -> Settings:
        """Return what the parameters say; raise `OptionError` where one cannot be."""
        begin = time.perf_counter()
        threads, given = self.n_threads, {} if self.encoder is None else self.encoder
        if not isinstance(given, Mapping):
            raise options.refuse(who, "encoder, a dictionary of options of TableEncoder", given)
        if self.kinds is not None:
            given = {**given, "kinds": self.kinds}
        if time_limit is not None:
            time_limit = options.amount(who, time_limit, open_at="low", option="time_limit")
        make_progress(self.progress, 1, 1, silent=True)
        return Settings(
            recipe_of(self.recipe, self.options, who),
            options.whole(who, self.n_models, 1, MOST_MODELS, option="n_models"),
            options.fraction(who, self.validation_fraction, option="validation_fraction"),
            TableEncoder(**{options.name(who, k, option="an option of encoder"): v
                            for k, v in given.items()}),
            options.seed(who, self.seed, "seed"),
            None if threads is None else
            options.whole(who, threads, 1, MAX_THREADS, option="n_threads"),
            self.progress, time_limit, begin,
        )  # fmt: skip

    def _given(
        self, o: Settings, X: Any, y: Any, column: Any, target: Any
    ) -> Rows | None:
        """Return the rows that are given for validation; None: there are none."""
        if X is None and y is None:
            return None
        if X is None:
            raise OptionError("fit: need X_val beside y_val; got none")
        table, y, name = apart(X, column if y is None else y, "fit: X_val", "y_val", column,
                               o.encoder)  # fmt: skip
        y = self._targets(y, "y_val" if name is None else f"column {name!r}", "fit: X_val", target)
        _check_lengths("fit: X_val", y, table)
        rows = few_enough(table, None, o).rows
        if rows is not None:
            table, y = some_rows(table, rows), y[rows]
        encoded = o.encoder._fitted("fit").table(table, "fit: X_val")
        return rows_of(o.encoder, encoded, self._scaled(y, target), y)

    # -- files -----------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that was learned to one file, which `cnn_core.load` reads.

        What is loaded predicts the same bits, in any process, of one row as of many: encoder,
        networks, classes, temperatures, what intervals are made of, history, figures and notes
        are in it, and no row of the table.  The file is safetensors and JSON, replaced as a whole.

        Raises `OptionError` for what a file cannot hold, such as a recipe of your own, and
        `OSError` where writing fails.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> model.save("good.safetensors")
        >>> loaded = cnn.load("good.safetensors")
        >>> bool((loaded.predict_proba(rows) == model.predict_proba(rows)).all())
        True
        """
        from cnn_core.tabular.saved import save  # not needed to train

        save(self, path)

    def _state(self) -> tuple[Any, dict[str, Any]]:
        """Return as JSON what was learned of targets, and from the validation part."""
        raise NotImplementedError

    def _load_state(self, target: Any, content: Mapping[str, Any], made: dict[str, Any]) -> None:
        """Note in ``made`` what `_state` made this of; raise whatever is wrong with it."""
        raise NotImplementedError

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
        own = self.target_name_
        table, y, name = apart(X, own if y is None else y, who, "y", own, self.encoder_)
        name = "y" if name is None else f"column {name!r}"
        y = self._targets(y, name, who, self.target_)
        _check_lengths(who, y, table)
        return table, y, checked_weights(weight, len(y), who)

    def evaluate(self, X: Any, y: Any = None, sample_weight: Any = None) -> Evaluation:
        """Return how good predictions of a table are: see `cnn_core.tabular.evaluation`.

        ``y`` are targets or the name of a column of X; by default that of training.

        Raises what `score` raises.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> found = model.evaluate(rows)
        >>> list(found), found["accuracy"], round(found.trivial["accuracy"], 3)
        (['accuracy', 'auc', 'log_loss', 'brier', 'calibration_error'], 1.0, 0.578)
        """
        table, y, weight = self._scored(X, y, sample_weight, "evaluate")
        found = self._predicted(self._encoded(table, "evaluate"))
        return self._evaluation(y, found, weight, unseen=True)

    def _evaluation(
        self, y: np.ndarray, found: np.ndarray, weight: Any, unseen: bool = False
    ) -> Evaluation:
        """Return how good predictions are; ``unseen``: of rows that are not the held back ones."""
        raise NotImplementedError


def _check_lengths(who: str, y: np.ndarray, table: Table) -> None:
    if not table.n_rows:
        raise DataError(f"{who}: need one row or more; got a table without rows")
    if len(y) != table.n_rows:
        raise ShapeError(f"{who}: need as many targets as rows; got {len(y)} for {table.n_rows}")
