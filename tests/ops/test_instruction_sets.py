"""The operations under every instruction set that this machine has, each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_core._ext import core

HERE = Path(__file__).resolve().parent
OTHERS = [name for name in core.simd_names() if name != core.simd()]


def need_success(*command: str | Path, **variables: str) -> None:
    done = subprocess.run([sys.executable, *command], env={**os.environ, **variables},
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("simd", OTHERS)
def test_operations_of_a_full_batch(simd):
    need_success(HERE / "run_cases.py", "full", CNN_CORE_SIMD=simd)


@pytest.mark.parametrize("simd", OTHERS)
def test_infinities_nan_and_ties(simd):
    need_success("-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / "test_special_values.py",
                 CNN_CORE_SIMD=simd)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("simd", OTHERS)
def test_all_operations(simd):
    need_success(HERE / "run_cases.py", "all", CNN_CORE_SIMD=simd)


@pytest.mark.parametrize("mode", ["own", "blas"])
def test_products_by_own_kernels_and_by_blas(mode):
    need_success(HERE / "run_cases.py", "products", CNN_CORE_GEMM=mode)


def test_an_unknown_instruction_set_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import cnn_core"],
        env={**os.environ, "CNN_CORE_SIMD": "mmx"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "CNN_CORE_SIMD: need one of baseline" in done.stderr
