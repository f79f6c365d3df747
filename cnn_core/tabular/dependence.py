"""Partial dependence: what is predicted on average where a column has this value or that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, OptionError
from cnn_core.naming import hint
from cnn_core.tabular.categories import FIRST, CategoryStep
from cnn_core.tabular.date_step import DateStep
from cnn_core.tabular.dates import NOTHING, dates_of
from cnn_core.tabular.encoding import Encoded, Encoding, Strays
from cnn_core.tabular.report import Columns
from cnn_core.tabular.steps import FlagStep, NumberStep, WordStep
from cnn_core.tabular.sweeps import places, rows_at_once, swept
from cnn_core.tabular.table import Column, Table, listed, tidy
from cnn_core.tabular.values import numbers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cnn_core.tabular.learner import TabularLearner

ENDS = (0.05, 0.95)
"""The quantiles of a column between which a grid lies, as in scikit-learn."""

MOST_VALUES = 100_000

LINES, CLASSES, LONGEST = 60, 6, 24
"""Lines of single rows in a picture, classes, and characters of a name."""


class Dependence(NamedTuple):
    """What is predicted where a column has the values of a grid.

    ``values`` are means (G,), or (G, C) of classes and quantiles; of single rows (N, G) or
    (N, G, C).
    """

    column: Any
    grid: np.ndarray | list[Any]
    values: np.ndarray


def partial_dependence(
    model: TabularLearner, X: Any, column: Any, grid: Any, kind: str
) -> Dependence:
    """See `TabularLearner.partial_dependence`."""
    who = "partial_dependence"
    model._check(who)
    options.choice(who, kind, ("average", "individual"), option="kind")
    table = model._table(X, who)
    return _dependence(model, table, model._encoded(table, who), column, grid, kind, who)


def _dependence(
    model: TabularLearner, table: Table, encoded: Encoded, column: Any, grid: Any, kind: str,
    who: str,
) -> Dependence:  # fmt: skip
    encoding = model.encoder_._fitted(who)
    column = int(column) if options.is_whole(column) else column
    if not table.n_rows:
        raise DataError(f"{who}: need one row or more; got a table without rows")
    part = _only(encoding, column, who)
    raw = table.columns[encoding.places(table.names, table.named, who)[column]]
    values = _grid(part, raw, grid, encoding.columns[column].kind, who)
    strays: Strays = {}
    made = part._fill({column: tidy(values, who, column)}, len(values), strays, 0)
    for step, stray in strays.items():
        raise DataError(f"{who}: need values of column {column!r} in grid; got "
                        f"{options.shown(stray.value)}, which is {step.otherwise}")  # fmt: skip
    at = places(encoding)[column]
    group = max(1, rows_at_once(encoded) // len(encoded.numbers))
    found, before = [], model._predicted(encoded)
    for first in range(0, len(values), group):
        chosen = [array[first : first + group, None] for array in made]
        out = swept(model._predicted, encoded, before, at, partial(_same, chosen),
                    len(chosen[0]))  # fmt: skip
        found.append(out.mean(axis=1) if kind == "average" else np.moveaxis(out, 1, 0))
    return Dependence(column, values, np.concatenate(found, axis=0 if kind == "average" else 1))


def _same(values: list[np.ndarray], part: slice) -> list[np.ndarray]:
    return values


def _only(encoding: Encoding, column: Any, who: str) -> Encoding:
    """Return the encoding of a single column."""
    def is_it(name: Any) -> bool:
        return type(name) is type(column) and name == column

    steps = [step for step in encoding.steps if is_it(step.name)]
    if steps:
        return Encoding([column], True, steps, Columns([]))
    if any(map(is_it, encoding.names)):
        raise DataError(f"{who}: need a column that the model looks at; got {column!r}, which was "
                        f"left out: {encoding.columns[column].note}")  # fmt: skip
    raise DataError(f"{who}: need a column among {listed(encoding.needed)}; got "
                    f"{options.shown(column)}{hint(column, map(str, encoding.needed))}")


# -- grids ----------------------------------------------------------------------------------


def _grid(
    part: Encoding, column: Column, grid: Any, kind: str, who: str
) -> np.ndarray | list[Any]:
    """Return the values that were given, or so many of a column."""
    if isinstance(grid, np.ndarray) and grid.ndim == 1 and len(grid):
        return grid
    if isinstance(grid, (list, tuple)) and grid:
        return list(grid)
    if not options.is_whole(grid):
        need = "a whole number, or a list of values of the column"
        raise options.refuse(who, need, grid, "grid")
    made = _made(part, column, options.whole(who, grid, 1, MOST_VALUES, option="grid"), kind)
    if not len(made):
        raise DataError(f"{who}: need grid, values of column {part.names[0]!r}: the table has none "
                        f"that it could be made of")  # fmt: skip
    return made


def _made(part: Encoding, column: Column, n: int, kind: str) -> np.ndarray | list[Any]:
    step = part.steps[0]
    gap = [None] if step.marked else []
    if isinstance(step, NumberStep):
        x, _ = numbers_of(column)
        return _between(x[np.isfinite(x)], n, kind == "discrete")
    if isinstance(step, DateStep):
        when, _ = dates_of(column, step.form)
        return _between(when[when != NOTHING], n).astype("M8[us]")
    if isinstance(step, FlagStep):
        return [False, True, *gap]
    if isinstance(step, WordStep):
        return [*step.words[:n], *gap]
    if isinstance(step, CategoryStep):
        counts = np.bincount(step.places(column), minlength=step.size)[FIRST:]
        most = np.sort(np.argsort(-counts, kind="stable")[:n])
        return [*(step.levels[i] for i in most), *gap]
    return []  # of a text that was left out only whether one is there is seen


def _between(x: np.ndarray, n: int, discrete: bool = False) -> np.ndarray:
    """Return all values there are, or ``n`` between two quantiles."""
    every = np.unique(x)
    if len(every) <= n:
        return every
    if discrete:
        return np.unique(np.quantile(every, np.linspace(0, 1, n), method="nearest"))
    found = np.linspace(*np.quantile(x, ENDS), n)
    return found if x.dtype.kind == "f" else np.unique(np.rint(found).astype(x.dtype))


# -- pictures -------------------------------------------------------------------------------


def draw_partial_dependence(
    model: TabularLearner, X: Any, columns: Any, path: str | os.PathLike[str] | None,
    ax: Axes | Sequence[Axes] | None, grid: int, label: Any, individual: bool,
) -> Figure:  # fmt: skip
    """See `TabularLearner.draw_partial_dependence`."""
    from cnn_core.train.history import _given_axes, new_axes

    who = "draw_partial_dependence"
    model._check(who)
    if isinstance(columns, str) or options.is_whole(columns):
        columns = [columns]
    columns = options.items(who, columns, "names of columns", "list")
    if not columns:
        raise OptionError(f"{who}: need a column to draw; got none")
    only = None if label is None else _place(model, label, who)
    table = model._table(X, who)
    encoded = model._encoded(table, who)
    found = [_dependence(model, table, encoded, c, grid, "average", who) for c in columns]
    single: list[Any] = [None] * len(columns)
    if options.flag(who, individual, option="individual"):
        some = np.unique(np.linspace(0, table.n_rows - 1, LINES).astype(int))
        few = Encoded(*(array[some] for array in encoded))
        single = [_dependence(model, table, few, d.column, d.grid, "individual", who)
                  for d in found]  # fmt: skip
    axes = _given_axes(ax) if ax is not None else new_axes(who, len(found), shown=path is None)
    if len(axes) != len(found):
        raise OptionError(f"{who}: need {len(found)} axes, one for each column; got {len(axes)}")
    lines = _lines(model, found[0].values, only)
    for axis, each, rows in zip(axes, found, single, strict=True):
        _draw(axis, each, rows, lines)
    low, high = zip(*(axis.get_ylim() for axis in axes), strict=True)
    for axis in axes:
        axis.set_ylim(min(low), max(high))
    axes[0].set_ylabel(_name_of_all(model, lines))
    if len(lines) > 1:
        axes[0].legend(frameon=False)
    figure = axes[0].figure
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _place(model: TabularLearner, label: Any, who: str) -> int:
    """Return the number of a class."""
    known = model.classes_.tolist() if model._task.kind == "classes" else []
    if label not in known:
        need = f"a class among {listed(known)}" if known else "no label, as there are no classes"
        raise OptionError(f"{who}: need label, {need}; got {options.shown(label)}")
    return known.index(label)


def _lines(model: TabularLearner, values: np.ndarray, only: int | None) -> dict[int, str]:
    """Return which outputs are drawn, and what they are called; nothing where there is one."""
    if model._task.kind == "mean":
        return {}
    if model._task.kind == "quantiles":
        return {i: f"quantile {q:g}" for i, q in enumerate(model._task.quantiles)}
    names = [str(label)[:LONGEST] for label in model.classes_]
    if only is None and len(names) > 2:
        likeliest = np.argsort(-values.mean(axis=0), kind="stable")[:CLASSES]
        return {int(i): names[i] for i in likeliest}
    only = 1 if only is None else only
    return {only: names[only]}


def _name_of_all(model: TabularLearner, lines: dict[int, str]) -> str:
    target = "" if model.target_name_ is None else str(model.target_name_)[:LONGEST]
    if model._task.kind != "classes":
        return target or "prediction"
    which = next(iter(lines.values())) if len(lines) == 1 else "each class"
    return f"probability of {target}{': ' if target else ''}{which}"


def _draw(axis: Axes, found: Dependence, rows: Dependence | None, lines: dict[int, str]) -> None:
    is_axis = isinstance(found.grid, np.ndarray) and found.grid.dtype.kind not in "OUSb"
    x = found.grid if is_axis else np.arange(len(found.grid))
    for i, name in lines.items() or [(None, None)]:
        at = (...,) if i is None else (..., i)
        (drawn,) = axis.plot(x, found.values[at], "-" if is_axis else "o", label=name, zorder=3)
        if rows is not None:
            axis.plot(x, rows.values[at].T, "-" if is_axis else "_", color=drawn.get_color(),
                      alpha=0.15, linewidth=0.8)  # fmt: skip
    if not is_axis:
        shown = ["missing" if v is None else str(v)[:LONGEST] for v in found.grid]
        axis.set_xticks(x, shown, rotation=0 if len(x) < 4 else 90,
                        fontsize="small" if len(x) > 20 else None)  # fmt: skip
    elif found.grid.dtype.kind == "M":
        axis.tick_params("x", rotation=30)
    axis.set_xlabel(str(found.column)[: 2 * LONGEST])
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
