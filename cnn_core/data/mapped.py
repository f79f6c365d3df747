"""Memory-mapped arrays: pages that have been read, given back before they are many."""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from cnn_core import arrays

MOST_RESIDENT = 128 << 20
"""Bytes by which the process may grow before pages are given back: they stay in the system's cache,
and cost a page fault when they are read again."""

MOST_READ = 32 << 20
"""Bytes that one call may read."""

AROUND = 64 << 10
"""Bytes that the system maps around one that is read."""

STATM = "/proc/self/statm"


class MappedPages:
    """The pages of the memory-mapped among some arrays, of which rows are read.

    A page that has been read counts as memory of this process until somebody else needs it.  An
    array of changes that are nobody else's (mode "c") is left alone.
    """

    def __init__(self, given: Iterable[Any], *, in_order: bool) -> None:
        found = [(a, base) for a in given if (base := _mapped(a)) is not None]
        self._maps = list({id(base._mmap): base._mmap for _, base in found}.values())
        around = 0 if in_order else AROUND
        self._row = sum(prod(a.shape[1:]) * a.itemsize + around for a, _ in found)
        self._begin = 0
        if found:
            self._drop()  # what an earlier call has left

    def most_steps(self, steps: int, batch: int) -> int:
        """Return how many of ``steps`` to make in one call, so that it does not read too much."""
        return min(steps, max(1, MOST_READ // (self._row * batch))) if self._maps else steps

    def give_back(self) -> None:
        """Give the pages back where there are many."""
        if self._maps and _resident() - self._begin > MOST_RESIDENT:
            self._drop()

    def _drop(self) -> None:
        import mmap  # which only few trainings need

        for pages in self._maps if hasattr(mmap, "MADV_DONTNEED") else ():
            pages.madvise(mmap.MADV_DONTNEED)
        self._begin = _resident()


def find_beyond(x: np.ndarray, reach: float) -> int:
    """Do what `arrays.find_beyond` does; of a memory-mapped array give the pages back as it goes.
    """
    if _mapped(x) is None:
        return arrays.find_beyond(x, reach)
    pages, width = MappedPages([x], in_order=True), max(1, x.size // max(len(x), 1))
    n = max(1, MOST_READ // (width * x.itemsize))
    for begin in range(0, len(x), n):
        found = arrays.find_beyond(x[begin : begin + n], reach)
        pages.give_back()
        if found >= 0:
            return begin * width + found
    return -1


def _mapped(x: Any) -> np.memmap | None:
    """Return the map that ``x`` is a view of, if its pages can be given back."""
    base = x
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    fits = isinstance(base, np.memmap) and base.mode != "c"
    return base if fits and getattr(base, "_mmap", None) is not None else None


def _resident() -> int:
    """Return the bytes of memory of this process; 0 where the system does not say."""
    try:
        with open(STATM, "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
