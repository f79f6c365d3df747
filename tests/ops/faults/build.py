"""Compiles the C file of one operation, changed in one place, and puts it into programs."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from cnn_core.compile.steps import ROWS, STATISTICS
from cnn_core.run.program import Program

HERE = Path(__file__).resolve().parent
SRC = HERE.parents[2] / "src_c"
FLAGS = ["-std=c11", "-O0", "-ffp-contract=off", "-shared", "-fPIC", "-w"]
MAX_GRAD = 4


def compiler() -> str | None:
    """Return the C compiler, or None where there is none."""
    return shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")


def compile_library(sources: Sequence[Path], root: Path, out: Path) -> ctypes.CDLL:
    """Return the shared library of ``sources``, with the headers of ``root``, a copy of src_c."""
    include = [f"-I{root}", f"-I{root / 'include'}"]
    command = [compiler(), *FLAGS, *include, *map(str, sources), "-o", str(out), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(out))


def edited_copy(folder: Path, file: str, old: str, new: str) -> Path:
    """Return a copy of src_c in which ``old``, which ``file`` holds exactly once, is ``new``."""
    root = folder / "src_c"
    shutil.copytree(SRC, root)
    path = root / file
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{file}: need {old!r} exactly once; got it {text.count(old)} times")
    path.write_text(text.replace(old, new))
    return root


def _pairs(entries: Sequence[int | None]) -> list[Sequence[int | None]]:
    return [entries[i : i + 2] for i in range(0, len(entries), 2)]


def compile_objects(folder: Path, root: Path = SRC, changed: str = "") -> None:
    """Compile what operations share; of a copy of src_c, what reads the file that is changed."""
    sources = [*(SRC / "shared").glob("*.c"), SRC / "gemm" / "transpose.c"]
    sources = [root / source.relative_to(SRC) for source in sources
               if not changed or SRC / changed in _read_by(source)]  # fmt: skip
    folder.mkdir()
    if sources:
        command = [compiler(), *FLAGS, "-c", f"-I{root}", f"-I{root / 'include'}"]
        subprocess.run([*command, *sources, HERE / "plain_gemm.c"], cwd=folder, check=True)


def link_shared(out: Path, *folders: Path) -> None:
    """Make a library for those of one operation each; the last folder's objects come first."""
    objects = {path.name: path for folder in folders for path in folder.glob("*.o")}
    subprocess.run([compiler(), *FLAGS, *objects.values(), "-o", out, "-lm"], check=True)


@cache
def _read_by(source: Path) -> frozenset[Path]:
    """Return a source, and all headers that it reads."""
    found, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            for name in re.findall(r'#\s*include\s+"([^"]+)"', path.read_text()):
                homes = (path.parent, SRC, SRC / "include")
                waiting += [home / name for home in homes if (home / name).exists()]
    return frozenset(found)


class OpLibrary:
    """The kernels of one operation, compiled from the copy of src_c at ``root``; ``shared`` is
    what `link_shared` has made of the same copy."""

    def __init__(self, op: str, root: Path, folder: Path, shared: Path) -> None:
        self.op = op
        sources = [root / "ops" / f"{op}.c", shared]
        self._library = compile_library(sources, root, folder / f"{op}.so")
        # cnn_op: name, forward, grad, fused_loss, map, each of the kernels for float and double;
        # products, more
        table = ctypes.c_void_p * (1 + 2 * (MAX_GRAD + 3) + 2)
        _, *entries, _, more = table.in_dll(self._library, f"cnn_op_{op}_baseline")
        self._forward, *self._grad, self._fused_loss, _ = _pairs(entries)
        # cnn_more: statistics, sums, update
        self._more = _pairs((ctypes.c_void_p * 6).from_address(more)) if more else []

    def address(self, which: int, is_double: bool) -> int:
        """Return the address of the kernel of a step, by its `which`."""
        if which == -1:
            return self._forward[is_double]
        if which == -2:
            return self._fused_loss[is_double]
        if which <= STATISTICS:
            return self._more[STATISTICS - which][is_double]
        last = max(i for i, pair in enumerate(self._grad) if pair[0])
        return self._grad[min(which, last)][is_double]

    def put_into(self, program: Program) -> None:
        """Let all steps of this operation use these kernels."""
        for at, step in enumerate(program.steps):
            if step.op == self.op:
                address = self.address(step.which, program.dtype == np.float64)
                program.plan.replace_kernel(at, address)


def compile_splitter(out: Path) -> None:
    """Compile what a `Splitter` calls."""
    compile_library([HERE / "split.c"], SRC, out)


class Splitter:
    """Runs steps in pieces of a given number of rows or units, by what `compile_splitter` made."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._kernel = ctypes.c_void_p.in_dll(self._library, "split_kernel")
        self._piece = ctypes.c_int64.in_dll(self._library, "split_piece")
        self._run = ctypes.cast(self._library.split_run, ctypes.c_void_p).value

    def run(self, program: Program, piece: int, run: Callable[[int, int], None]) -> None:
        """Call ``run(s, s + 1)`` for every step s, which goes in pieces if it may be divided."""
        for at, step in enumerate(program.steps):
            # Rows whose sums are made together are not parted: CNN_ROW_BLOCK of cnn_core.h.
            blocks = step.split == ROWS and step.node is not None and step.node.sums
            self._piece.value = 16 if blocks else piece
            if step.split:
                self._kernel.value = program.plan.replace_kernel(at, self._run)
            run(at, at + 1)
            if step.split:
                program.plan.replace_kernel(at, self._kernel.value)
