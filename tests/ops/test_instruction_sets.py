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


def run_tests(
    *options: str, file: str = "test_ops.py", **variables: str
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options,
         str(HERE / file)],
        env={**os.environ, **variables}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("simd", OTHERS)
def test_operations_of_a_full_batch(simd):
    done = run_tests("-k", "float32-17 or float64-17 or pieces", CNN_CORE_SIMD=simd)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("simd", OTHERS)
def test_infinities_nan_and_ties(simd):
    done = run_tests(file="test_special_values.py", CNN_CORE_SIMD=simd)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("simd", OTHERS)
def test_all_operations(simd):
    done = run_tests("-m", "slow or not slow", CNN_CORE_SIMD=simd)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("mode", ["own", "blas"])
def test_products_by_own_kernels_and_by_blas(mode):
    done = run_tests("-k", "dense or matmul", CNN_CORE_GEMM=mode)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_an_unknown_instruction_set_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import cnn_core"],
        env={**os.environ, "CNN_CORE_SIMD": "mmx"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "CNN_CORE_SIMD: need one of baseline" in done.stderr
