"""Products with a way of their own: lone rows and outer products; and special numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_gemm import DTYPES, OPTIONS, Gemm, check
from test_gemm import gemm as gemm  # the fixture

# A row that comes alone, times a transposed matrix: dot products, four side by side.  Depths and
# widths around the lengths of vectors, 2 to 16, and around four.
LONE_SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67, 130)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "".join("01"[x] for x in o))
def test_a_lone_row_times_a_transposed_matrix(gemm: Gemm, options: tuple[bool, ...],
                                              dtype: str) -> None:
    for i, (n, k) in enumerate(itertools.product(LONE_SIZES, (0, *LONE_SIZES))):
        accumulate, relu, use_bias = options
        check(gemm, 1, n, k, dtype, trans_a=False, trans_b=True, accumulate=accumulate, relu=relu,
              use_bias=use_bias, lone=True, extra=(i % 3, i % 4, i % 5))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["nn", "tn", "tt"])
def test_lone_rows_of_other_layouts(gemm: Gemm, layout: str, dtype: str) -> None:
    trans_a, trans_b = (side == "t" for side in layout)
    for n, k in itertools.product((1, 5, 17, 40), (1, 3, 20)):
        check(gemm, 1, n, k, dtype, trans_a=trans_a, trans_b=trans_b, accumulate=True, relu=False,
              use_bias=True, lone=True, extra=(1, 2, 3))


# One step deep: an outer product, in any layout.  With a transposed B of rows apart, and with a
# bias or relu, it is a product like others.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize("trans_a", [False, True])
def test_an_outer_product(gemm: Gemm, trans_a: bool, trans_b: bool, dtype: str) -> None:
    for m, n, b_apart in itertools.product((1, 2, 5, 17), LONE_SIZES, (0, 3)):
        for accumulate, relu, use_bias in OPTIONS:
            check(gemm, m, n, 1, dtype, trans_a=trans_a, trans_b=trans_b, accumulate=accumulate,
                  relu=relu, use_bias=use_bias, extra=(m % 3, b_apart, n % 4))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("shape", [(70, 50), (40, 3), (300, 10), (9, 1), (33, 16), (1, 40)])
@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
def test_bits_of_an_outer_product_are_those_of_its_rows(gemm: Gemm, layout: str,
                                                        shape: tuple[int, int], accumulate: bool,
                                                        dtype: str) -> None:
    """However the rows are split; and those of a sum that begins with it."""
    m, n = shape
    trans_a, trans_b = (side == "t" for side in layout)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, 2)).astype(dtype), rng.standard_normal((2, n)).astype(dtype)
    start = rng.standard_normal((m, n)).astype(dtype) if accumulate else np.zeros((m, n), dtype)

    def product(c: np.ndarray, rows: slice, steps: slice, add: bool) -> None:
        left, right = np.ascontiguousarray(a[rows, steps]), np.ascontiguousarray(b[steps])
        gemm(np.ascontiguousarray(left.T) if trans_a else left,
             np.ascontiguousarray(right.T) if trans_b else right, c[rows],
             trans_a=trans_a, trans_b=trans_b, accumulate=add)

    one, two, both = slice(0, 1), slice(1, 2), slice(0, 2)
    whole, parts, deep = start.copy(), start.copy(), start.copy()
    product(whole, slice(0, m), one, accumulate)
    for first in range(m):
        product(parts, slice(first, first + 1), one, accumulate)
    assert whole.tobytes() == parts.tobytes()
    product(whole, slice(0, m), two, True)
    product(deep, slice(0, m), both, accumulate)
    assert whole.tobytes() == deep.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_lone_rows_and_outer_products_keep_nan_and_infinity(gemm: Gemm, dtype: str) -> None:
    for n, k in itertools.product((1, 5, 19), (1, 4, 19)):
        a, b, c = np.ones((1, k), dtype), np.ones((n, k), dtype), np.zeros((1, n), dtype)
        b[0, k - 1], b[n - 1, 0] = np.inf, np.nan
        gemm(a, b, c, trans_b=True, relu=True, lone=True)
        want = np.maximum(a @ b.T, 0)
        assert np.array_equal(c, want, equal_nan=True), (n, k)
    column, row, c = np.ones((3, 1), dtype), np.ones((1, 19), dtype), np.zeros((3, 19), dtype)
    column[1], row[0, 17], row[0, 18] = np.inf, np.nan, -np.inf
    gemm(column, row, c)
    assert np.array_equal(c, column @ row, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 9])
def test_relu_keeps_nan_and_infinity(gemm: Gemm, m: int, dtype: str) -> None:
    a, c = np.zeros((m, 4), dtype), np.zeros((m, 19), dtype)
    b = np.ones((4, 19), dtype)
    a[0] = [np.nan, 1, 1, 1]
    if m > 1:
        a[1, 2], a[2, 3], a[3] = np.inf, -np.inf, -1
    gemm(a, b, c, relu=True)
    assert np.isnan(c[0]).all()
    if m > 1:
        assert (c[1] == np.inf).all()
        assert (c[2:] == 0).all()
