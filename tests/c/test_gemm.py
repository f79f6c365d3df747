"""Matrix products: every shape, layout and option against NumPy, and no byte out of place.

The folder ``src_c/gemm`` is compiled alone, once for each instruction set of this machine.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
FLAGS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma",
               "-mprefer-vector-width=512"],
}
DRIVER = """
#include "gemm/cnn_gemm.h"
cnn_blas cnn_blas_table;
int32_t  cnn_gemm_mode, asked = CNN_ASKED;
"""
CPU = """int cpu_has(int level)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    return level == 0 || (level == 1 ? __builtin_cpu_supports("avx2") &&
                                       __builtin_cpu_supports("fma")
                                     : __builtin_cpu_supports("avx512f") &&
                                       __builtin_cpu_supports("avx512dq") &&
                                       __builtin_cpu_supports("avx512bw") &&
                                       __builtin_cpu_supports("avx512vl"));
#else
    return level == 0;
#endif
}
"""
OWN, BLAS = 1, 2
TOO_LARGE = 1
LINE = 64
DTYPES = ("float32", "float64")


class Product(ctypes.Structure):
    """cnn_product of cnn_gemm.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("m", "n", "k")),
        *((name, ctypes.c_void_p) for name in ("a", "b", "bias", "c")),
        *((name, ctypes.c_int64) for name in ("lda", "ldb", "ldc")),
        *((name, ctypes.c_int32) for name in ("trans_a", "trans_b", "accumulate", "relu", "lone")),
    ]


class Scratch(ctypes.Structure):
    """cnn_scratch of cnn_core.h."""

    _fields_ = [("memory", ctypes.c_void_p), ("bytes", ctypes.c_int64),
                ("need", ctypes.POINTER(ctypes.c_int64))]  # fmt: skip


class Gemm:
    """The compiled folder, for one instruction set."""

    def __init__(self, path: Path, simd: str) -> None:
        self.library = ctypes.CDLL(str(path))
        self.path, self.simd = path, simd
        self.scratch = np.zeros(LINE, np.uint8)
        self.call = {
            np.dtype("f4"): getattr(self.library, f"cnn_gemm_f32_{simd}"),
            np.dtype("f8"): getattr(self.library, f"cnn_gemm_f64_{simd}"),
        }

        for function in self.call.values():
            function.argtypes = [ctypes.POINTER(Product), Scratch]

    def need(self, p: Product, dtype: str) -> int:
        """The bytes of working memory that a product asks for."""
        need = ctypes.c_int64(0)
        asked = Scratch(None, 0, ctypes.pointer(need))
        expected = ctypes.c_int32.in_dll(self.library, "asked").value
        assert self.call[np.dtype(dtype)](ctypes.byref(p), asked) == expected
        return need.value

    def scratch_for(self, p: Product, dtype: str) -> Scratch:
        """As much working memory as a product asks for, and not a byte more that may be used."""
        n = self.need(p, dtype)
        if len(self.scratch) < n + LINE:
            self.scratch = np.zeros(n + LINE, np.uint8)
        start = self.scratch.ctypes.data
        return Scratch(start + -start % LINE, n, None)

    def set_mode(self, mode: int) -> None:
        ctypes.c_int32.in_dll(self.library, "cnn_gemm_mode").value = mode

    def __call__(self, a: np.ndarray, b: np.ndarray, c: np.ndarray, *, trans_a: bool = False,
                 trans_b: bool = False, accumulate: bool = False, relu: bool = False,
                 bias: np.ndarray | None = None, lone: bool = False, mode: int = OWN) -> int:
        """C (+)= op(A) op(B): 2-D views whose last axis is contiguous."""
        self.set_mode(mode)
        m, n = c.shape
        k = a.shape[0] if trans_a else a.shape[1]
        item = c.itemsize
        p = Product(m, n, k, a.ctypes.data, b.ctypes.data,
                    None if bias is None else bias.ctypes.data, c.ctypes.data,
                    a.strides[0] // item, b.strides[0] // item, c.strides[0] // item,
                    trans_a, trans_b, accumulate, relu, lone)
        return self.call[c.dtype](ctypes.byref(p), self.scratch_for(p, c.dtype))


def build_cpu(library: Path) -> None:
    subprocess.run([COMPILER, "-fPIC", "-shared", "-x", "c", "-", "-o", str(library)], input=CPU,
                   text=True, check=True)


def build(library: Path, simd: str) -> None:
    """Compile src_c/gemm for `simd`."""
    driver = library.with_name(f"driver_{simd}.c")
    driver.write_text(DRIVER)
    sources = sorted((ROOT / "src_c" / "gemm").glob("*.c"))
    subprocess.run(
        [COMPILER, "-std=c11", "-O2", "-ffp-contract=off", "-fno-math-errno",
         "-fno-trapping-math", "-fPIC", "-shared", "-DCNN_DEBUG",
         f"-I{ROOT / 'src_c'}", f"-I{ROOT / 'src_c' / 'include'}", f"-DCNN_ISA={simd}",
         *FLAGS[simd], *map(str, sources), str(driver), "-o", str(library)],
        check=True)


@pytest.fixture(scope="module", params=list(FLAGS))
def gemm(request: pytest.FixtureRequest, made_once: Callable[[str, Callable], Path]) -> Gemm:
    if COMPILER is None or sys.platform == "win32":
        pytest.skip("needs a C compiler with GCC's options")
    simd = request.param
    if not ctypes.CDLL(made_once("cpu.so", build_cpu)).cpu_has(list(FLAGS).index(simd)):
        pytest.skip(f"this CPU has no {simd}")
    return Gemm(made_once(f"gemm_{simd}.so", lambda path: build(path, simd)), simd)


def padded(matrix: np.ndarray, extra: int) -> np.ndarray:
    """A copy that is a view of a matrix with `extra` more columns, all NaN."""
    rows, cols = matrix.shape
    whole = np.full((rows, cols + extra), np.nan, matrix.dtype)
    whole[:, :cols] = matrix
    return whole[:, :cols]


@functools.lru_cache(maxsize=2000)
def operands(m: int, n: int, k: int, dtype: str) -> tuple[np.ndarray, ...]:
    """Left (m, k), right (k, n) and start (m + 1, n) of a product, the product in float64, and for
    each of its elements what the sum of the absolute values of its terms is not above.

    They are made once for all layouts, options and instruction sets.
    """
    rng = np.random.default_rng([m, n, k])
    left, right = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n)))
    a, b = left.astype("f8"), right.astype("f8")
    # By the inequality of Cauchy and Schwarz.
    sizes = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=0))
    return left, right, rng.standard_normal((m + 1, n)).astype(dtype), a @ b, sizes


def check(gemm: Gemm, m: int, n: int, k: int, dtype: str, *, trans_a: bool, trans_b: bool,
          accumulate: bool, relu: bool, use_bias: bool, extra: tuple[int, int, int],
          lone: bool = False, mode: int = OWN) -> None:
    """One product against float64 NumPy; the columns beyond C keep their sentinels."""
    left, right, start, product, sizes = operands(m, n, k, dtype)
    a, b = padded(left.T if trans_a else left, extra[0]), padded(right.T if trans_b else right,
                                                                 extra[1])
    whole_c = np.full((m + 1, n + extra[2]), 7.5, dtype)
    whole_c[:, :n] = start
    before, c = whole_c.copy(), whole_c[:m, :n]
    bias = start[m].copy() if use_bias else None
    status = gemm(a, b, c, trans_a=trans_a, trans_b=trans_b, accumulate=accumulate, relu=relu,
                  bias=bias, lone=lone, mode=mode)

    added = before[:m, :n] * float(accumulate) + (0 if bias is None else bias.astype("f8"))
    want = product + added
    bound = (k + 4) * np.finfo(dtype).eps * (sizes + np.abs(added))
    want = np.maximum(want, 0) if relu else want
    assert status == 0
    assert (np.abs(c - want) <= bound).all(), (m, n, k)
    assert np.array_equal(whole_c[:, n:], before[:, n:]), "columns beyond C were written"
    assert np.array_equal(whole_c[m], before[m]), "the row beyond C was written"


# Below, equal to, above and multiples of the tiles: 6, 8, 12, 16 rows; 4 to 48 columns.
ROWS = (1, 2, 6, 7, 8, 9, 12, 13, 17, 37)
COLUMNS = (1, 3, 4, 10, 15, 16, 17, 32, 33, 48, 50, 64)
DEPTHS = (0, 1, 3, 16, 33)
OPTIONS = tuple(itertools.product((False, True), repeat=3))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize("trans_a", [False, True])
def test_shapes_around_the_tiles(gemm: Gemm, trans_a: bool, trans_b: bool, dtype: str) -> None:
    shapes = itertools.product(ROWS, COLUMNS, DEPTHS)
    for i, (m, n, k) in enumerate(shapes):
        accumulate, relu, use_bias = OPTIONS[i % 8]
        check(gemm, m, n, k, dtype, trans_a=trans_a, trans_b=trans_b, accumulate=accumulate,
              relu=relu, use_bias=use_bias, extra=(i % 3, i % 4, i % 5))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize("trans_a", [False, True])
def test_every_option(gemm: Gemm, trans_a: bool, trans_b: bool, dtype: str) -> None:
    for (m, n, k), (accumulate, relu, use_bias) in itertools.product(
            [(1, 300, 20), (20, 10, 40), (19, 70, 9), (1, 1, 1), (37, 10, 40),
             (35, 19, 7)], OPTIONS):
        check(gemm, m, n, k, dtype, trans_a=trans_a, trans_b=trans_b, accumulate=accumulate,
              relu=relu, use_bias=use_bias, extra=(0, 0, 0))


# Past every block of own.c: rows 48 or 96, columns 768, depth 128 to 1024; aliased row lengths.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trans_b", [False, True])
@pytest.mark.parametrize("trans_a", [False, True])
@pytest.mark.parametrize("shape", [(100, 800, 1030), (33, 130, 2100), (200, 1, 600),
                                   (40, 1024, 130), (1024, 10, 130), (130, 300, 7), (3, 900, 600),
                                   (27, 2048, 600)])
def test_shapes_past_the_blocks(gemm: Gemm, shape: tuple[int, int, int], trans_a: bool,
                                trans_b: bool, dtype: str) -> None:
    check(gemm, *shape, dtype, trans_a=trans_a, trans_b=trans_b, accumulate=shape[0] == 100,
          relu=True, use_bias=True, extra=(0, 0, 0))
    check(gemm, *shape, dtype, trans_a=trans_a, trans_b=trans_b, accumulate=False,
          relu=False, use_bias=False, extra=(1, 2, 3))


@settings(max_examples=150, deadline=None)
@given(shape=st.tuples(st.integers(1, 70), st.integers(1, 130), st.integers(0, 90)),
       dtype=st.sampled_from(DTYPES), flags=st.tuples(*[st.booleans()] * 5),
       extra=st.tuples(*[st.integers(0, 20)] * 3))
def test_any_product_matches_numpy(gemm: Gemm, shape: tuple[int, int, int], dtype: str,
                                   flags: tuple[bool, ...], extra: tuple[int, int, int]) -> None:
    check(gemm, *shape, dtype, trans_a=flags[0], trans_b=flags[1], accumulate=flags[2],
          relu=flags[3], use_bias=flags[4], extra=extra)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(70, 50, 33), (300, 10, 128), (64, 3, 16), (97, 256, 700),
                                   (40, 300, 1100), (260, 520, 20), (300, 2048, 280),
                                   (35, 49, 63), (41, 700, 130), (70, 11, 90), (45, 19, 30),
                                   (130, 100, 12)])
@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
def test_bits_do_not_depend_on_the_split_of_rows(gemm: Gemm, layout: str,
                                                 shape: tuple[int, int, int], dtype: str) -> None:
    m, n, k = shape
    trans_a, trans_b = (side == "t" for side in layout)
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if trans_a else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if trans_b else (k, n)).astype(dtype)
    bias = None if trans_a else rng.standard_normal(n).astype(dtype)
    whole, again, parts = (np.empty((m, n), dtype) for _ in range(3))
    for c in (whole, again):
        gemm(a, b, c, trans_a=trans_a, trans_b=trans_b, bias=bias)
    cuts = [0, 1, 2, 5, 13, 21, 36, 37, m // 2 + 8, m]
    for first, last in itertools.pairwise(cuts):
        rows = a[:, first:last] if trans_a else a[first:last]
        gemm(rows, b, parts[first:last], trans_a=trans_a, trans_b=trans_b, bias=bias)
    assert whole.tobytes() == again.tobytes()
    assert whole.tobytes() == parts.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_negative_zero_survives_the_blocks_of_k(gemm: Gemm, dtype: str) -> None:
    a, b = np.zeros((40, 1100), dtype), np.full((1100, 300), -1, dtype)
    c = np.empty((40, 300), dtype)
    gemm(a, b, c, bias=np.full(300, -0.0, dtype))
    assert np.signbit(c).all()


def test_blas_serves_every_option_and_refuses_what_it_cannot_index(gemm: Gemm) -> None:
    openblas = pytest.importorskip("scipy_openblas32")
    (path,) = (p for p in Path(openblas.get_lib_dir()).iterdir()
               if p.suffix in (".so", ".dylib") and "openblas" in p.name)
    blas = ctypes.CDLL(str(path))
    table = (ctypes.c_void_p * 2).in_dll(gemm.library, "cnn_blas_table")
    for i, name in enumerate(("scipy_cblas_sgemm", "scipy_cblas_dgemm")):
        table[i] = ctypes.cast(getattr(blas, name), ctypes.c_void_p).value
    for dtype, flags in itertools.product(DTYPES, itertools.product((False, True), repeat=5)):
        check(gemm, 9, 10, 7, dtype, trans_a=flags[0], trans_b=flags[1], accumulate=flags[2],
              relu=flags[3], use_bias=flags[4], extra=(1, 0, 2), mode=BLAS)
    huge = np.lib.stride_tricks.as_strided(np.zeros(1), (2**31, 1), (0, 8))
    assert gemm(huge, np.zeros((1, 1)), huge, mode=BLAS) == TOO_LARGE


# Runs in a process of its own: a byte read past the end of an operand ends it.
def guarded(values: np.ndarray) -> np.ndarray:
    """A copy of `values` that ends where an unreadable page begins."""
    page = mmap.PAGESIZE
    size = -(-max(values.nbytes, 1) // page) * page
    memory = mmap.mmap(-1, size + page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(start + size), ctypes.c_size_t(page), 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    copy = np.frombuffer(memory, values.dtype, values.size, size - values.nbytes)
    copy = copy.reshape(values.shape)
    copy[...] = values
    return copy


def run_guarded(gemm: Gemm, n_large: int) -> None:
    rng = np.random.default_rng(0)
    run_large(gemm, n_large, rng)
    shapes = [*itertools.product((1, 2, 7, 9, 17), (1, 3, 10, 17, 50), (1, 3, 17)), (33, 130, 1100),
              (17, 1030, 520)]
    for (m, n, k), dtype, trans_a, trans_b, lone in itertools.product(
            shapes, DTYPES, (0, 1), (0, 1), (0, 1)):
        if lone and m > 1:
            continue
        a = rng.standard_normal((k, m) if trans_a else (m, k)).astype(dtype)
        b = rng.standard_normal((n, k) if trans_b else (k, n)).astype(dtype)
        bias = rng.standard_normal(n).astype(dtype) if (m + n) % 2 else None
        c = guarded(np.zeros((m, n), dtype))
        gemm(guarded(a), guarded(b), c, trans_a=bool(trans_a), trans_b=bool(trans_b),
             lone=bool(lone), bias=None if bias is None else guarded(bias))
        want = (a.T if trans_a else a) @ (b.T if trans_b else b)
        assert np.allclose(c, want if bias is None else want + bias, rtol=1e-3, atol=1e-3)


class GuardedGemm(Gemm):
    """Its working memory ends at an unreadable page."""

    def scratch_for(self, p: Product, dtype: str) -> Scratch:
        n = self.need(p, dtype)
        assert n % 8 == 0
        self.scratch = guarded(np.zeros(-(-n // LINE) * LINE, np.uint8))
        return Scratch(self.scratch.ctypes.data, len(self.scratch), None)


@settings(max_examples=300, deadline=None)
@given(whole=st.tuples(*[st.floats(0, 5)] * 3), part=st.tuples(*[st.floats(0, 1)] * 3),
       dtype=st.sampled_from(DTYPES), flags=st.tuples(st.booleans(), st.booleans()))
def test_a_part_asks_for_no_more_than_the_whole(gemm: Gemm, whole, part, dtype, flags) -> None:
    """Threads divide a product's rows or columns, and a short batch has fewer steps."""
    def need(m: int, n: int, k: int) -> int:
        a_row, b_row = (m if flags[0] else k), (k if flags[1] else n)
        return gemm.need(Product(m, n, k, 0, 0, 0, 0, a_row, b_row, n, *flags, 0, 0, 0), dtype)

    sizes = [int(10**s) for s in whole]
    parts = [max(1, int(size * p)) for size, p in zip(sizes, part, strict=True)]
    assert need(*parts) <= need(*sizes) < 5 << 20


def run_large(gemm: Gemm, n_products: int, rng: np.random.Generator) -> None:
    """Products of sizes up to 100,000, each drawn log-uniformly; what C may write ends at a page
    that it may not, the working memory too, of which it gets what it has asked for."""
    done = 0
    while done < n_products:
        m, n, k = (int(10 ** rng.uniform(0, 5)) for _ in range(3))
        if m * n * k > 2e7 or max(m * n, m * k, n * k) > 2e6:
            continue
        done += 1
        trans_a, trans_b, accumulate, relu, use_bias = (bool(v) for v in rng.integers(0, 2, 5))
        dtype = DTYPES[done % 2]
        a = guarded(rng.standard_normal((k, m) if trans_a else (m, k)).astype(dtype))
        b = guarded(rng.standard_normal((n, k) if trans_b else (k, n)).astype(dtype))
        c = guarded(rng.standard_normal((m, n)).astype(dtype))
        bias = guarded(rng.standard_normal(n).astype(dtype)) if use_bias else None
        left, right = (a.T if trans_a else a).astype("f8"), (b.T if trans_b else b).astype("f8")
        added = c * float(accumulate) + (0 if bias is None else bias)
        want = left @ right + added
        sizes = np.outer(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=0))
        bound = (k + 4) * np.finfo(dtype).eps * (sizes + np.abs(added))
        gemm(a, b, c, trans_a=trans_a, trans_b=trans_b, accumulate=accumulate, relu=relu,
             bias=bias)
        what = (m, n, k), dtype, trans_a, trans_b, accumulate, relu, use_bias
        assert (np.abs(c - (np.maximum(want, 0) if relu else want)) <= bound).all(), what


@pytest.mark.parametrize("n_large", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_nothing_past_the_operands_and_the_working_memory_is_touched(
        gemm: Gemm, n_large: int) -> None:
    done = subprocess.run([sys.executable, __file__, str(gemm.path), gemm.simd, str(n_large)],
                          check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"


if __name__ == "__main__":
    run_guarded(GuardedGemm(Path(sys.argv[1]), sys.argv[2]), int(sys.argv[3]))
