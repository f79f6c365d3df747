"""Environment variables of numerical libraries, which they read when they are imported.

What the caller's environment says about them would be measured too: with
OPENBLAS_CORETYPE=Haswell, for one, every peer over OpenBLAS runs at half its speed on a machine
with AVX-512.  So the benchmarks forget such settings before they import anything.
"""

from __future__ import annotations

import os

TUNING = (
    "OPENBLAS_",
    "GOTO_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "BLIS_",
    "XLA_",
    "DNNL_",
    "ONEDNN_",
    "ATEN_",
    "NPY_",
    "NUMBA_",
    "GLIBC_TUNABLES",
)


def forget_tuning() -> list[str]:
    """Remove such variables from this process's environment; return their names."""
    found = [name for name in os.environ if name.startswith(TUNING)]
    for name in found:
        del os.environ[name]
    return found


def for_threads(threads: int) -> dict[str, str]:
    """Return the variables that set the thread pools of numerical libraries."""
    pools = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    found = {f"{name}_NUM_THREADS": str(threads) for name in pools}
    found["NPROC"] = str(threads)  # the size of XLA's pool
    if threads == 1:
        found["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return found
