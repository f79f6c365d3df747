"""Memory: buffers share an arena where their lifetimes do not overlap."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable
from math import prod

from cnn_core.compile.steps import FORWARD, LATE, ROWS, Buffer, Step
from cnn_core.ir.shapes import row_size, with_rows
from cnn_core.state.blocks import LINE

ITEM_SIZE = {"float32": 4, "float64": 8, "int32": 4, "uint8": 1, "int64": 8}


def n_bytes(buffer: Buffer, dtype: str, max_batch: int) -> int:
    """Return the bytes of a buffer, rounded up to whole lines."""
    item = ITEM_SIZE[dtype if buffer.dtype == "real" else buffer.dtype]
    return -(-prod(with_rows(buffer.shape, max_batch)) * item // LINE) * LINE


def row_bytes(buffer: Buffer, dtype: str) -> int:
    """Return the bytes of one row of a batched buffer."""
    return row_size(buffer.shape) * ITEM_SIZE[dtype if buffer.dtype == "real" else buffer.dtype]


def lifetimes(steps: list[Step]) -> dict[Buffer, tuple[int, int]]:
    """Return the first and last step that touch each buffer of the arena, or a part of it."""
    spans: dict[Buffer, tuple[int, int]] = {}
    for at, step in enumerate(steps):
        for operand in step.operands:
            buffer = operand.root
            if buffer.home == "arena":
                first = spans[buffer][0] if buffer in spans else at
                spans[buffer] = (first, at)
    for buffer in spans:
        if buffer.keep:
            spans[buffer] = (-1, len(steps))
    return spans


class _FreeList:
    """Free blocks of the arena by size; a request takes the smallest that is large enough."""

    def __init__(self) -> None:
        self._blocks: list[tuple[int, int]] = []  # (size, offset), sorted
        self.end = 0

    def take(self, size: int) -> int:
        at = bisect_left(self._blocks, (size, 0))
        if at < len(self._blocks):
            found, offset = self._blocks.pop(at)
            if found > size:
                insort(self._blocks, (found - size, offset + size))
            return offset
        offset = self.end
        self.end += size
        return offset

    def give(self, offset: int, size: int) -> None:
        insort(self._blocks, (size, offset))


class _Resting:
    """Memory whose last use has been planned, but which some thread may still be using.

    Threads take different rows through a run of row-wise steps, each at its own speed, and late
    steps in any order.  Within such a run, freed memory is safe for one purpose only: as another
    buffer with rows of the same length, row by row in the same place.
    """

    def __init__(self, free: _FreeList) -> None:
        self._free = free
        self._blocks: dict[tuple[int, int], list[int]] = {}  # (size, row) -> offsets
        self._run: str | None = None

    def enter(self, step: Step) -> None:
        """Come to the next step; what rests is free once its run has ended."""
        run = "late" if step.stage == LATE else "rows" if step.split == ROWS else None
        if run != self._run or run is None:
            for (size, _), offsets in self._blocks.items():
                for offset in offsets:
                    self._free.give(offset, size)
            self._blocks = {}
        self._run = run

    def take(self, key: tuple[int, int]) -> int | None:
        """Return memory that may become a buffer of this size and row length at once."""
        found = self._blocks.get(key) if self._run == "rows" and key[1] else None
        return found.pop() if found else None

    def give(self, key: tuple[int, int], offset: int) -> None:
        """Take back the memory of a buffer."""
        if self._run is None:
            self._free.give(offset, key[0])
        else:
            self._blocks.setdefault(key, []).append(offset)


def _key(buffer: Buffer, dtype: str, max_batch: int) -> tuple[int, int]:
    """Return the bytes of a buffer and those of one row; 0 for a buffer without rows."""
    row = row_bytes(buffer, dtype) if buffer.batched else 0
    return n_bytes(buffer, dtype, max_batch), row


def plan_memory(
    steps: list[Step], extra: Iterable[Buffer], dtype: str, max_batch: int, guard: int = 0,
    elsewhere: Collection[Buffer] = (),
) -> tuple[dict[Buffer, int], int]:  # fmt: skip
    """Return the offset of every arena buffer, and the size of the arena, in bytes.

    ``extra`` are buffers that no step touches, ``elsewhere`` those that lie outside.  ``guard`` > 0
    leaves that many bytes free after each buffer and lets none share, so that a test can see who
    writes where it should not.
    """
    spans = lifetimes(steps)
    for buffer in extra:
        spans.setdefault(buffer, (-1, len(steps)))
    for buffer in elsewhere:
        spans.pop(buffer, None)
    starts: dict[int, list[Buffer]] = {}
    ends: dict[int, list[Buffer]] = {}
    for buffer, (first, last) in spans.items():
        starts.setdefault(first, []).append(buffer)
        ends.setdefault(last, []).append(buffer)
    offsets: dict[Buffer, int] = {}
    free = _FreeList()
    resting = _Resting(free)
    for at in range(-1, len(steps)):
        if at >= 0:
            resting.enter(steps[at])
        for buffer in starts.get(at, ()):
            key = _key(buffer, dtype, max_batch)
            same = None if guard else resting.take(key)
            offsets[buffer] = free.take(key[0] + guard) if same is None else same
        for buffer in ends.get(at, ()) if not guard else ():
            resting.give(_key(buffer, dtype, max_batch), offsets[buffer])
    return offsets, free.end


def plan_rows(
    steps: list[Step], buffers: list[Buffer], dtype: str, n_row: int
) -> tuple[dict[Buffer, int], int]:
    """Return the offset of each of ``buffers``, for ``n_row`` rows, and the bytes of all.

    One thread runs the steps one after the other; no other step needs these buffers.
    """
    spans: dict[Buffer, list[int]] = {b: [] for b in buffers}
    for at, step in enumerate(steps):
        for b in step.operands:
            if b.root in spans:
                spans[b.root].append(at)
    free, offsets = _FreeList(), {}
    for at, step in enumerate(steps):
        mine = dict.fromkeys(b.root for b in step.operands if b.root in spans)
        born = [b for b in mine if spans[b][0] == at]
        gone = [b for b in mine if spans[b][-1] == at]
        if _in_place(step) and gone == [step.operands[0].root] and born == [step.operands[1].root]:
            offsets[born[0]] = offsets[gone.pop()]
            born = []
        for b in born:
            offsets[b] = free.take(n_bytes(b, dtype, n_row))
        for b in gone:
            free.give(offsets[b], n_bytes(b, dtype, n_row))
    return offsets, free.end


def _in_place(step: Step) -> bool:
    """Tell whether the value may take the place of the only input, element by element."""
    node = step.node
    return step.which == FORWARD and node is not None and node.is_map and step.op == node.op
