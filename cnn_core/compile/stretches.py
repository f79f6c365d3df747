"""Stretches: runs of row-wise steps that take a large batch in blocks that stay in the cache."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cnn_core._ext.core import PRODUCTS
from cnn_core.compile.memory import ITEM_SIZE, n_bytes, plan_rows, row_bytes
from cnn_core.compile.steps import ROWS, Buffer, Step
from cnn_core.ir.node import Input
from cnn_core.ir.shapes import row_size
from cnn_core.state.blocks import LINE

CACHE_SHARE = 0.5
"""The part of the second-level cache that a block's rows of all operands may fill."""

CACHE_SIZE = 1 << 19
"""Its bytes, where the system does not say."""

ROW_MULTIPLE = 16
"""Rows of a block are a multiple of this, lest a vector that several rows share be cut."""

PRODUCT_ROWS = 192
"""Rows of a block at least where there are products: each block copies the weights anew."""

FIRST_CACHE = 1 << 15
"""Bytes of the first-level cache, which the two largest operands of a step fill where there are
few products: what a step writes is there when the next one reads it."""

FEW_PRODUCTS = 0.2
"""The part of the steps up to which products are few."""

LOCAL_SHARE = 0.25
"""The part of a row of all operands that must not leave the cache for blocks to pay: where all is
kept and written to memory, as in a `Graph`, whole steps are faster by a tenth."""

SUM_SHARE = 0.25
"""The part of that which the results of sums over the batch may take."""


class Stretch(NamedTuple):
    """The members of cnn_stretch of cnn_core.h."""

    first: int
    last: int
    last_sum: int
    first_local: int
    n_local: int
    rows_first: bool
    n_row: int


class Local(NamedTuple):
    """The members of cnn_local, the tensor as a buffer."""

    buffer: Buffer
    summed: bool
    fed: bool
    offset: int
    row: int


class Stretches(NamedTuple):
    """What a plan takes in blocks, the state of sums by step, and the bytes of block memory."""

    stretches: list[Stretch]
    locals: list[Local]
    states: dict[int, int]
    n_bytes: int


@cache
def cache_size() -> int:
    """Return the bytes of a core's second-level cache."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) << 10
    except (OSError, ValueError):
        return CACHE_SIZE


def find_stretches(
    steps: list[Step], outputs: Collection[Buffer], dtype: str, max_batch: int, *,
    n_forward: int = 0, sums: bool = True, local: bool = True,
) -> Stretches | None:  # fmt: skip
    """Return what of a program to take in blocks; None where the cache holds all.

    No stretch passes step ``n_forward``.  ``sums`` lets sums over the batch go on from block to
    block; with ``local``, buffers that nobody else needs have memory for one block alone.
    """
    found = Stretches([], [], {}, 0)
    for first, last in _runs(steps, n_forward):
        run = _Run(steps, first, last, dtype, sums)
        if run.row * max_batch <= cache_size():
            continue
        if local:
            run.find_local(outputs)
        n_row = run.n_row()
        if 0 < 2 * n_row <= max_batch:
            found = run.add_to(found, n_row)
    return found if found.stretches else None


def _runs(steps: list[Step], n_forward: int) -> Iterator[tuple[int, int]]:
    """Yield the first step and the end of each run of several row-wise steps."""
    first = 0
    for i in range(len(steps) + 1):
        rows = i < len(steps) and steps[i].split == ROWS
        if not rows or i == n_forward:
            if i - first > 1:
                yield first, i
            first = i if rows else i + 1


def _last_sum(steps: list[Step], last: int, dtype: str) -> int:
    """Return the end of the sums behind a run that may follow each of its blocks."""
    room = SUM_SHARE * CACHE_SHARE * cache_size()
    while last < len(steps) and steps[last].state >= 0:
        room -= n_bytes(steps[last].operands[-1], dtype, 1)
        if room < 0:
            break
        last += 1
    return last


class _Run:
    """The steps [first, last) and the sums behind them that may follow each block.

    ``row`` is what a batch row takes of all their operands, in bytes; ``local`` are the buffers
    whose rows no other block and no other step needs.
    """

    def __init__(self, steps: list[Step], first: int, last: int, dtype: str, sums: bool) -> None:
        self._all, self._dtype = steps, dtype
        self._first, self._last = first, last
        self._last_sum = _last_sum(steps, last, dtype) if sums else last
        self._steps = steps[first : self._last_sum]
        self._parts: dict[Buffer, dict[Buffer, None]] = {}  # of batched buffers
        for b in (b for step in self._steps for b in step.operands if b.batched):
            self._parts.setdefault(b.root, {})[b] = None
        self.row = sum(row_bytes(b, dtype) for b in self._parts)
        self.local: list[Buffer] = []

    def find_local(self, outputs: Collection[Buffer]) -> None:
        others = [*self._all[: self._first], *self._all[self._last_sum :]]
        shared = {b.root for step in others for b in step.operands} | {b.root for b in outputs}
        for root, parts in self._parts.items():
            free = not root.keep or (_is_fed(root) and row_size(root.shape) > 1)
            whole = root.home == "arena" and all(b.start == 0 for b in parts)
            if free and whole and root not in shared:
                self.local.append(root)

    def n_row(self) -> int:
        """Return the rows of a block; 0 where blocks do not pay."""
        weights = {b.root for step in self._steps for b in step.operands if not b.batched}
        room = CACHE_SHARE * cache_size() - sum(n_bytes(b, self._dtype, 1) for b in weights)
        _, local = plan_rows(self._steps, self.local, self._dtype, ROW_MULTIPLE)
        apart = self.row - sum(row_bytes(b, self._dtype) for b in self.local)
        n = int(room / (local / ROW_MULTIPLE + apart)) // ROW_MULTIPLE * ROW_MULTIPLE
        if self.row - apart < LOCAL_SHARE * self.row:
            return 0
        products = sum(step.op in PRODUCTS for step in self._steps)
        least = PRODUCT_ROWS if products else ROW_MULTIPLE
        if products and n < least:
            return 0
        if products <= FEW_PRODUCTS * len(self._steps):
            n = min(n, FIRST_CACHE // self._pair() // ROW_MULTIPLE * ROW_MULTIPLE)
        return max(n, least, ROW_MULTIPLE)

    def _pair(self) -> int:
        """Return the bytes of a row of the two largest operands of a step, of all steps."""
        rows = [sorted([row_bytes(b, self._dtype) for b in step.operands if b.batched])[-2:]
                for step in self._steps]  # fmt: skip
        return max(map(sum, rows))

    def add_to(self, found: Stretches, n_row: int) -> Stretches:
        offsets, size = plan_rows(self._steps, self.local, self._dtype, n_row)
        needed = {b.root for s in self._all[self._last : self._last_sum] for b in s.operands}
        local = [Local(b, root in needed, _is_fed(root), offsets[root], row_bytes(b, self._dtype))
                 for root in self.local for b in self._parts[root]]  # fmt: skip
        states = {}
        for i in range(self._last, self._last_sum):
            states[i] = size
            size += -(-self._all[i].state * ITEM_SIZE[self._dtype] // LINE) * LINE
        before = (b for step in self._all[: self._first] for b in step.operands)
        rows_first = not any(b.batched and row_size(b.shape) > 1 for b in before)
        stretch = Stretch(self._first, self._last, self._last_sum, len(found.locals), len(local),
                          rows_first, n_row)  # fmt: skip
        return Stretches([*found.stretches, stretch], found.locals + local,
                         found.states | states, max(found.n_bytes, size))  # fmt: skip


def _is_fed(buffer: Buffer) -> bool:
    return isinstance(buffer.source, Input)
