"""Encoded rows that are drawn, for tests of recipes."""

from __future__ import annotations

import numpy as np

from cnn_core.tabular.recipes import Rows, Task


def drawn_rows(n: int, n_real: int, n_flags: int, sizes, task: Task, seed: int = 0) -> Rows:
    """Return rows of numbers, flags and codes of columns of ``sizes`` places, and targets."""
    rng = np.random.default_rng([seed, n])
    numbers = rng.standard_normal((n, n_real + n_flags)).astype(np.float32)
    numbers[:, n_real:] = numbers[:, n_real:] > 0
    begin = np.cumsum([0, *sizes[:-1]]) if sizes else 0
    codes = (rng.integers(0, sizes or 1, (n, len(sizes))) + begin).astype(np.int32)
    y = rng.standard_normal((n, 1)).astype(np.float32)
    if task.kind == "classes":
        y = rng.integers(0, task.n_outputs, n).astype(np.int32)
    return Rows(numbers, codes, n_real, list(sizes), y, None)
