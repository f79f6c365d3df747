"""Batches: every row once, or as often as its weight says, from a place that is saved."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core._ext.core import shuffled
from cnn_core.data import Batches
from cnn_core.errors import CnnCoreError, DataError, OptionError, ShapeError, StateError

N = 23
X, Y = np.arange(2 * N).reshape(N, 2), np.arange(N)


def rows(batches: Batches) -> list[int]:
    """Return the labels of an epoch, which number the rows."""
    found = []
    for x, y in batches:
        assert np.array_equal(x, X[y])
        found += y.tolist()
    return found


def test_each_epoch_has_every_row_once_in_the_order_of_a_fit() -> None:
    batches = Batches(X, Y, batch_size=5, seed=3)
    assert len(batches) == 5
    for epoch in range(3):
        assert rows(batches) == shuffled(N, 3, epoch).tolist()
    assert rows(Batches(X, Y, batch_size=40, shuffle=False)) == Y.tolist()


@pytest.mark.parametrize("sampling", [None, "balanced", np.arange(N)])
def test_a_place_is_taken_up_wherever_it_is(sampling) -> None:
    def make() -> Batches:
        return Batches(X, Y, batch_size=4, sampling=sampling, seed=1)

    whole, one = [], make()
    for _ in range(3):
        for _, y in one:
            whole.append((y.tolist(), one.state_dict()))
    for at, (_, place) in enumerate(whole):
        other = make()
        other.load_state_dict(place)
        left = [y.tolist() for _ in range(3) for _, y in other]
        assert left[: len(whole) - at - 1] == [y for y, _ in whole[at + 1 :]]


def test_rows_are_drawn_in_proportion_to_weights_and_classes_alike() -> None:
    x = np.arange(4000)[:, None]
    labels = (x[:, 0] < 40).astype(np.int8)
    drawn = np.hstack([y for _, y in Batches(x, labels, sampling="balanced", batch_size=100)])
    assert len(drawn) == 4000
    assert abs(drawn.mean() - 0.5) < 0.05
    weights = np.where(x[:, 0] < 100, 3.0, 0.0)
    weights[0] = 0
    found = np.hstack([y for _, y in Batches(x, x[:, 0], sampling=weights)])
    assert set(found) <= set(range(1, 100))
    assert len(set(found)) > 90


def test_several_arrays_weights_and_sparse_rows_keep_together() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    batches = Batches({"a": X, "b": sparse.coo_array(X)}, (Y, 2 * Y), np.arange(N), batch_size=6)
    for x, (y, twice), w in batches:
        assert np.array_equal(x["a"], X[y])
        assert np.array_equal(x["b"].toarray(), X[y])
        assert np.array_equal(twice, 2 * y)
        assert np.array_equal(w, y)


def test_of_a_mapped_file_a_batch_is_in_memory_alone(tmp_path) -> None:
    np.save(tmp_path / "x.npy", X)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert rows(Batches(x, Y)) == shuffled(N, 0, 0).tolist()
    first = next(iter(Batches(x, Y)))[0]
    assert type(first) is np.ndarray
    assert first.base is None


@pytest.mark.parametrize(("make", "error", "match"), [
    (lambda: Batches(X, Y[1:]), ShapeError, "same number of rows in each; got x 23, y 22"),
    (lambda: Batches(X[:0], Y[:0]), OptionError, "at least one row"),
    (lambda: Batches(X, 3), OptionError, "need y, an array with rows"),
    (lambda: Batches(X, Y, sampling="even"), OptionError, "balanced"),
    (lambda: Batches(X, X, sampling="balanced"), OptionError, r"labels y \(N,\)"),
    (lambda: Batches(X, Y, sampling=-np.ones(N)), DataError, "need finite sampling >= 0"),
    (lambda: Batches(X, Y, sampling=np.zeros(N)), DataError, "need one sampling above 0"),
    (lambda: Batches(X, Y, batch_size=0), OptionError, "batch_size"),
    (lambda: Batches(X, Y).load_state_dict({"epoch": 1}), StateError, "need a state_dict"),
    (lambda: Batches(X, Y).load_state_dict(Batches(X, Y, seed=1).state_dict()), StateError,
     "need the state of seed 0; got 1"),
])  # fmt: skip
def test_what_makes_no_batches_is_refused(make, error: type[CnnCoreError], match: str) -> None:
    with pytest.raises(error, match=match):
        make()
