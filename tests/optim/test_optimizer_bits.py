"""Properties of every update that hold to the bit: divided ranges, padding, unused state."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optimizer_cases import CASES, DEFAULTS, make_store, padding, set_gradients, train

from cnn_core._ext.core import Learner
from cnn_core.optim import AdamW, RMSProp

GUARD = 12345.0
DTYPES = ["float32", "float64"]


def update(optimizer, arrays, scalars, step, ranges):
    parts = []
    for begin, end, decay in ranges:
        value, grad, *slots = (array[begin:end] for array in arrays)
        parts.append((value, grad, slots, decay, 0, [], (0.0, 0.0, 0.0, 0.0, 0)))
    learner = Learner(optimizer.kernel, parts, scalars, optimizer.hyper())
    learner.step = step
    learner.learn(optimizer.rates_at(step))


def buffers(optimizer, n, dtype, seed):
    rng = np.random.default_rng(seed)
    value, grad = rng.standard_normal((2, n)).astype(dtype)
    return [value, grad, *(np.full(n, start, dtype) for start in optimizer.slot_starts())]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 150), data=st.data())
def test_bits_do_not_depend_on_how_the_range_is_divided(case, dtype, n, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=6)))
    optimizer, decay = case.make(), 0.01
    whole = buffers(optimizer, n, dtype, seed=n)
    parts = [array.copy() for array in whole]
    ends = [0, *cuts, n]
    ranges = [(a, b, decay) for a, b in pairwise(ends)]
    scalars = np.zeros(4), np.zeros(4)
    for step in range(3):
        update(optimizer, whole, scalars[0], step, [(0, n, decay)])
        update(optimizer, parts, scalars[1], step, ranges)
    for a, b in zip([*whole, scalars[0]], [*parts, scalars[1]], strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_outside_the_ranges_changes(case, dtype):
    optimizer = case.make()
    arrays = buffers(optimizer, 96, dtype, seed=0)
    for array in arrays:
        array[:16] = array[48:64] = array[80:] = GUARD
    update(optimizer, arrays, np.zeros(4), 0, [(16, 48, 0.0), (64, 80, 0.1)])
    for array in arrays:
        assert np.all(array[[*range(16), *range(48, 64), *range(80, 96)]] == GUARD)
    assert not np.any(arrays[0][16:48] == GUARD)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_padding_stays_zero(case, dtype):
    store, optimizer = make_store(dtype), case.make()
    train(optimizer, store, 50)
    assert len(padding(store, store.value)) > 0
    assert not padding(store, store.value).view(np.uint8).any()
    for slot, start in zip(optimizer.slots, optimizer.slot_starts(), strict=True):
        assert np.all(padding(store, slot) == slot.dtype.type(start))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_zero_gradients_with_the_smallest_eps_give_no_nan(case, dtype):
    options = {"eps": 1e-30} if "eps" in case.make().options() else {}
    store, optimizer = make_store(dtype), case.make(weight_decay=0.0, **options)
    before = store.value.copy()
    for _ in range(3):
        optimizer.apply(store)
    assert store.value.tobytes() == before.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_centered_rmsprop_survives_a_steady_gradient(dtype, momentum):
    store, optimizer = make_store(dtype), RMSProp(centered=True, momentum=momentum, alpha=0.9)
    set_gradients(store, np.random.default_rng(5))
    for _ in range(500):
        optimizer.apply(store)
    assert np.isfinite(store.value).all()


def test_decoupled_decay_of_zero_gradients_only_shrinks():
    store = make_store("float64")
    before = store.value.copy()
    AdamW(lr=0.1, weight_decay=0.5).apply(store)
    np.testing.assert_array_equal(store.value, before * (1 - 0.1 * 0.5))
