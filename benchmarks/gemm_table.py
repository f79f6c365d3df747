"""Time the own matrix products against BLAS, and print the rule that chooses between them.

    python benchmarks/gemm_table.py                    every product of eight networks
    python benchmarks/gemm_table.py --nets M1 --rows half --dtype float64 --simd avx2
    python benchmarks/gemm_table.py --rule             the rule for src_c/gemm/choice.h

The folder src_c/gemm is compiled alone with the package's flags.  Both sides run on one thread
and take turns; minima of the thread's processor time, GFLOP/s, and the share of the peak that
a loop of independent multiply-adds reaches in the same run.  BLAS is asked for its kernels for
the same instruction set (``--blas-core default``: whichever it picks for this CPU by itself).
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean, median
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIMD = {   # the build's flags, and OpenBLAS's name for a core of that kind
    "baseline": ([], "Nehalem"),
    "avx2": (["-mavx2", "-mfma"], "Haswell"),
    "avx512": (["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma",
                "-mprefer-vector-width=512"], "SkylakeX"),
}
NETS = {   # layer widths, batch rows
    "T1": ((4, 16, 16, 3), 32),
    "T2": ((64, 64, 64, 10), 32),
    "T3": ((8, 64, 64, 4), 64),
    "S1": ((784, 128, 10), 64),
    "M1": ((784, 256, 128, 10), 128),
    "M2": ((784, 512, 512, 10), 256),
    "L1": ((784, 1024, 1024, 1024, 10), 512),
    "L2": ((3072, 2048, 2048, 10), 1024),
}
OWN, BLAS = 1, 2
SLOWER = 0.9         # own kernels serve what they do at least this many times as fast: their
                     # bits do not depend on the number of threads, which is worth a little
MATTERS = 4096       # ... and where n k is below this: fractions of a microsecond
DRIVER = r"""
#define _POSIX_C_SOURCE 200809L
#include <time.h>
#include "gemm/cnn_gemm.h"
cnn_blas cnn_blas_table;
int32_t  cnn_gemm_mode;
enum { SCRATCH_BYTES = 5 << 20 };

int supported(void)
{
#if defined(__AVX512F__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
#elif defined(__AVX2__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 1;
#endif
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double run(const cnn_product *p, void *scratch, int is_double, int mode, long n)
{
    const cnn_scratch s = {.memory = scratch, .bytes = SCRATCH_BYTES};
    cnn_gemm_mode = mode;
    const double start = now();
    for (long i = 0; i < n; i++)
        is_double ? cnn_gemm_f64(p, s) : cnn_gemm_f32(p, s);
    return (now() - start) / (double)n;
}

#define CNN_SUFFIX f32
#define real       float
#include "gemm/vector.h"
float sink;
double peak(void)      /* GFLOP/s of float */
{
    enum { N = 300000, M = 12 };
    VECTOR sum[M];
    const VECTOR x = V_FILL(0.5f + sink), y = V_FILL(0.25f + sink);
    CNN_UNROLL for (int i = 0; i < M; i++) sum[i] = V_FILL((float)i);
    const double start = now();
    for (int n = 0; n < N; n++) {
        CNN_UNROLL for (int i = 0; i < M; i++) sum[i] = V_FMA(sum[i], x, y);
    }
    const double seconds = now() - start;
    CNN_UNROLL for (int i = 0; i < M; i++) { float t[64]; V_STORE(t, sum[i]); sink += t[0]; }
    sink *= 0;
    return 2e-9 * N * M * LANES / seconds;
}
"""


class Product(ctypes.Structure):
    """cnn_product of cnn_gemm.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("m", "n", "k")),
        *((name, ctypes.c_void_p) for name in ("a", "b", "bias", "c")),
        *((name, ctypes.c_int64) for name in ("lda", "ldb", "ldc")),
        *((name, ctypes.c_int32) for name in ("trans_a", "trans_b", "accumulate", "relu", "lone")),
    ]


class Shape(NamedTuple):
    """C[m, n] = op(A) op(B), with row lengths; kind: nn forward, nt input, tn weight gradient."""

    kind: str
    m: int
    n: int
    k: int
    lda: int
    ldb: int
    ldc: int

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k


def pad(width: int) -> int:
    """The row length of a parameter: whole lines of 16 floats."""
    return -(-width // 16) * 16


def products_of(name: str, rows: str) -> list[Shape]:
    """Every product of a training step; rows "half": what one of two threads does; "one": a
    prediction for one row."""
    widths, batch = NETS[name]
    m = {"all": batch, "half": batch // 2, "one": 1}[rows]
    shapes = []
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        ld_in, ld_out = (pad(n_in) if layer else n_in), pad(n_out)
        shapes.append(Shape("nn", m, n_out, n_in, ld_in, ld_out, ld_out))
        if rows == "one":
            continue
        if layer:
            shapes.append(Shape("nt", m, n_in, n_out, ld_out, ld_out, ld_in))
        part = n_in if rows == "all" else -(-n_in // 2)
        shapes.append(Shape("tn", part, n_out, batch, ld_in, ld_out, ld_out))
    return shapes


def aligned(n: int, dtype: str) -> np.ndarray:
    """n normal numbers that start on a cache line."""
    raw = np.empty(n * np.dtype(dtype).itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    values = raw[start:start + n * np.dtype(dtype).itemsize].view(dtype)
    values[:] = np.random.default_rng(0).standard_normal(n)
    return values


class Bench:
    """Both sides, ready to be timed."""

    def __init__(self, simd: str, folder: Path) -> None:
        import scipy_openblas32 as openblas

        driver, library = folder / "driver.c", folder / "gemm.so"
        driver.write_text(DRIVER)
        subprocess.run(
            [os.environ.get("CC", "cc"), "-std=c11", "-O3", "-ffp-contract=off",
             "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", f"-DCNN_ISA={simd}",
             f"-I{ROOT / 'src_c'}", f"-I{ROOT / 'src_c' / 'include'}", *SIMD[simd][0],
             *map(str, sorted((ROOT / "src_c" / "gemm").glob("*.c"))), str(driver),
             "-o", str(library)],
            check=True)
        self.library = ctypes.CDLL(str(library))
        if not self.library.supported():
            raise SystemExit(f"gemm_table: need a CPU with {simd}; choose another --simd")
        self.library.run.restype = self.library.peak.restype = ctypes.c_double
        (path,) = (p for p in Path(openblas.get_lib_dir()).iterdir()
                   if p.suffix in (".so", ".dylib") and "openblas" in p.name)
        self.blas = ctypes.CDLL(str(path))
        self.blas.scipy_openblas_set_num_threads(1)
        self.blas.scipy_openblas_get_corename.restype = ctypes.c_char_p
        table = (ctypes.c_void_p * 2).in_dll(self.library, "cnn_blas_table")
        for i, name in enumerate(("scipy_cblas_sgemm", "scipy_cblas_dgemm")):
            table[i] = ctypes.cast(getattr(self.blas, name), ctypes.c_void_p).value
        self.scratch = aligned(5 << 18, "float32")

    def peak(self) -> float:
        return max(self.library.peak() for _ in range(5))

    def times(self, shape: Shape, dtype: str, seconds: float,
              summary: Callable[[list[float]], float] = median) -> tuple[float, float]:
        """Seconds per product: own, BLAS."""
        trans_a, trans_b = shape.kind[0] == "t", shape.kind[1] == "t"
        a = aligned((shape.k if trans_a else shape.m) * shape.lda, dtype)
        b = aligned((shape.n if trans_b else shape.k) * shape.ldb, dtype)
        c = aligned(shape.m * shape.ldc, dtype)
        product = Product(shape.m, shape.n, shape.k, a.ctypes.data, b.ctypes.data, None,
                          c.ctypes.data, shape.lda, shape.ldb, shape.ldc, trans_a, trans_b)

        def run(mode: int, n: int) -> float:
            return self.library.run(ctypes.byref(product),
                                    ctypes.c_void_p(self.scratch.ctypes.data),
                                    dtype == "float64", mode, ctypes.c_long(n))

        run(OWN, 2)
        run(BLAS, 2)
        n = {mode: max(1, int(1e-4 / run(mode, 2))) for mode in (OWN, BLAS)}
        found: dict[int, list[float]] = {OWN: [], BLAS: []}
        end = time.perf_counter() + seconds
        while len(found[OWN]) < 5 or time.perf_counter() < end:
            for mode in (OWN, BLAS):
                found[mode].append(run(mode, n[mode]))
        return summary(found[OWN]), summary(found[BLAS])


def print_nets(bench: Bench, names: list[str], rows: str, dtype: str, seconds: float) -> None:
    peak = bench.peak() / (2 if dtype == "float64" else 1)
    print(f"peak {peak:.0f} GFLOP/s {dtype}; BLAS core "
          f"{bench.blas.scipy_openblas_get_corename().decode()}; us and GFLOP/s")
    print(f"{'net':4}{'':3}{'m':>6}{'n':>6}{'k':>6}{'own us':>12}{'GF/s':>8}{'peak':>6}"
          f"{'BLAS us':>12}{'GF/s':>8}{'ratio':>8}")

    def line(label: str, flops: float, own: float, blas: float) -> None:
        print(f"{label:25}{own * 1e6:12.3f}{flops / own / 1e9:8.1f}{flops / own / peak / 1e9:6.0%}"
              f"{blas * 1e6:12.3f}{flops / blas / 1e9:8.1f}{blas / own:8.2f}", flush=True)

    for name in names:
        total = np.zeros(3)
        for shape in products_of(name, rows):
            own, blas = bench.times(shape, dtype, seconds, min)
            line(f"{name:4}{shape.kind:3}{shape.m:6}{shape.n:6}{shape.k:6}", shape.flops, own, blas)
            total += shape.flops, own, blas
        line(f"{name:4}sum", *total)


def print_rule(bench: Bench, simd: str, dtype: str, seconds: float) -> None:
    """For each n and k the geometric mean over rows and layouts; then the limit on n k, if any.

    The rule cannot look at m: threads split the rows of C, and its bits must not depend on that.
    The fastest of many turns counts, which other processes disturb least.
    """
    sizes = (3, 10, 16, 64, 130, 256, 1000)
    core = bench.blas.scipy_openblas_get_corename().decode()
    print(f"{simd} {dtype}: own kernels so many times as fast as OpenBLAS's {core}")
    print("n \\ k" + "".join(f"{k:7}" for k in sizes))
    limit = None
    for n in sizes:
        cells = []
        for k in sizes:
            ratios = []
            for kind, m in itertools.product(("nn", "nt", "tn"), (16, 64, 256)):
                shape = Shape(kind, m, n, k, m if kind == "tn" else k, k if kind == "nt" else n, n)
                own, blas = bench.times(shape, dtype, seconds, min)
                ratios.append(blas / own)
            cells.append(geometric_mean(ratios))
            if cells[-1] < SLOWER and n * k >= MATTERS:
                limit = min(limit or n * k, n * k)
        print(f"{n:5}" + "".join(f"{cell:7.2f}" for cell in cells), flush=True)
    print(f"#  define CNN_OWN_IS_FASTER(n, k) {'1' if limit is None else f'((n) * (k) < {limit})'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--rows", choices=["all", "half", "one"], default="all")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--simd", choices=SIMD, default="avx512")
    parser.add_argument("--blas-core", choices=["same", "default"], default="same")
    parser.add_argument("--seconds", type=float, default=0.05, help="per product")
    parser.add_argument("--rule", action="store_true", help="print the lines of choice.h")
    options = parser.parse_args()
    if options.blas_core == "same":      # read when the library is loaded
        os.environ["OPENBLAS_CORETYPE"] = SIMD[options.simd][1]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.simd, Path(folder))
        if options.rule:
            print_rule(bench, options.simd, options.dtype, options.seconds)
        else:
            print_nets(bench, options.nets, options.rows, options.dtype, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
