"""Split arrays into a training and a test part."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_plain
from cnn_core.errors import OptionError, ShapeError


def train_test_split(
    *arrays: Any, test_size: float, seed: int, stratify: Any = None
) -> list[np.ndarray]:
    """Return ``[a_train, a_test, b_train, b_test, ...]``, rows in random order.

    Parameters
    ----------
    arrays
        Any number of arrays or tables, without masks, with the same number N of rows.  Row r of
        each stays together.
    test_size
        A fraction between 0 and 1, or a number of rows.  A fraction of N is rounded up, and
        counts as the decimal number that was written: 0.07 of 100 rows is 7 rows.
    seed
        The same seed gives the same split.
    stratify
        Labels (N,).  Each class then has its share of the test part: N_class * n_test / N,
        rounded down, and the rows left over go one each to the classes with the largest
        remainders, ties broken at random (as scikit-learn does).

    Returns
    -------
    Copies; a memory-mapped array is read into memory.

    Raises
    ------
    ShapeError
        No array, no rows, or arrays of different lengths.
    OptionError
        A part would be empty, a class of ``stratify`` has a single row, or a part has fewer
        rows than there are classes.

    Example
    -------
    >>> x, y = np.arange(20).reshape(10, 2), np.array([0, 1] * 5)
    >>> parts = cnn.data.train_test_split(x, y, test_size=0.4, seed=0, stratify=y)
    >>> x_train, x_test, y_train, y_test = parts
    >>> x_train.shape, sorted(y_test.tolist())
    ((6, 2), [0, 0, 1, 1])
    """
    who = "train_test_split"
    parts = [as_plain(a, who=who, name=f"array {i}") for i, a in enumerate(arrays)]
    n = _common_length(parts)
    labels = None if stratify is None else as_plain(stratify, who=who, name="stratify")
    train, test = split_rows(who, n, test_size, seed, labels, "test_size")
    return [part[index] for part in parts for index in (train, test)]


def split_rows(
    who: str, n: int, test_size: Any, seed: Any, labels: np.ndarray | None, option: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of ``n`` rows in two parts, as `train_test_split` takes them.

    ``option`` is what messages call the ``test_size``, if it is not ``who``.
    """
    n_test = _test_rows(who, test_size, n, option)
    rng = np.random.default_rng(options.seed(who, seed, "a seed"))
    if labels is None:
        order = rng.permutation(n)
        return order[n_test:], order[:n_test]
    test, train = _stratified(who, labels, n, n_test, rng)
    return train, test


def _common_length(parts: list[np.ndarray]) -> int:
    shapes = [part.shape for part in parts]
    if not parts or any(part.ndim == 0 for part in parts):
        raise ShapeError(
            f"train_test_split: need one or more arrays with rows; got shapes {shapes}"
        )
    if len({len(part) for part in parts}) > 1:
        raise ShapeError(f"train_test_split: need the same number of rows; got shapes {shapes}")
    return len(parts[0])


def _test_rows(who: str, test_size: Any, n: int, option: str) -> int:
    whole = options.is_whole(test_size)
    if whole and 0 < test_size < n:
        return int(test_size)
    if options.is_number(test_size) and 0 < test_size < 1:
        from fractions import Fraction  # with decimal, a millisecond that few callers need

        # repr gives the decimal that the user wrote; the binary fraction may lie just above it
        # and would be rounded up to one row more.
        n_test = ceil(Fraction(repr(float(test_size))) * n)
        if n_test < n:
            return n_test
    need = "a fraction in (0, 1) or a number of rows, which leaves both parts at least one of"
    raise options.refuse(who, f"{need} {n} rows", test_size, option)


def _stratified(
    who: str, labels: np.ndarray, n: int, n_test: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    if labels.shape != (n,):
        raise ShapeError(f"{who}: need stratify of shape ({n},); got {labels.shape}")
    classes, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        alone = classes[counts.argmin()]
        raise OptionError(f"{who}: need 2 rows or more per class; got 1 of {alone.item()!r}")
    if min(n_test, n - n_test) < len(classes):
        raise OptionError(
            f"{who}: need in each part at least as many rows as the {len(classes)} "
            f"classes of the labels; got {n - n_test} and {n_test}"
        )
    test, train = [], []
    for k, n_k in enumerate(_shares(counts, n_test, rng)):
        rows = rng.permutation(np.flatnonzero(code == k))
        test.append(rows[:n_k])
        train.append(rows[n_k:])
    return rng.permutation(np.concatenate(test)), rng.permutation(np.concatenate(train))


def _shares(counts: np.ndarray, n_test: int, rng: np.random.Generator) -> np.ndarray:
    """Divide ``n_test`` rows among classes by largest remainder, in exact integers."""
    share, remainder = np.divmod(counts.astype(np.int64) * n_test, counts.sum())
    left = n_test - int(share.sum())
    # lexsort sorts by its last key first; the random key decides among equal remainders.
    share[np.lexsort((rng.permutation(len(counts)), -remainder))[:left]] += 1
    return share
