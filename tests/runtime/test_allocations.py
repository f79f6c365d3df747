"""No memory is asked for once a network is compiled, however many steps are made.

A library that counts is compiled and preloaded into processes of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="preloads a library of glibc"),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
    pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="another library counts allocations"),
]

SOURCES_TABLE = 1
"""What one chunk of training asks for before its first step: the table of its input arrays."""


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], dict]:
    """Return a function that runs a case of allocation_child.py: {name: (calls, bytes)}."""
    library = tmp_path_factory.mktemp("count") / "count.so"
    done = subprocess.run(
        [COMPILER, "-std=c11", "-O1", "-Wall", "-Wextra", "-fPIC", "-shared",
         str(HERE / "count_allocations.c"), "-o", str(library)], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    def run(case: str, n_threads: int) -> dict:
        command = [sys.executable, str(HERE / "allocation_child.py"), str(library), case]
        done = subprocess.run(
            [*command, str(n_threads)], capture_output=True, text=True, timeout=120,
            env={**os.environ, "LD_PRELOAD": str(library)},
        )  # fmt: skip
        if "undefined symbol: __libc" in done.stderr or "symbol not found" in done.stderr:
            pytest.skip("this C library is not glibc")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_counter_counts(counted):
    found = counted("self_check", 1)
    assert found["nothing"] == [0, 0]
    assert found["malloc"] == found["calloc"] == [1, 100_000]
    assert found["mmap"] == [1, 1 << 20]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_kernel_that_allocates_is_seen(counted, n_threads):
    assert counted("planted", n_threads)["planted"][0] >= 100


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_no_training_step_allocates(counted, n_threads):
    for optimizer, (one, thousand) in counted("training", n_threads).items():
        assert thousand == one, optimizer
        assert one[0] == SOURCES_TABLE, optimizer


@pytest.mark.parametrize("n_threads", [1, 2])
def test_single_steps_from_python_do_not_allocate(counted, n_threads):
    assert counted("single_steps", n_threads) == {"steps": [0, 0]}


@pytest.mark.parametrize("n_threads", [1, 2])
def test_prediction_into_a_given_array_does_not_allocate(counted, n_threads):
    found = counted("prediction", n_threads)
    assert found == {"1": [0, 0], "7": [0, 0], "5000": [0, 0]}


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("case", ["conversion", "evaluation"])
def test_memory_does_not_grow_with_the_rows(counted, case, n_threads):
    few, many = counted(case, n_threads).values()
    assert many == few
