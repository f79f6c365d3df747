"""train_test_split: exact sizes, exact shares, nothing lost, same seed same split."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cnn_core.data import train_test_split
from cnn_core.errors import OptionError, ShapeError


@given(n=st.integers(2, 200), thousandths=st.integers(1, 999), seed=st.integers(0, 2**64))
def test_fraction_is_rounded_up_exactly_and_no_row_is_lost(n, thousandths, seed):
    n_test = ceil(Fraction(thousandths, 1000) * n)
    assume(n_test < n)
    train, test = train_test_split(np.arange(n), test_size=thousandths / 1000, seed=seed)
    assert len(test) == n_test
    assert sorted([*train, *test]) == list(range(n))


def test_fraction_counts_as_the_decimal_that_was_written():
    assert ceil(0.07 * 100) == 8  # what binary arithmetic would give
    assert len(train_test_split(np.arange(100), test_size=0.07, seed=0)[1]) == 7


def test_rows_of_all_arrays_stay_together():
    x = np.arange(40).reshape(20, 2)
    y, names = x[:, 0] * 10, [str(v) for v in x[:, 0]]
    parts = train_test_split(x, y, names, test_size=6, seed=3)
    assert [len(part) for part in parts] == [14, 6] * 3
    for a, b, c in (parts[::2], parts[1::2]):
        np.testing.assert_array_equal(b, a[:, 0] * 10)
        assert list(c) == [str(v) for v in a[:, 0]]


def test_seed_decides_and_rows_are_shuffled():
    x, y = np.arange(100), np.arange(100) // 50
    for stratify in (None, y):
        first, again, other = (
            train_test_split(x, test_size=0.3, seed=seed, stratify=stratify) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])
        assert (first[1] != other[1]).any()
        assert (np.diff(first[0]) < 0).any()
        assert (np.diff(first[1]) < 0).any()


@given(
    counts=st.lists(st.integers(2, 40), min_size=1, max_size=6),
    share=st.integers(5, 95),
    seed=st.integers(0, 1000),
)
def test_stratified_shares_follow_the_largest_remainder(counts, share, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    n_test = ceil(Fraction(share, 100) * len(y))
    assume(min(n_test, len(y) - n_test) >= len(counts))
    train, test, _, y_test = train_test_split(
        np.arange(len(y)), y, test_size=share / 100, seed=seed, stratify=y
    )
    assert sorted([*train, *test]) == list(range(len(y)))
    got = np.bincount(y_test, minlength=len(counts))
    assert got.sum() == n_test
    exact = [Fraction(c * n_test, len(y)) for c in counts]
    assert all(int(e) <= g <= ceil(e) for g, e in zip(got, exact, strict=True))
    up = [e - int(e) for g, e in zip(got, exact, strict=True) if g > int(e)]
    down = [e - int(e) for g, e in zip(got, exact, strict=True) if g == int(e)]
    assert not up or not down or min(up) >= max(down)


def test_class_counts_are_those_of_scikit_learn():
    selection = pytest.importorskip("sklearn.model_selection")
    rng = np.random.default_rng(0)
    for seed in range(20):
        y = rng.choice(7, 501, p=np.arange(1, 8) / 28)
        ours = train_test_split(y, test_size=0.3, seed=seed, stratify=y)
        theirs = selection.train_test_split(y, test_size=0.3, random_state=seed, stratify=y)
        for a, b in zip(ours, theirs, strict=True):
            assert len(a) == len(b)
            # Equal remainders are decided at random, by either.
            assert np.abs(np.bincount(a, minlength=7) - np.bincount(b, minlength=7)).max() <= 1


def test_equal_remainders_are_decided_at_random():
    y = np.repeat([0, 1], 5)
    tests = [train_test_split(y, test_size=5, seed=s, stratify=y)[1].sum() for s in range(30)]
    assert set(tests) == {2, 3}


def test_labels_may_be_words():
    y = np.array(["cat", "dog"] * 10)
    _, test = train_test_split(y, test_size=0.5, seed=0, stratify=y)
    assert (test == "cat").sum() == 5


@pytest.mark.parametrize(
    "test_size", [0, 10, -1, 0.0, 1.0, 0.99, -0.5, 2.5, float("nan"), True, "3"]
)
def test_test_size_that_leaves_a_part_empty_is_refused(test_size):
    with pytest.raises(OptionError, match=r"need test_size, .* of 10 rows; got"):
        train_test_split(np.arange(10), test_size=test_size, seed=0)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_bad_seed_is_refused(seed):
    with pytest.raises(OptionError, match="need a seed, a whole number of at least 0"):
        train_test_split(np.arange(10), test_size=2, seed=seed)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"same number of rows; got shapes \[\(3,\), \(4,\)\]"):
        train_test_split(np.arange(3), np.arange(4), test_size=1, seed=0)
    with pytest.raises(ShapeError, match="one or more arrays"):
        train_test_split(test_size=1, seed=0)
    with pytest.raises(ShapeError, match="one or more arrays"):
        train_test_split(np.float64(1), test_size=1, seed=0)


def test_stratify_that_cannot_be_met_is_refused():
    x = np.arange(6)
    with pytest.raises(ShapeError, match=r"stratify of shape \(6,\); got \(5,\)"):
        train_test_split(x, test_size=3, seed=0, stratify=np.zeros(5))
    with pytest.raises(OptionError, match="2 rows or more per class; got 1 of"):
        train_test_split(x, test_size=3, seed=0, stratify=[0, 0, 0, 0, 0, 9])
    with pytest.raises(OptionError, match="3 classes of the labels; got 4 and 2"):
        train_test_split(x, test_size=2, seed=0, stratify=[0, 0, 1, 1, 2, 2])
