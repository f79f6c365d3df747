"""The rows that are held back from training, to choose the best epoch by."""

from __future__ import annotations

import numpy as np

FEWEST = 10
"""A validation part of fewer rows says nothing, and there is none."""


def held_back(n: int, fraction: float, seed: int, codes: np.ndarray | None = None) -> np.ndarray:
    """Return the numbers of the rows that are held back, of ``n``, in order; none of a few.

    ``codes`` are classes, of which each has its share: N_c h / N of the h rows, rounded down, and
    the rows left over go to the classes with the largest remainders.  Of every class one row or
    more stays in training: one of a single row is not held back.  Where less than `FEWEST` rows
    would be held back, none is.

    >>> held_back(8, 0.5, 0).tolist(), len(held_back(100, 0.2, 0))
    ([], 20)
    """
    most = round(fraction * n)
    if most < FEWEST:
        return np.empty(0, np.int64)
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
