"""Memory: buffers share an arena where their lifetimes do not overlap."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from math import prod

from cnn_core.graph.lowering import Buffer, Step
from cnn_core.graph.params import LINE
from cnn_core.graph.shapes import with_rows

ITEM_SIZE = {"float32": 4, "float64": 8, "int32": 4, "uint8": 1}


def n_bytes(buffer: Buffer, dtype: str, max_batch: int) -> int:
    """Return the bytes of a buffer, rounded up to whole lines."""
    item = ITEM_SIZE[dtype if buffer.dtype == "real" else buffer.dtype]
    return -(-prod(with_rows(buffer.shape, max_batch)) * item // LINE) * LINE


def lifetimes(steps: list[Step]) -> dict[Buffer, tuple[int, int]]:
    """Return the first and last step that touch each buffer of the arena."""
    spans: dict[Buffer, tuple[int, int]] = {}
    for at, step in enumerate(steps):
        for buffer in step.operands:
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


def plan_memory(
    steps: list[Step], extra: Iterable[Buffer], dtype: str, max_batch: int, guard: int = 0
) -> tuple[dict[Buffer, int], int]:
    """Return the offset of every arena buffer, and the size of the arena, in bytes.

    ``extra`` are buffers that no step touches.  ``guard`` > 0 leaves that many bytes free after
    each buffer and lets none share, so that a test can see who writes where it should not.
    """
    spans = lifetimes(steps)
    for buffer in extra:
        spans.setdefault(buffer, (-1, len(steps)))
    offsets: dict[Buffer, int] = {}
    free = _FreeList()
    starts: dict[int, list[Buffer]] = {}
    ends: dict[int, list[Buffer]] = {}
    for buffer, (first, last) in spans.items():
        starts.setdefault(first, []).append(buffer)
        ends.setdefault(last, []).append(buffer)
    for at in range(-1, len(steps)):
        for buffer in starts.get(at, ()):
            offsets[buffer] = free.take(n_bytes(buffer, dtype, max_batch) + guard)
        if not guard:
            for buffer in ends.get(at, ()):
                free.give(offsets[buffer], n_bytes(buffer, dtype, max_batch))
    return offsets, free.end
