"""The order of rows: a permutation, even in its chances, and a function of seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core._ext.core import shuffle_like_numpy, shuffled


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1257, 100_003])
def test_every_row_stands_once(n):
    assert np.array_equal(np.sort(shuffled(n, 3, 4)), np.arange(n))


def test_same_seed_and_epoch_give_the_same_order_and_others_another():
    first = shuffled(50, 1, 2)
    assert np.array_equal(first, shuffled(50, 1, 2))
    pairs = ((1, 3), (2, 2), (2, 1), (0, 3), (3, 0), (2**64 - 1, 2))
    others = [shuffled(50, s, e) for s, e in pairs]
    for other in others:
        assert not np.array_equal(first, other)
    assert len({o.tobytes() for o in others}) == len(others)


def test_every_row_is_as_likely_at_every_place():
    """Chi-square of the 8 x 8 counts of 20,000 orders; 49 degrees of freedom."""
    n, rounds = 8, 20_000
    counts = np.zeros((n, n))
    for epoch in range(rounds):
        counts[np.arange(n), shuffled(n, 5, epoch)] += 1
    expected = rounds / n
    assert ((counts - expected) ** 2 / expected).sum() < 49 + 5 * np.sqrt(2 * 49)


def test_all_orders_of_four_rows_are_as_likely():
    """Chi-square over the 24 orders; 23 degrees of freedom."""
    rounds = 24_000
    keys = [tuple(shuffled(4, seed, 0)) for seed in range(rounds)]
    _, counts = np.unique(np.array(keys), axis=0, return_counts=True)
    assert len(counts) == 24
    assert ((counts - 1000.0) ** 2 / 1000).sum() < 23 + 5 * np.sqrt(2 * 23)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 64, 65, 1257, 100_003])
def test_numpys_shuffle_is_made_with_the_same_draws(n):
    theirs, ours = (np.random.RandomState(n) for _ in range(2))
    expected, found = np.arange(n), np.arange(n)
    for _ in range(3):
        theirs.shuffle(expected)
        shuffle_like_numpy(ours, found)
    assert np.array_equal(found, expected)
    assert ours.random_sample() == theirs.random_sample()
