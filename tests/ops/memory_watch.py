"""Sees every byte that a kernel should not have written."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cnn_core.compile.steps import Buffer
from cnn_core.run.program import Program


class MemoryWatch:
    """Watches all memory of a program: arena, constants, parameters and their gradients.

    What lies outside the buffers' present rows (guard lines, ends of lines, unused batch rows,
    gaps between parameters) is filled with numbers that differ from place to place and from
    filling to filling.  They are finite, so that adding to one shows; of one magnitude, so that
    none absorbs another; and far larger than any data, so that reading one shows as well.
    """

    def __init__(self, program: Program, rng: np.random.Generator) -> None:
        store = program.store
        self.program, self._rng = program, rng
        self._homes = {"arena": program.arena, "constants": program.code.constants,
                       "parameters": store.value, "gradients": store.grad}  # fmt: skip
        self._outside: dict[int, dict[str, np.ndarray]] = {}  # by the number of rows
        self._before: dict[str, np.ndarray] = {}
        self._writable: dict[str, np.ndarray] = {}

    def sentinels(self, memory: np.ndarray) -> None:
        """Fill ``memory``, of any dtype, with sentinels."""
        memory = memory.reshape(-1).view(np.uint8)
        real = self.program.dtype
        if len(memory) % real.itemsize:
            real = np.dtype(np.int32)
        n = len(memory) // real.itemsize
        memory[:] = self._rng.uniform(1e6, 2e6, n).astype(real).view(np.uint8)

    def surround(self) -> None:
        """Put new sentinels wherever no present row of a buffer is."""
        for home, outside in self._places().items():
            memory = self._homes[home].view(np.uint8)
            fresh = np.empty(len(memory) // 8 * 8 + 8, np.uint8)
            self.sentinels(fresh)
            np.copyto(memory, fresh[: len(memory)], where=outside)

    def _places(self) -> dict[str, np.ndarray]:
        """Return by home, byte for byte, where no present row of a buffer is."""
        program, store = self.program, self.program.store
        found = self._outside.get(program.n_rows)
        if found is None:
            found = {home: np.zeros(self._homes[home].nbytes, bool)
                     for home in ("arena", "parameters", "gradients")}  # fmt: skip
            start = program.arena.ctypes.data
            for _, memory in program.guards():
                at = memory.ctypes.data - start
                found["arena"][at : at + len(memory)] = True
            for name, (begin, end) in store.spans.items():
                for home in ("parameters", "gradients"):
                    item = self._homes[home].itemsize
                    found[home][(begin + store[name].size) * item : end * item] = True
            self._outside[program.n_rows] = found
        return found

    def _bytes(self, buffer: Buffer) -> tuple[str, slice]:
        space, start = self.program.code.place(buffer)
        array = self.program._spaces[space]
        home = next(k for k, a in self._homes.items() if a is array)
        return home, slice(start, start + self.program.view(buffer).nbytes)

    def start(self, writable: Iterable[Buffer]) -> None:
        """Remember all memory; until `check`, only ``writable`` may change."""
        self._before = {k: a.view(np.uint8).copy() for k, a in self._homes.items()}
        self._writable = {k: np.zeros(len(a), bool) for k, a in self._before.items()}
        for buffer in writable:
            home, place = self._bytes(buffer)
            self._writable[home][place] = True

    def check(self, who: str) -> None:
        """Raise `AssertionError` naming the nearest buffer if anything else has changed."""
        for home, before in self._before.items():
            now = self._homes[home].view(np.uint8)
            wrong = np.flatnonzero((now != before) & ~self._writable[home])
            if len(wrong):
                raise AssertionError(f"{who} wrote to {self._describe(home, int(wrong[0]))}")

    def _describe(self, home: str, at: int) -> str:
        places = [(self._bytes(b), b) for b in self.program.code.buffers]
        owners = [(place, b) for (h, place), b in places if h == home and place.start <= at]
        if not owners:
            return f"byte {at} of the {home}"
        place, buffer = max(owners, key=lambda o: o[0].start)
        if at < place.stop:
            return f"{buffer.key}, which is not its to write"
        return f"byte {at - place.stop} after {buffer.key}: a guard, a gap or an unused row"
