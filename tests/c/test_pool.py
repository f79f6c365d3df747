"""The thread pool under stress: plain, and watched by the thread and address sanitizers.

``pool_stress.c`` is compiled together with ``src_c/core/pool.c`` alone, without Python.

For another machine: CC is a compiler for it, and CNN_TEST_LAUNCH the command that runs programs of
its kind here, such as ``qemu-aarch64 -L /usr/aarch64-linux-gnu``, or ``wine`` (.ci/platforms).
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SRC = HERE.parents[1] / "src_c"
COMPILER = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
LAUNCH = shlex.split(os.environ.get("CNN_TEST_LAUNCH", ""))
WINDOWS = COMPILER is not None and "mingw" in Path(COMPILER).name
THREADS = ["-static"] if WINDOWS else ["-pthread"]
SANITIZERS = {"plain": None, "thread": "thread", "address": "address,undefined"}
ROUNDS = {"loops": 500, "callers": 500, "fork": 20, "limits": 1}

# Each makes one edit of pool.c that must not survive: what is wrong, mode, build that sees it.
FAULTS = {
    "tile taken twice": (
        "if (atomic_compare_exchange_weak_explicit(t, &seen, seen + 1, memory_order_acq_rel,\n"
        "                                                  memory_order_acquire))",
        "if ((atomic_store(t, seen + 1), 1))",
        "loops", "thread",
    ),
    "results not handed over": (
        "atomic_fetch_add_explicit(&pool.n_done, 1, memory_order_release)",
        "atomic_fetch_add_explicit(&pool.n_done, 1, memory_order_relaxed)",
        "loops", "thread",
    ),
    "caller does not wait": ("< n_tile; spin++)", "< n_tile - 1; spin++)", "loops", "thread"),
    "more workers than places": (
        "grow(n_thread < CNN_MAX_THREAD ? n_thread : CNN_MAX_THREAD);\n    /* After",
        "grow(n_thread);\n    /* After", "limits", "address",
    ),
    "more tiles than a ticket holds": (
        "n = left < MAX_TILE ? left : MAX_TILE;", "n = left;", "limits", "plain",
    ),
    "two callers at once": (
        "!cnn_lock_try(&pool.taken)", "pool.loop > 0xffffff", "callers", "thread",
    ),
    "child believes in workers": ("    pool.n_worker = pool.refused = 0;\n", "", "fork", "plain"),
    "child inherits the lock": (
        "    cnn_lock_init(&pool.taken);\n", "", "fork", "plain",
    ),
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    COMPILER is None or sys.platform == "win32", reason="no C compiler with GCC's options"
)


def compile_stress(pool: Path, out: Path, sanitizer: str | None) -> Path:
    if sanitizer and LAUNCH:
        pytest.skip("the sanitizers watch programs for this machine")
    command = [COMPILER, "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-D_POSIX_C_SOURCE=200809L"]
    command += [f"-fsanitize={sanitizer}"] if sanitizer else []
    command += [f"-I{SRC}", f"-I{SRC / 'core'}", f"-I{SRC / 'include'}"]
    command += [str(HERE / "pool_stress.c"), str(pool), *THREADS, "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and sanitizer and "pool.c" not in done.stderr:
        pytest.skip(f"this compiler has no {sanitizer} sanitizer: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    return out


def run(program: Path, mode: str, timeout: float) -> tuple[bool, str]:
    """Return whether the run found all in order, and what it printed."""
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    if mode == "fork" and WINDOWS:
        pytest.skip("Windows has no fork")
    if mode == "fork" and LAUNCH and "qemu" in LAUNCH[0]:
        pytest.skip("this emulator fails itself when a process of several threads forks")
    env |= {"TSAN_OPTIONS": "halt_on_error=1", "UBSAN_OPTIONS": "halt_on_error=1"}
    command = [*LAUNCH, str(program), mode, str(ROUNDS[mode])]
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, env=env, start_new_session=True)  # fmt: skip
        output, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # its forked children too
        child.communicate()
        return False, f"{mode}: still running after {timeout} s"
    if "unexpected memory mapping" in output:
        pytest.skip("the thread sanitizer cannot run with this kernel's address layout")
    return child.returncode == 0, output


@pytest.fixture(scope="module")
def stress(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that compiles the unchanged pool once for each sanitizer."""
    folder = tmp_path_factory.mktemp("pool")

    def program(kind: str) -> Path:
        out = folder / f"stress_{kind}.exe"  # a name that Windows asks of a program
        if not out.exists():
            compile_stress(SRC / "core" / "pool.c", out, SANITIZERS[kind])
        return out

    return program


@pytest.mark.parametrize("kind", SANITIZERS)
@pytest.mark.parametrize("mode", ROUNDS)
def test_every_tile_runs_once(stress: Callable[[str], Path], kind: str, mode: str) -> None:
    if (kind, mode) == ("thread", "fork"):
        pytest.skip("the thread sanitizer does not follow threads into a child")
    in_order, output = run(stress(kind), mode, timeout=120)
    assert in_order, output


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_pool_is_caught(fault: str, tmp_path: Path) -> None:
    right, wrong, mode, kind = FAULTS[fault]
    text = (SRC / "core" / "pool.c").read_text()
    assert text.count(right) == 1, f"pool.c has changed: {fault} needs another edit"
    edited = tmp_path / "wrong.c"
    edited.write_text(text.replace(right, wrong))
    program = compile_stress(edited, tmp_path / "stress.exe", SANITIZERS[kind])
    # Whether threads meet in the wrong moment is chance: some more tries where the first misses.
    assert not all(run(program, mode, timeout=5)[0] for _ in range(5))
