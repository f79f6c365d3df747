"""Encoded rows with the columns of one raw column replaced: what importance and dependence ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core.errors import ShapeError
from cnn_core.tabular.encoding import Encoded, Encoding

if TYPE_CHECKING:
    from cnn_core.tabular.learner import TabularLearner

BLOCK_BYTES, FEWEST_ROWS = 1 << 25, 1024
"""What the rows may take that are predicted at once, and how many they are at least."""

Places = tuple[list[int], list[int]]
"""Columns of the numbers, and of the codes."""


class Known(NamedTuple):
    """Encoded rows and what is true of them: numbers of classes, or numbers; weights."""

    encoded: Encoded
    y: np.ndarray
    weight: np.ndarray | None


def known(model: TabularLearner, X: Any, y: Any, sample_weight: Any, who: str) -> Known:
    """Return a table encoded, with its targets and the weights of its rows."""
    table, found, weight = model._scored(X, y, sample_weight, who)
    if not table.n_rows:
        raise ShapeError(f"{who}: need one row or more; got a table without rows")
    return Known(model._encoded(table, who), found, weight)


def point(model: TabularLearner, out: np.ndarray) -> np.ndarray:
    """Return what a score looks at: probabilities, or the numbers that `predict` returns."""
    return out if model._task.kind == "classes" else model._middle(out)


def places(encoding: Encoding) -> dict[Any, Places]:
    """Return what is made of each column of the raw table; of one left out, nothing."""
    real: dict[Any, list[int]] = {name: [] for name in encoding.names}
    flags: dict[Any, list[int]] = {name: [] for name in encoding.names}
    codes: dict[Any, list[int]] = {name: [] for name in encoding.names}
    r, f, c = 0, encoding.n_real, 0
    for step in encoding.steps:
        real[step.name] += range(r, r + step.n_real)
        flags[step.name] += range(f, f + step.n_flags)
        codes[step.name] += range(c, c + step.n_codes)
        r, f, c = r + step.n_real, f + step.n_flags, c + step.n_codes
    return {name: (real[name] + flags[name], codes[name]) for name in encoding.names}


def rows_at_once(encoded: Encoded) -> int:
    """Return how many rows may be predicted at once."""
    width = sum(4 * array.shape[1] for array in encoded)
    return max(FEWEST_ROWS, BLOCK_BYTES // width)


def swept(
    predicted: Callable[[Encoded], np.ndarray], encoded: Encoded, before: np.ndarray, at: Places,
    values: Callable[[slice], Sequence[np.ndarray]], n: int,
) -> np.ndarray:  # fmt: skip
    """Return predictions (n, N, ...) of ``n`` copies of all rows with other values in ``at``.

    ``values`` returns, for some rows, these numbers and codes: (n, rows or 1, columns) each.
    Rows that stay as they are have what is predicted ``before``: in a column of mostly one value
    nearly all do.
    """
    made = np.repeat(before[None], n, axis=0)
    step = max(1, rows_at_once(encoded) // n)
    for begin in range(0, len(before), step):
        part = slice(begin, begin + step)
        rows, new = [array[part] for array in encoded], values(part)
        changed = np.zeros((n, len(rows[0])), bool)
        for array, columns, value in zip(rows, at, new, strict=True):
            changed |= (array[:, columns] != value).any(axis=2)
        copy, row = np.nonzero(changed)
        if not len(row):
            continue
        block = [array[row] for array in rows]
        for array, columns, value in zip(block, at, new, strict=True):
            array[:, columns] = value[copy, row if value.shape[1] > 1 else 0]
        made[copy, row + begin] = predicted(Encoded(*block))
    return made
