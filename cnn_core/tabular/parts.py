"""Parts of a table: its target, the rows that are held back from training, and those that count.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers
from cnn_core.errors import CnnCoreError, DataError, OptionError, ShapeError
from cnn_core.tabular.csv_files import read_table
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.encoding import Encoded
from cnn_core.tabular.recipes.recipe import Rows, first_places
from cnn_core.tabular.table import Table, as_table

if TYPE_CHECKING:
    from cnn_core.tabular.fitting import Settings

FEWEST = 10
"""A validation part of fewer rows says nothing, and there is none."""

NO_ROWS = np.empty(0, np.int64)


def held_back(n: int, fraction: float, seed: int, codes: np.ndarray | None = None) -> np.ndarray:
    """Return the numbers of the rows that are held back, of ``n``, in order; none of a few.

    ``codes`` are classes, of which each has its share: N_c h / N of the h rows, rounded down, and
    the rows left over go to the classes with the largest remainders.  One row or more, and of every
    class, stays in training: a class of a single row is not held back.  Where less than `FEWEST`
    rows would be held back, none is.

    >>> held_back(8, 0.5, 0).tolist(), len(held_back(100, 0.2, 0))
    ([], 20)
    """
    most = min(round(fraction * n), n - 1)
    if most < FEWEST:
        return NO_ROWS
    rng = np.random.default_rng(seed)
    if codes is None:
        return np.sort(rng.permutation(n)[:most])
    counts = np.bincount(codes)
    share, remainder = np.divmod(counts * most, n)
    share[np.lexsort((rng.permutation(len(counts)), -remainder))[: most - share.sum()]] += 1
    share = np.minimum(share, np.maximum(counts - 1, 0))
    order = rng.permutation(n)
    order = order[np.argsort(codes[order], kind="stable")]  # class by class, at random in each
    begin = np.cumsum(counts) - counts
    place = np.arange(n) - np.repeat(begin, counts)
    held = np.sort(order[place < np.repeat(share, counts)])
    return held if len(held) >= FEWEST else held[:0]


def divided(rows: Rows, held: np.ndarray) -> tuple[Rows, Rows | None]:
    """Return the rows without those that are held back, and these; None where there are none."""
    if not len(held):
        return rows, None
    kept = np.ones(len(rows.y), bool)
    kept[held] = False
    return picked(rows, kept), picked(rows, held)


def picked(rows: Rows, which: np.ndarray) -> Rows:
    """Return some of the rows."""
    return rows._replace(
        numbers=rows.numbers[which], codes=rows.codes[which], y=rows.y[which],
        weight=None if rows.weight is None else rows.weight[which],
        target=None if rows.target is None else rows.target[which])  # fmt: skip


def reweighted(rows: Rows, weight: np.ndarray) -> Rows:
    """Return rows whose weights are multiplied by others."""
    weight = weight if rows.weight is None else weight * rows.weight
    return rows._replace(weight=(weight / weight.mean()).astype(np.float32))


def rows_of(
    encoder: TableEncoder, encoded: Encoded, y: np.ndarray, target: np.ndarray,
    weight: np.ndarray | None = None,
) -> Rows:  # fmt: skip
    """Return encoded rows, their targets as networks take them, and as they are."""
    sizes = encoder.code_sizes_
    return Rows(encoded.numbers, encoded.codes + first_places(sizes), encoder.n_real_, sizes, y,
                weight, target)  # fmt: skip


def apart(
    X: Any, y: Any, who: str, name: str, target: Any = None, encoder: TableEncoder | None = None
) -> tuple[Table, Any, Any]:  # fmt: skip
    """Return a table, its targets, and the name of their column if they were one of it.

    The column ``target``, of the table that ``encoder`` has learned from, is left out too.
    """
    found = None
    table = table_of(X, who, encoder, y if isinstance(y, str) else target)
    if isinstance(y, str) or options.is_whole(y):
        if not (table.named or isinstance(y, str)) and -len(table.names) <= y < len(table.names):
            y = table.names[y]  # the place of a column without a name
        found = y
        table, y = table.without(y, who), table.column(y, who)
    elif y is None:
        raise OptionError(f"{who}: need {name}, targets or the name of a column; got None")
    if encoder is not None:
        table = without_target(table, target, encoder)
    if not table.names:
        got = "none" if found is None else "the target alone"
        raise DataError(f"{who}: need a column to learn from; got {got}")
    return table, y, found


def table_of(X: Any, who: str, encoder: TableEncoder | None, target: Any) -> Table:
    """Return a table; the header of a file is known by the names of training and of the target."""
    if not isinstance(X, (str, os.PathLike)):
        return as_table(X, who)
    encoding = None if encoder is None else encoder._encoding
    names = [] if encoding is None or not encoding.named else encoding.names
    return read_table(X, names=[*names, target] if isinstance(target, str) else names, who=who)


def without_target(table: Table, target: Any, encoder: TableEncoder) -> Table:
    """Return a table without the target of training; where columns have no names, it is there if
    there are more of them than the network reads."""
    if target not in table.names or not (
        table.named or len(table.names) > encoder.n_features_in_
    ):
        return table
    return table.without(target)


QUICK = 2_000_000
"""Values of a table that are encoded within a second, whatever the limit."""

SAMPLE_ROWS, SAMPLE_COLUMNS = 20_000, 100
"""At most so many are encoded to see how long all of a larger table takes: up to a tenth of it."""

SHARE = 0.25
"""Of the time, which the encoding may take."""


class Used(NamedTuple):
    """The rows of a table that are used."""

    rows: np.ndarray | None
    """Their numbers, in order; None: all of them."""
    times: float = 1.0
    """How many times as many would have been."""


def few_enough(table: Table, weight: np.ndarray | None, o: Settings) -> Used:
    """Return the rows that are used: not those of weight 0, and of those that cannot be encoded in
    time some that are drawn.
    """
    counted = None if weight is None or weight.all() else np.flatnonzero(weight)
    n, columns = table.n_rows if counted is None else len(counted), len(table.names)
    if o.time_limit is None or n * columns < QUICK:
        return Used(counted)
    rng = np.random.default_rng(o.seed)
    rows, start = rng.permutation(n if counted is None else counted), time.perf_counter()
    width = min(columns, SAMPLE_COLUMNS)
    k = min(n, SAMPLE_ROWS, n * columns // (10 * width))
    at = rng.permutation(columns)[:width].tolist()
    some = Table([table.names[i] for i in at], [table.columns[i] for i in at], named=table.named)
    with suppress(CnnCoreError):  # of these, perhaps not of all
        TableEncoder().fit_transform(some_rows(some, rows[:k]))
    now = time.perf_counter()
    left = SHARE * (o.begin + o.time_limit - now)
    most = max(k, int(left / (now - start) * k * width / columns))
    if most >= n:
        return Used(counted)
    return Used(np.sort(rows[:most]), n / most)


def some_rows(table: Table, which: np.ndarray) -> Table:
    """Return a table of some of the rows."""
    at = which.tolist()
    columns = [column[which] if isinstance(column, np.ndarray) else [column[i] for i in at]
               for column in table.columns]  # fmt: skip
    return Table(table.names, columns, named=table.named, source=table.source)


def checked_weights(given: Any, n: int, who: str) -> np.ndarray | None:
    """Return weights of ``n`` rows, float64; those above 0 have a mean of 1.  None as it is."""
    if given is None:
        return None
    found = as_numbers(given, who=who, name="sample_weight").astype(np.float64)
    if found.shape != (n,):
        raise ShapeError(f"{who}: need sample_weight of shape ({n},); got {found.shape}")
    bad = ~(np.isfinite(found) & (found >= 0))
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{who}: need finite sample_weight >= 0; got {found[row]} in row {row}")
    if not found.any():
        raise DataError(f"{who}: need a sample_weight above 0; got zeros")
    found /= found.max()
    return found / found[found > 0].mean()
