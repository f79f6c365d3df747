"""What this installation of cnn_core runs on."""

from __future__ import annotations

import platform
import sys

import numpy as np

from cnn_core._ext import core
from cnn_core.run.cores import available_cores
from cnn_core.run.threads import get_num_threads


def show_config() -> None:
    """Print versions, the instruction set in use and the BLAS library: for bug reports.

    >>> cnn.show_config()
    cnn_core         ...
    Python           ...
    NumPy            ...
    instruction set  ...
    ...
    """
    from importlib.metadata import version

    rows = {
        "cnn_core": version("cnn-core"),
        "Python": f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}",
        "NumPy": np.__version__,
        "instruction set": f"{core.simd()} (of {', '.join(core.simd_names())}; CNN_CORE_SIMD)",
        "threads": f"up to {get_num_threads()} on {available_cores()} cores (CNN_CORE_NUM_THREADS)",
        "matrix products": f"{core.gemm_mode()} (CNN_CORE_GEMM)",
        "BLAS": f"scipy-openblas32 {version('scipy-openblas32')}, {core.blas_path()}",
        "operations": ", ".join(core.operation_names()),
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")
