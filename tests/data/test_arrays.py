"""as_features, check_finite, check_lengths: what passes the door, what is copied, what is named."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from cnn_core.data import as_features, check_finite, check_lengths
from cnn_core.errors import DataError, DtypeError, ShapeError

KEPT = [np.float32, np.float64, np.uint8]


@pytest.mark.parametrize("dtype", KEPT)
@pytest.mark.parametrize("net", ["float32", "float64"])
def test_contiguous_arrays_stay_as_they_are(dtype, net):
    x = np.ones((3, 4), dtype)
    x.flags.writeable = False
    array, needs_conversion = as_features(x, (4,), who="fit", dtype=net)
    assert array is x
    assert needs_conversion == (x.dtype != net)


@pytest.mark.parametrize("dtype", KEPT)
def test_other_layouts_are_copied_once_in_their_dtype(dtype):
    x = np.arange(24).reshape(4, 6).astype(dtype)
    swapped = x.astype(x.dtype.newbyteorder())
    unaligned = np.frombuffer(b"\0" + x.tobytes(), dtype, offset=1).reshape(4, 6)
    wide = np.repeat(x, 2, axis=1)
    for odd in (np.asfortranarray(x), wide[:, ::2], x[::-1][::-1], swapped, unaligned):
        array, _ = as_features(odd, (6,), who="fit")
        assert array.dtype == np.dtype(dtype)
        assert array.dtype.isnative
        assert array.flags.c_contiguous
        assert array.flags.aligned
        np.testing.assert_array_equal(array, x)


@pytest.mark.parametrize("dtype", ["?", "i1", "i2", "i4", "i8", "u2", "u4", "u8", "f2", ">i4"])
@pytest.mark.parametrize("net", ["float32", "float64"])
def test_other_real_dtypes_are_converted_to_the_nets(dtype, net):
    x = np.array([[0, 1], [1, 0]], dtype)
    array, needs_conversion = as_features(x, (2,), who="fit", dtype=net)
    assert array.dtype == net
    assert not needs_conversion
    np.testing.assert_array_equal(array, x.astype(net))


def test_lists_and_array_likes_are_taken():
    class Table:
        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 3), np.float32)

    assert as_features([[1, 2, 3]], (3,), who="fit").array.tolist() == [[1.0, 2.0, 3.0]]
    assert as_features(Table(), (3,), who="fit").array.shape == (2, 3)


@pytest.mark.parametrize("dtype", KEPT)
def test_mapped_array_is_neither_read_nor_copied(tmp_path, dtype):
    x = np.memmap(tmp_path / "x", dtype, "w+", shape=(4096, 256))
    tracemalloc.start()
    array, _ = as_features(x, (256,), who="fit")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.shares_memory(array, x)
    assert array.ctypes.data == x.ctypes.data
    assert peak < 20_000


@pytest.mark.parametrize(
    "x",
    [
        np.ones((2, 2), complex),
        np.array([[1, None]], object),
        np.array([["a", "b"]]),
        np.array([[b"a", b"b"]]),
        np.array([["2020-01-01", "2020-01-02"]], "M8[D]"),
        np.zeros((2, 2), [("a", float)]),
        object(),
        None,
    ],
)
def test_dtype_error_names_argument_and_dtype(x):
    got = "None" if x is None else f"dtype {np.asarray(x).dtype}"
    with pytest.raises(DtypeError) as caught:
        as_features(x, (2,), who="fit", name="features")
    assert str(caught.value).startswith("fit: need features of real numbers")
    assert f"got {got}" in str(caught.value)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize <= 8, reason="long double is float64 here")
def test_extended_precision_is_refused_with_the_way_out():
    with pytest.raises(DtypeError, match=r"x\.astype\(numpy\.float64\)"):
        as_features(np.ones((2, 2), np.longdouble), (2,), who="fit")


def test_masked_array_is_refused():
    x = np.ma.masked_array(np.ones((2, 2)), [[0, 1], [0, 0]])
    with pytest.raises(DtypeError, match=r"need x without a mask; .*fill it first"):
        as_features(x, (2,), who="fit")


def test_array_like_that_refuses_is_reported():
    class Stubborn:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("call .numpy() on me first")

    with pytest.raises(DtypeError, match=r"predict: need x of real .*call \.numpy\(\) on me"):
        as_features(Stubborn(), (2,), who="predict")


@pytest.mark.parametrize(
    ("shape", "row_shape", "message"),
    [
        ((4,), (4,), r"need x of shape \(N, 4\); got \(4,\): for a single row pass x\[None\]"),
        ((5, 3), (4,), r"need x of shape \(N, 4\); got \(5, 3\)$"),
        (
            (5, 2, 2),
            (4,),
            r"need x of shape \(N, 4\); got \(5, 2, 2\): reshape with x\.reshape\(-1, 4\)",
        ),
        ((5,), (1,), r"need x of shape \(N, 1\); got \(5,\): reshape with x\.reshape\(-1, 1\)"),
        ((5, 4), (2, 2), r"need x of shape \(N, 2, 2\); got \(5, 4\): reshape"),
        ((), (4,), r"need x of shape \(N, 4\); got \(\)$"),
        ((0,), (4,), r"need x of shape \(N, 4\); got \(0,\)$"),
        ((0, 4), (4,), r"need x with at least one row; got shape \(0, 4\)"),
        ((), (), r"need x of shape \(N,\); got \(\)"),
    ],
)
def test_shape_error_gives_both_shapes_and_the_way_out(shape, row_shape, message):
    with pytest.raises(ShapeError, match=rf"^predict: {message}"):
        as_features(np.zeros(shape), row_shape, who="predict")


def test_ragged_list_is_a_shape_error():
    with pytest.raises(ShapeError, match="need x with rows of equal length"):
        as_features([[1, 2], [3]], (2,), who="fit")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 1, 500, 999])
def test_first_value_that_is_not_finite_is_named(dtype, value, row):
    x = np.zeros((1000, 70), dtype)
    check_finite(x, "x")
    x[row, 69] = x[999, 3] = value
    column = 3 if row == 999 else 69
    with pytest.raises(DataError) as caught:
        check_finite(x, "x", who="fit")
    got = f"got {dtype(value)} at row {row}, column {column}"
    assert str(caught.value) == f"fit: need finite values in x; {got}"


def test_finite_check_names_places_in_other_shapes():
    with pytest.raises(DataError, match=r"got nan at row 2$"):
        check_finite(np.array([0, 1, np.nan]), "y")
    x = np.zeros((2, 3, 4))
    x[1, 2, 0] = np.inf
    with pytest.raises(DataError, match=r"got inf at row 1, column \(2, 0\)"):
        check_finite(x, "x")
    check_finite(np.full((2, 2), 200, np.uint8), "x")
    check_finite(np.zeros((0, 3)), "x")
    check_finite(np.full((3, 2), np.finfo(np.float32).max, np.float32), "x")
    check_finite(np.zeros((2, 1 << 17)), "x")


def test_finite_check_takes_little_memory(tmp_path):
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(8192, 512))
    tracemalloc.start()
    check_finite(x, "x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < x.size // 20  # a whole mask would take x.size bytes


def test_unequal_lengths_are_named():
    check_lengths("fit", x=3, y=3)
    with pytest.raises(ShapeError, match="fit: need the same number of rows in each; got x 3, y 4"):
        check_lengths("fit", x=3, y=4)
