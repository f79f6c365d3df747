"""The door for sparse matrices: what is read where it lies, converted once, or refused."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from cnn_core.data.sparse import as_sparse
from cnn_core.errors import DataError, DtypeError, ShapeError

sparse = pytest.importorskip("scipy.sparse")
F32, F64 = np.dtype("float32"), np.dtype("float64")


def door(x, width: int = 5, dtype: np.dtype = F32, **options):
    options = {"reach": float(np.finfo(dtype).max), **options}
    return as_sparse(x, width, who="fit", name="x", dtype=dtype, **options)


def dense(found, width: int = 5, dtype: np.dtype = F32) -> np.ndarray:
    """Return what the C core reads, from the addresses."""
    x = np.zeros((len(found), width), dtype)
    for row, (column, value, n) in zip(x, found.rows.tolist(), strict=True):
        if n:
            columns = np.ctypeslib.as_array((ctypes.c_int32 * n).from_address(column))
            kind = ctypes.c_float if dtype == F32 else ctypes.c_double
            assert (np.diff(columns) > 0).all()
            row[columns] = np.ctypeslib.as_array((kind * n).from_address(value))
    return x


def matrix(dtype: str = "float32") -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 5)) * (rng.random((7, 5)) < 0.5)
    x[2] = 0
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("make", [
    sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_matrix,
    sparse.dok_matrix, sparse.bsr_array,
])  # fmt: skip
def test_every_format_is_read(make, dtype: np.dtype) -> None:
    for given in ("float64", "float32"):
        x = matrix(given)
        found = door(make(x), dtype=dtype)
        assert np.array_equal(dense(found, dtype=dtype), x.astype(dtype))
        assert np.array_equal(dense(found[3:], dtype=dtype), x[3:].astype(dtype))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "uint16"])
def test_whole_numbers_are_converted_and_scaled(dtype: str) -> None:
    x = sparse.csr_matrix((10 * abs(matrix())).astype(dtype))
    assert np.array_equal(dense(door(x, scale=0.5)), x.toarray().astype(F32) * F32.type(0.5))


def test_entries_tell_one_matrix_from_another() -> None:
    x = matrix()
    entries = np.array(door(sparse.csr_matrix(x))[2:])
    assert np.array_equal(entries[:, :2], np.argwhere(x[2:]))
    assert np.array_equal(entries[:, 2], x[2:][x[2:] != 0])
    assert np.array(door(sparse.csr_matrix((3, 5)))).shape == (0, 3)


def test_csr_that_fits_is_read_where_it_lies() -> None:
    x = sparse.csr_matrix(matrix())
    assert (found := door(x)).rows[0, 1] == x.data.ctypes.data
    assert found.rows[0, 0] == x.indices.ctypes.data
    assert (found.entries(2), found.entries(100)) == (sum(sorted(np.diff(x.indptr))[-2:]), x.nnz)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_what_is_out_of_order_or_twice_there_is_put_in_order_in_a_copy(index) -> None:
    columns = np.array([3, 1, 1, 0, 4, 4], index)
    values, start = np.arange(1, 7, dtype=np.float32), np.array([0, 3, 4, 6], index)
    x = sparse.csr_matrix((values, columns, start), (3, 5))
    x.has_canonical_format = True  # which is not true
    assert np.array_equal(dense(door(x)), [[0, 5, 0, 1, 0], [4, 0, 0, 0, 0], [0, 0, 0, 0, 11]])
    assert np.array_equal(x.indices, columns)
    assert np.array_equal(x.data, values)
    assert x.has_canonical_format


def broken(columns: list[int], start: list[int], dtype=np.int32):
    x = sparse.csr_matrix((np.ones(len(columns), np.float32), np.zeros(len(columns), np.int32),
                           np.array([0, 1, len(columns)])), (2, 5))  # fmt: skip
    x.indices, x.indptr = np.array(columns, dtype), np.array(start, dtype)
    return x


@pytest.mark.parametrize(("x", "error", "match"), [
    (broken([1, 5, 2], [0, 1, 3]), DataError, r"need columns 0 .. 4 in x; got 5 in row 1$"),
    (broken([1, 2, -1], [0, 1, 3]), DataError, r"need columns 0 .. 4 in x; got -1 in row 1$"),
    (broken([2**40, 2, 3], [0, 1, 3], np.int64), DataError, r"got 1099511627776 in row 0$"),
    (broken([1, 2, 3], [0, 2, 1]), DataError, "need x with a start for each row, ascending"),
    (broken([1, 2, 3], [0, 1, 9]), DataError, r"got indptr of 3, from 0 to 9, over 3$"),
    (broken([1, 2, 3], [-1, 1, 3]), DataError, "need x with a start for each row"),
    (sparse.csr_matrix((3, 4)), ShapeError, r"need x of shape \(N, 5\); got \(3, 4\)$"),
    (sparse.csr_matrix((0, 5)), ShapeError, "need x with at least one row"),
    (sparse.csr_matrix((2, 5), dtype=complex), DtypeError, "need x of real numbers.*complex128"),
    (sparse.coo_array(np.ones(5)), ShapeError, r"need x of shape \(N, 5\); got \(5,\)$"),
])  # fmt: skip
def test_what_is_no_such_matrix_is_refused(x, error: type, match: str) -> None:
    with pytest.raises(error, match=f"^fit: .*{match}"):
        door(x)


def test_numbers_that_are_none_are_named_by_row_and_column() -> None:
    x = sparse.csr_matrix(matrix("float64"))
    row = int(np.searchsorted(x.indptr, 5, "right")) - 1
    place = f"at row {row}, column {x.indices[5]}"
    for value, match in ((np.nan, "need finite values in x; got nan"),
                         (1e300, "need x within float32, up to 3.403e.38 in magnitude; got 1e.300"),
                         (-np.inf, "need finite values in x; got -inf")):  # fmt: skip
        x.data[5] = value
        with pytest.raises(DataError, match=f"^fit: {match} {place}"):
            door(x)
        assert len(door(x, idle=lambda: np.array([row, 1]))) == 7
    assert door(x, finite=False).rows[row, 2] > 0
    assert door(x, idle=lambda: np.array([row])).rows[row, 2] == 0
