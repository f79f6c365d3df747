"""ThreadSanitizer, where ``bash .ci/sanitize thread`` has it watch, sees a race in a kernel."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest
from test_pool import COMPILER, SRC

WATCHED = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "__tsan_init")

RACE = """
static cnn_kernel next;
int64_t n_calls;
void follow(cnn_kernel kernel) { next = kernel; }
cnn_status counting(const cnn_call *call) { n_calls++; return next(call); }
"""

PLANTED = """
import ctypes, sys, warnings
import numpy as np, cnn_core as cnn
from cnn_core.compile import schedule
warnings.simplefilter("ignore")
schedule.MIN_FLOP = 1.0
cnn.set_num_threads(3)
library = ctypes.CDLL(sys.argv[1])
w = cnn.Parameter("w", np.ones((40, 33)))
store = cnn.ParamStore([w], "float32")
from cnn_core.run.program import Program
program = Program([cnn.ops.tanh(cnn.ops.dense(cnn.Input("x", (cnn.BATCH, 40)), w))], store,
                  max_batch=240)
program.use_threads(3)
counting = ctypes.cast(library.counting, ctypes.c_void_p).value
library.follow(ctypes.c_void_p(program.plan.replace_kernel(0, counting)))
for _ in range(100):
    program.binding.run(0, program.n_steps, 240, n_thread=3)
print("calls:", ctypes.c_int64.in_dll(library, "n_calls").value)
"""


@pytest.mark.skipif(not WATCHED, reason="ThreadSanitizer does not watch")
def test_a_planted_race_is_seen(tmp_path):
    """A kernel that counts its calls in a plain variable."""
    source, library = tmp_path / "race.c", tmp_path / "race.so"
    source.write_text('#include "cnn_core.h"\n' + RACE)
    subprocess.run(
        [COMPILER, "-g", "-O1", "-fsanitize=thread", "-shared", "-fPIC", f"-I{SRC / 'include'}",
         str(source), "-o", str(library)], check=True,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PLANTED, str(library)], capture_output=True, text=True,
        env={**os.environ, "TSAN_OPTIONS": "exitcode=66"},
    )  # fmt: skip
    assert done.returncode == 66, done.stdout + done.stderr
    assert "data race" in done.stderr
    assert "in counting" in done.stderr
