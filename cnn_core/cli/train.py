"""``cnn-core train``: a model of a table, in one file."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any

from cnn_core.cli import tables

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

HELP = "learn a column of a CSV file from the others"
_TASKS = ("classification", "regression")


def declare(command: ArgumentParser) -> None:
    """Declare what the command takes."""
    tables.add_data(command, "the rows to learn from")
    add = command.add_argument
    add("--target", metavar="NAME", required=True, help="the column to predict")
    add("--out", metavar="FILE", required=True, help="where the model goes: model.safetensors")
    add("--task", choices=_TASKS, help="what the target is; by default told from it: texts, flags "
        "and whole numbers of up to 20 values with 4 rows each are classes, all else numbers")
    add("--time-limit", type=float, metavar="SECONDS", help="how long it may take; the table then "
        "says what more time would do")
    add("--recipe", help="realmlp, tabm or mlp; see docs/tabular.md", default=SUPPRESS)
    add("--option", action="append", default=[], metavar="KEY=VALUE",
        help="an option of the recipe, such as epochs=20; may be given again")
    add("--kind", action="append", default=[], metavar="COLUMN=KIND",
        help="what a column is, where the data say something else: number, discrete, boolean, "
             "category, date, text or identifier")
    add("--models", type=int, dest="n_models", default=SUPPRESS, metavar="N",
        help="networks whose predictions are averaged (1)")
    add("--quantiles", metavar="Q,Q,...", help="of numbers, in place of the mean: 0.05,0.5,0.95")
    add("--seed", type=int, default=SUPPRESS, help="the same seed, the same model (0)")
    add("--threads", type=int, dest="n_threads", default=SUPPRESS, metavar="N",
        help="how many at most; what is learned does not depend on it")
    add("--validation", metavar="OTHER.csv", help="rows to choose the best epoch by; by default a "
        "fifth of the data")
    add("--report", metavar="OUT.html", help="write a page about the model, too")
    add("--quiet", action="store_true", help="print nothing but what goes wrong")


def run(given: Namespace) -> int:
    """Train, save, and print a table of how good the model is."""
    others = [given.data, *filter(None, [given.validation])]
    tables.check_writable(given.out, *others)
    tables.check_writable(given.report, given.out, *others)
    with tables.source(given.data) as path:
        made, told = _trained(given, path)
    made.save(given.out)
    if given.report is not None:
        made.report(given.report)
    if not given.quiet:
        _print(made, given, told)
    return 0


def _trained(given: Namespace, path: str) -> tuple[Any, str]:
    """Return the model, and what its task is and why."""
    from cnn_core.tabular import read_table
    from cnn_core.tabular.kinds import Profile, task_of

    how = tables.reading(given)
    table = read_table(path, **how, names=[given.target], who="train")
    y = table.column(given.target, f"train: {given.data}")
    task, why = (given.task, "as --task says") if given.task else (
        task_of(Profile(given.target, y)))  # fmt: skip
    told = f"{task} ({why})"
    made = _learner(given, task)
    if not given.quiet:
        print(f"{given.target}: {told}", file=sys.stderr)
    held: dict[str, Any] = {}
    if given.validation is not None:
        others = read_table(given.validation, **how, names=table.names, who="train")
        held = {"X_val": others.without(given.target, f"train: {given.validation}"),
                "y_val": others.column(given.target)}  # fmt: skip
    with tables.located(path, given, y_val=given.validation), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fit: interrupted")  # of what is thrown away below
        made.fit(table, given.target, time_limit=given.time_limit, **held)
    if any(each.history.interrupted for each in made.fitted_):
        raise KeyboardInterrupt
    return made, told


def _learner(given: Namespace, task: str) -> Any:
    from cnn_core.errors import OptionError
    from cnn_core.tabular import TabularClassifier, TabularRegressor

    params = {name: getattr(given, name) for name in ("recipe", "n_models", "seed", "n_threads")
              if hasattr(given, name)}  # fmt: skip
    if given.option:
        params["options"] = {k: _value(v) for k, v in map(_pair, given.option)}
    if given.kind:
        params["kinds"] = dict(map(_pair, given.kind))
    params["progress"] = not given.quiet
    if task == _TASKS[0]:
        if given.quantiles:
            raise OptionError("--quantiles: need numbers to predict; got a target of classes")
        return TabularClassifier(**params)
    if given.quantiles:
        params["quantiles"] = [_value(q) for q in given.quantiles.split(",")]
    return TabularRegressor(**params)


def _pair(text: str) -> tuple[str, str]:
    """Return the two sides of the last equals sign: a column's name may have others."""
    key, equals, value = text.rpartition("=")
    if not equals:
        from cnn_core.errors import OptionError

        raise OptionError(f"need NAME=VALUE; got {text!r}")
    return key, value


def _value(text: str) -> Any:
    """Return a value as Python writes it, or true, false, null; all else is a text.

    >>> _value("1e-3"), _value("(64, 64)"), _value("true"), _value("mish")
    (0.001, (64, 64), True, 'mish')
    """
    from ast import literal_eval

    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {"true": True, "false": False, "null": None}.get(text, text)




def _print(made: Any, given: Namespace, task: str) -> None:
    """Print what came in, what was done, and how good it is; notes were printed by `fit`."""
    first = made.fitted_[0]
    used = sum(bool(report.became) for report in made.columns_)
    held = len(first.validation_rows)
    pairs = {
        "rows": f"{made.n_rows_:,}{f', {held:,} of them held back' if held else ''}",
        "columns": f"{len(made.columns_)}, {used} of them used (cnn-core show {given.out})",
        "target": f"{given.target}: {task}",
        "recipe": f"{made.recipe_.name}{f', {n} networks' if (n := made.n_models) > 1 else ''}",
        "epochs": f"{first.history.epochs}, the best is {first.best_epoch}",
        "seconds": f"{made.fit_seconds_:.1f}",
    }  # fmt: skip
    tables.print_pairs(pairs)
    if made.validation_:
        print(f"\nvalidation:\n{made.validation_}")
    print(f"\n{given.out}: {os.path.getsize(given.out) / 1024:,.0f} KiB")
