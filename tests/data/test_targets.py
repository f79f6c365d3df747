"""as_labels, as_targets, as_weights: what passes, and which row a message names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.data import as_labels, as_targets, as_weights
from cnn_core.errors import DataError, DtypeError, LabelError, OptionError, ShapeError

INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4"]


@pytest.mark.parametrize("dtype", [*INTEGERS, "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_labels_of_every_dtype_become_int32(dtype, shape):
    labels = as_labels(np.array([0, 3, 1, 2], dtype).reshape(shape), 4)
    assert labels.dtype == np.int32
    assert labels.dtype.isnative
    assert labels.flags.c_contiguous
    assert labels.tolist() == [0, 3, 1, 2]


def test_bool_strided_and_list_labels_are_taken():
    assert as_labels(np.array([True, False]), 2).tolist() == [1, 0]
    assert as_labels(np.arange(6)[::2], 5).tolist() == [0, 2, 4]
    assert as_labels([1, 0], 2).tolist() == [1, 0]


def test_int32_labels_are_not_copied():
    y = np.array([0, 1, 2], np.int32)
    assert as_labels(y, 3) is y


@given(
    labels=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
    n_classes=st.integers(1, 1000),
)
def test_labels_pass_or_the_first_one_out_of_range_is_named(labels, n_classes):
    wrong = [(row, v) for row, v in enumerate(labels) if not 0 <= v < n_classes]
    if not wrong:
        assert as_labels(labels, n_classes).tolist() == labels
        return
    with pytest.raises(LabelError) as caught:
        as_labels(np.array(labels, np.int64), n_classes, who="fit")
    row, value = wrong[0]
    expected = f"fit: need labels 0 .. {n_classes - 1} in y; got {value} in row {row}"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1.5], "need integral labels in target; got 1.5 in row 1"),
        ([0, 1, np.nan], "need integral labels in target; got nan in row 2"),
        ([np.inf, 0], "need integral labels in target; got inf in row 0"),
        ([0.0, 3.0], r"need labels 0 \.\. 2 in target; got 3 in row 1"),
        (
            np.array([2**64 - 1], np.uint64),
            r"0 \.\. 2 in target; got 18446744073709551615 in row 0",
        ),
        (np.array([0, -1], np.int8), "got -1 in row 1"),
        ([1e300], "got 1.*in row 0"),
    ],
)
def test_label_error_names_row_value_and_range(y, message):
    with pytest.raises(LabelError, match=message):
        as_labels(y, 3, name="target")


def test_bool_labels_need_two_classes():
    with pytest.raises(LabelError, match=r"labels 0 \.\. 0 in y; got 1 in row 1"):
        as_labels([False, True], 1)


@pytest.mark.parametrize("ignore_index", [-100, 255, 10])
def test_ignored_label_passes_and_others_do_not(ignore_index):
    y = np.array([0, ignore_index, 9])
    assert as_labels(y, 10, ignore_index=ignore_index).tolist() == y.tolist()
    with pytest.raises(
        LabelError, match=rf"0 \.\. 9 or {ignore_index} \(ignored\).*got 11 in row 1"
    ):
        as_labels([0, 11], 10, ignore_index=ignore_index)


def test_ignored_label_beyond_int32_is_refused():
    with pytest.raises(OptionError, match=r"need ignore_index, .* int32; got 4294967296"):
        as_labels([0, 2**32], 2, ignore_index=2**32)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.eye(3), r"\(N,\) or \(N, 1\); got \(3, 3\): .*y\.argmax\(axis=1\)"),
        (np.zeros((4, 2)), r"got \(4, 2\)$"),
        (np.zeros((2, 1, 1)), r"got \(2, 1, 1\)$"),
        (3, r"got \(\)$"),
        ([], r"at least one row; got shape \(0,\)"),
    ],
)
def test_label_shape_error(y, message):
    with pytest.raises(ShapeError, match=message):
        as_labels(y, 3)


def test_words_as_labels_are_refused_with_the_way_out():
    with pytest.raises(DtypeError, match=r"got dtype <U3; encode labels as 0 \.\. 1"):
        as_labels(["cat", "dog"], 2)
    with pytest.raises(DtypeError, match="got dtype complex128"):
        as_labels(np.zeros(2, complex), 2)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_float_targets_stay_as_they_are(dtype):
    y = np.ones((3, 2), dtype)
    assert as_targets(y, (2,)) is y
    column = as_targets(y[:, 0], (1,))
    assert column.shape == (3, 1)
    assert column.dtype == np.dtype(dtype)
    assert column.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["?", "i4", "u1", "f2", ">i8"])
@pytest.mark.parametrize("net", ["float32", "float64"])
def test_other_targets_are_converted(dtype, net):
    y = as_targets(np.array([0, 1], dtype), (1,), dtype=net)
    assert y.dtype == net
    assert y.tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("shape", "row_shape", "message"),
    [
        ((3,), (2,), r"need y of shape \(N, 2\); got \(3,\)"),
        ((3, 2), (1,), r"need y of shape \(N, 1\) or \(N,\); got \(3, 2\)"),
        ((), (1,), r"got \(\)"),
        ((0, 2), (2,), r"at least one row; got shape \(0, 2\)"),
    ],
)
def test_target_shape_error(shape, row_shape, message):
    with pytest.raises(ShapeError, match=message):
        as_targets(np.zeros(shape), row_shape)


def test_targets_that_are_not_finite_are_named():
    y = np.zeros((3, 2))
    y[1, 1] = np.nan
    text = "fit: need finite values in targets y; got nan at row 1, column 1: fill them in"
    with pytest.raises(DataError, match=text):
        as_targets(y, (2,), who="fit")
    assert as_targets(y, (2,), finite=False) is y
    with pytest.raises(DtypeError, match="targets: need y of real numbers"):
        as_targets(np.array(["a"]), (1,))


def test_weights_pass_and_are_converted():
    w = np.array([0.5, 0.0, 2.0], np.float32)
    assert as_weights(w, 3) is w
    assert as_weights([1, 0, 2], 3, dtype="float64").dtype == np.float64
    assert as_weights(np.arange(6.0)[::2], 3).flags.c_contiguous


@pytest.mark.parametrize(
    ("w", "error", "message"),
    [
        ([1, 2], ShapeError, r"sample_weight of shape \(3,\), one per row; got \(2,\)"),
        (np.ones((3, 1)), ShapeError, r"got \(3, 1\)"),
        ([1, -2, 1], DataError, "need finite sample_weight >= 0; got -2.0 in row 1"),
        ([1, 1, np.nan], DataError, "got nan in row 2"),
        ([np.inf, 1, 1], DataError, "got inf in row 0"),
        ([0, 0, 0], DataError, "above 0 or more; got 3 zeros"),
        (["a", "b", "c"], DtypeError, "need sample_weight of real numbers"),
    ],
)
def test_bad_weights_are_named(w, error, message):
    with pytest.raises(error, match=message):
        as_weights(w, 3)
