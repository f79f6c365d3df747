"""The BLAS library: loaded when a product needs it, and left alone when somebody else has it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from training_cases import run_checked

from cnn_core._ext import core

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/maps")

TRAIN = """
import numpy as np
import cnn_core as cnn
from cnn_core._ext import core
def train():
    net = cnn.Sequential([cnn.Dense(70, "relu"), cnn.Dense(5)], 40)
    trainer = cnn.Trainer(net, loss=cnn.MSE())
    trainer.fit(np.ones((90, 40)), np.ones((90, 5)), epochs=2, progress=False)
    cnn.kernels.dense_forward(np.ones((3, 4)), np.ones((4, 5)), np.ones(5))
    return net.predict(np.ones((900, 40)))
"""
WITHOUT_PRODUCTS = "x = cnn.Input('x'); assert cnn.Graph(x * x).forward(x=2.0) == 4\n"


@pytest.mark.parametrize(
    ("mode", "loads"), [("auto", False), ("own", False), ("blas", True)]
)
def test_blas_is_loaded_where_a_product_may_need_it(mode, loads):
    code = TRAIN + WITHOUT_PRODUCTS + "assert not core.blas_loaded()\ntrain()\n" \
                                      "print(core.blas_loaded())"  # fmt: skip
    assert run_checked(code, CNN_CORE_GEMM=mode) == str(loads)


@LINUX
def test_the_automatic_mode_leaves_no_library_in_the_process():
    code = TRAIN + "train()\nprint('scipy_openblas32' in open('/proc/self/maps').read())"
    assert run_checked(code, CNN_CORE_GEMM="auto") == "False"


def test_the_threads_of_a_library_that_somebody_else_has_loaded_are_left_as_they_are():
    code = TRAIN + """
import ctypes
theirs = ctypes.CDLL(core.blas_path())
theirs.scipy_openblas_set_num_threads(2)
before = theirs.scipy_openblas_get_num_threads()
train()
assert core.blas_loaded()
assert before == theirs.scipy_openblas_get_num_threads() == 2
"""
    run_checked(code, CNN_CORE_GEMM="blas", OPENBLAS_NUM_THREADS="2")


def test_a_library_of_ones_own_runs_on_one_thread():
    code = TRAIN + """
import ctypes, os
train()
assert ctypes.CDLL(core.blas_path()).scipy_openblas_get_num_threads() == 1
assert os.environ["OPENBLAS_NUM_THREADS"] == "2"
"""
    run_checked(code, CNN_CORE_GEMM="blas", OPENBLAS_NUM_THREADS="2")


@LINUX
def test_a_library_that_cannot_be_loaded_is_named_with_what_does_without():
    """There is no memory left for it; nothing is broken, and with memory it works."""
    code = TRAIN + """
import resource
limit = resource.getrlimit(resource.RLIMIT_AS)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 20), limit[1]))
try:
    train()
except cnn.errors.LibraryError as error:
    text = str(error)
resource.setrlimit(resource.RLIMIT_AS, limit)
assert {cnn.errors.CnnCoreError, ImportError} <= set(cnn.errors.LibraryError.__mro__)
assert text.startswith(f"cnn_core: need to load {core.blas_path()} for matrix products; got "), text
assert "CNN_CORE_GEMM=own" in text
train()
"""
    run_checked(code, CNN_CORE_GEMM="blas")


def test_the_operations_with_products_are_those_that_call_the_kernels_of_products():
    calls = {path.stem for path in (ROOT / "src_c" / "ops").glob("*.c")
             if re.search(r"K\(cnn_gemm\)\(", path.read_text("utf-8"))}  # fmt: skip
    assert calls == core.PRODUCTS
