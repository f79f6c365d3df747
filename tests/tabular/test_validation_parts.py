"""The rows that are held back."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core.tabular.parts import FEWEST, held_back

SIZES = [50, 137, 1000, 20_011]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.37])
def test_a_share_of_the_rows_is_held_back_in_order(n, fraction):
    held = held_back(n, fraction, 3)
    assert len(held) == (round(fraction * n) if round(fraction * n) >= FEWEST else 0)
    assert (np.diff(held) > 0).all()
    assert held_back(n, fraction, 3).tolist() == held.tolist()
    assert len(held) == 0 or held_back(n, fraction, 4).tolist() != held.tolist()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("n_classes", [2, 7, 40])
def test_each_class_has_its_share_and_one_row_in_training(n, n_classes):
    rng = np.random.default_rng(n)
    p = 1 / np.arange(1, n_classes + 1) ** 2
    codes = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n - n_classes,
                                                              p=p / p.sum())])  # fmt: skip
    counts = np.bincount(codes)
    held = held_back(n, 0.25, 0, codes.astype(np.int32))
    if len(held) == 0:
        assert n == 50
        return
    own = np.bincount(codes[held], minlength=n_classes)
    exact = counts * round(0.25 * n) / n
    assert (abs(own - exact) < 1).all()
    assert (own < counts).all()
    assert (own[counts == 1] == 0).all()
    free = counts > 1
    assert abs(own[free].sum() - round(0.25 * n)) <= (~free).sum()


def test_every_row_may_be_held_back_and_no_place_is_preferred():
    times = np.zeros(200)
    codes = np.repeat([0, 1], [150, 50]).astype(np.int32)
    for seed in range(400):
        times[held_back(200, 0.2, seed, codes)] += 1
    assert times.sum() == 400 * 40
    assert abs(times / 400 - 0.2).max() < 5 * np.sqrt(0.2 * 0.8 / 400)


def test_of_few_rows_none_is_held_back():
    assert len(held_back(49, 0.2, 0)) == 10
    assert len(held_back(47, 0.2, 0)) == len(held_back(1000, 0.0, 0)) == 0
    assert len(held_back(60, 0.2, 0, np.arange(60, dtype=np.int32))) == 0


def test_a_row_stays_in_training():
    assert len(held_back(120, 0.999, 0)) == 119
