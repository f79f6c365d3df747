"""Permutation importance: what the score loses where a column says nothing any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, OptionError
from cnn_core.naming import hint
from cnn_core.tabular import figures
from cnn_core.tabular.encoding import Encoded, Encoding
from cnn_core.tabular.sweeps import Known, Places, known, places, point, rows_at_once, swept
from cnn_core.tabular.table import listed

if TYPE_CHECKING:
    from cnn_core.tabular.learner import TabularLearner

ERRORS = ("log_loss", "brier", "calibration_error", "rmse", "mae")
"""The figures of `cnn_core.tabular.figures` that are better if they are smaller."""

MOST_REPEATS = 10_000


class Scored(NamedTuple):
    """A metric: its name, what makes a number of predictions, and -1 where less is better."""

    name: str
    score: Callable[[np.ndarray], float]
    sign: float


class Importance(NamedTuple):
    """One column: the mean and the standard deviation of what the score loses."""

    name: Any
    mean: float
    std: float


class Importances:
    """The importances of all columns, the largest first; printed as a table.

    ``found["age"]`` is one of them, ``found.to_dict()`` lists by heading, for a data frame.
    ``metric`` says which score it is, ``score`` what it is of the table as it stands, ``drops``
    what every repeat has found, (columns, repeats) in the order of the table's columns.
    """

    def __init__(self, metric: str, score: float, names: Iterable[Any], drops: np.ndarray) -> None:
        self.metric, self.score, self.drops = metric, score, drops
        each = [Importance(name, float(line.mean()), float(line.std()))
                for name, line in zip(names, drops, strict=True)]  # fmt: skip
        self._found = sorted(each, key=lambda found: -found.mean)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Importance]:
        return iter(self._found)

    def __getitem__(self, name: Any) -> Importance:
        for found in self._found:
            if found.name == name and type(found.name) is type(name):
                return found
        known = [found.name for found in self._found]
        raise DataError(f"importances: need a column among {listed(known)}; got "
                        f"{options.shown(name)}{hint(name, map(str, known))}")  # fmt: skip

    def to_dict(self) -> dict[str, list[Any]]:
        """Return lists by heading."""
        return {field: [getattr(found, field) for found in self._found]
                for field in Importance._fields}  # fmt: skip

    def __repr__(self) -> str:
        lines, head = self._rows(), self._head()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join([head, *("  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))) for line in lines)])


    def _repr_html_(self) -> str:
        from cnn_core import notebook  # seldom asked for

        head, *rows = self._rows()
        return notebook.shown("Importances", self._head(), notebook.table(head, rows, numbers=2))

    def _head(self) -> str:
        return f"what {self.metric} ({self.score:.4g}) loses where a column is permuted"

    def _rows(self) -> list[tuple[str, str, str]]:
        return [("column", "mean", "std"), *((_cut(str(name)), f"{mean:.4g}", f"{std:.2g}")
                                             for name, mean, std in self._found)]  # fmt: skip


def _cut(name: str, most: int = 40) -> str:
    return name if len(name) <= most else f"{name[: most - 3]}..."


def permutation_importance(
    model: TabularLearner, X: Any, y: Any, n_repeats: int, seed: int, metric: Any,
    sample_weight: Any,
) -> Importances:  # fmt: skip
    """See `TabularLearner.permutation_importance`."""
    who = "permutation_importance"
    n_repeats = options.whole(who, n_repeats, 1, MOST_REPEATS, option="n_repeats")
    seed = options.seed(who, seed)
    rows = known(model, X, y, sample_weight, who)
    return importances(model._predicted, model.encoder_._fitted(who), rows.encoded,
                       scorer(model, metric, rows, who), n_repeats, seed)  # fmt: skip


def importances(
    predicted: Callable[[Encoded], np.ndarray], encoding: Encoding, encoded: Encoded,
    scored: Scored, n_repeats: int, seed: int,
) -> Importances:  # fmt: skip
    """Return how much a score of predictions falls, column by column."""
    n, score = len(encoded.numbers), scored.score
    base = predicted(encoded)
    before = score(base)
    drops = np.zeros((len(encoding.names), n_repeats))
    group = max(1, min(n_repeats, rows_at_once(encoded) // n))
    for first in range(0, n_repeats, group):
        repeats = range(first, min(first + group, n_repeats))
        orders = np.stack([permutation(n, seed, repeat) for repeat in repeats])
        for i, at in enumerate(places(encoding).values()):
            if any(at):
                found = swept(predicted, encoded, base, at,
                              partial(_moved, encoded, at, orders), len(orders))  # fmt: skip
                drops[i, first : first + group] = [scored.sign * (before - score(p))
                                                   for p in found]  # fmt: skip
    return Importances(scored.name, before, encoding.names, drops)


def permutation(n: int, seed: int, repeat: int) -> np.ndarray:
    """Return the order of rows of a repeat, which all columns have."""
    return np.random.default_rng([seed, repeat]).permutation(n)


def _moved(encoded: Encoded, at: Places, orders: np.ndarray, part: slice) -> list[np.ndarray]:
    return [array[orders[:, part, None], columns] if columns else
            np.empty((len(orders), 1, 0), array.dtype)
            for array, columns in zip(encoded, at, strict=True)]  # fmt: skip


def scorer(model: TabularLearner, metric: Any, rows: Known, who: str) -> Scored:
    """Return what ``metric`` says of predictions of these rows."""
    is_classes = model._task.kind == "classes"
    offered = {f.__name__: f for f in (figures.OF_CLASSES if is_classes else figures.OF_NUMBERS)}
    if metric is None:
        metric = "accuracy" if is_classes else "r2"
    if isinstance(metric, str) and metric in offered:
        of = offered[metric]
        return Scored(metric, lambda out: of(rows.y, point(model, out), rows.weight),
                      -1.0 if metric in ERRORS else 1.0)  # fmt: skip
    if not callable(metric):
        raise OptionError(f"{who}: need metric among {', '.join(offered)}, or a function (y, "
                          f"predictions) -> number; got {options.shown(metric)}"
                          f"{hint(metric, offered)}")  # fmt: skip
    more = {} if rows.weight is None else {"sample_weight": rows.weight}

    def labels(found: np.ndarray) -> np.ndarray:
        return model.classes_[found] if is_classes else found

    def score(out: np.ndarray) -> float:
        out = point(model, out)
        value = metric(labels(rows.y), labels(out.argmax(1) if is_classes else out), **more)
        if not options.is_number(value):
            raise OptionError(f"{who}: need a number from metric; got {options.shown(value)}")
        return float(value)

    worse = getattr(metric, "higher_is_better", None) is False
    return Scored(getattr(metric, "__name__", type(metric).__name__), score, -1.0 if worse else 1.0)
