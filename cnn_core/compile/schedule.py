"""Schedule: how threads divide the steps of a program."""

from __future__ import annotations

from math import ceil, prod
from typing import NamedTuple

from cnn_core._ext.core import PRODUCTS
from cnn_core.compile.steps import COLUMNS, FORWARD, LATE, ROWS, UNITS, WHOLE, Buffer, Step
from cnn_core.ir.shapes import row_size, with_rows

MIN_FLOP = 1e6
"""Floating-point operations of one run below which a second thread does not pay."""

TILES_PER_THREAD = 3
"""Tiles of weight gradients per thread: few, to keep products large; more, to even out."""

UNIT_MULTIPLE = 16
"""Weight rows of a tile are a multiple of this, the height of a product kernel's tile."""

ROWS_PER_COLUMN = 0.5
"""Batch rows, for each column of a wide layer, up to which it is divided by columns.

Divided by rows, every thread reads and copies all weights of a layer and its share of the inputs,
divided by columns it is the other way round: that is less where rows are fewer than columns.  And
threads meet before and after each such layer."""

COLUMN_WEIGHTS = 1 << 16
"""Weights of a layer below which that does not pay."""

COLUMN_TILES = 2
"""Tiles of columns per thread, to even out, ..."""

COLUMN_WIDTH = 96
"""... if they are so wide: the first columns of a tile cost the most.  Else one per thread."""

COLUMN_MULTIPLE = 16
"""Columns of a tile are a multiple of this, a line of memory."""

PIECE_PRODUCT, PIECE_FLOP = 5e8, 5e7
"""Floating-point operations of a piece of a step, of a product and of anything else, ..."""

LONG_PARTS = 2
"""... so many of which make a run that a signal may end, ..."""

PRODUCT_PIECE, PIECE = {ROWS: 192, UNITS: 128}, {ROWS: 16, UNITS: 64}
"""... and rows or units of one at least: each of a product copies an operand anew."""

Segment = tuple[int, int, int, int, int, int]  # the members of cnn_segment
Tile = tuple[int, int, int]  # step, begin, end; end -1: all of it


class Schedule(NamedTuple):
    """How a plan is divided: see cnn_segment of cnn_core.h.

    The first ``n_first`` segments are the steps ``[0, n_forward)``.  ``rows_first``: nothing
    before the first row-wise segment reads a wide batched input.
    """

    segments: list[Segment]
    tiles: list[Tile]
    rows_first: bool
    n_forward: int
    n_first: int


def flop(step: Step, max_batch: int) -> float:
    """Estimate the floating-point operations of a step: exact for products, else rough."""
    sizes = [prod(with_rows(b.shape, max_batch)) for b in step.operands]
    if step.op == "dense" and step.which != 2 and step.operands[0].dtype == "real":
        x, w = step.operands[0], step.operands[1]
        rows = prod(with_rows(x.shape, max_batch)) // w.shape[0]
        return 2.0 * rows * prod(w.shape)
    return 4.0 * max(sizes)


def pieces(steps: list[Step], max_batch: int, total: float) -> list[int] | None:
    """Return the rows or units of each step that take 20 ms or so, 0: all; None: a run is short.

    ``total`` is the sum of `flop`.
    """
    if total < MIN_FLOP:
        return None
    parts = [_product_flop(step, max_batch) / PIECE_PRODUCT if _is_product(step)
             else flop(step, max_batch) / PIECE_FLOP for step in steps]  # fmt: skip
    if sum(parts) < LONG_PARTS:
        return None
    return [_piece(step, max_batch, n) if n > 1 else 0
            for step, n in zip(steps, parts, strict=True)]  # fmt: skip


def _is_product(step: Step) -> bool:
    return step.op in PRODUCTS and step.which != 2  # dense adds up the gradients of its biases


def _piece(step: Step, max_batch: int, n_part: float) -> int:
    if step.split == WHOLE:
        return 0
    least = (PRODUCT_PIECE if _is_product(step) else PIECE)[step.split]
    n = max_batch if step.split == ROWS else step.n_unit
    return max(int(n / n_part) // UNIT_MULTIPLE * UNIT_MULTIPLE, least)


def _product_flop(step: Step, max_batch: int) -> float:
    """Estimate the operations of (m, k) times (k, n) from the sizes of both and of the product."""
    operands = [*step.operands[:2], step.operands[-1 if step.which == FORWARD else -3]]
    x, y, z = [float(prod(with_rows(b.shape, max_batch))) for b in operands]
    each = max_batch if all(b.batched for b in operands) else 1
    return 2.0 * (x * y * z / each) ** 0.5


def divide(
    steps: list[Step], n_threads: int, max_batch: int, n_forward: int
) -> Schedule | None:
    """Return the segments and tiles for ``n_threads``, or None where one thread is better.

    No segment passes step ``n_forward``: the steps before it and from it on also run apart.
    """
    if n_threads < 2 or sum(flop(s, max_batch) for s in steps) < MIN_FLOP:
        return None
    segments: list[Segment] = []
    tiles: list[Tile] = []
    n_first = 0
    for first, last in ((0, n_forward), (n_forward, len(steps))):
        n_first = len(segments)
        late = last - sum(s.stage == LATE for s in steps[first:last])
        segments += _in_order(steps, first, late, n_threads, max_batch, tiles)
        for wave in _waves(steps, late, last):
            at = len(tiles)
            tiles += _tiles(steps, wave, n_threads, max_batch)
            segments.append((UNITS, wave[0], wave[-1] + 1, at, len(tiles) - at, 0))
    return Schedule(segments, tiles, _rows_first(steps, segments), n_forward, n_first)


def _in_order(
    steps: list[Step], first: int, last: int, n_threads: int, max_batch: int, tiles: list[Tile]
) -> list[Segment]:
    """Return maximal runs of steps that divide alike; one by columns or units is alone.

    Their tiles are added to ``tiles``.
    """
    segments: list[Segment] = []
    for i in range(first, last):
        step = steps[i]
        split = ROWS if step.split == ROWS else WHOLE
        columns = _column_tiles(i, step, n_threads)
        units = _unit_tiles(i, step, n_threads, max_batch) if step.split == UNITS else []
        if len(units) > 1:
            segments.append((UNITS, i, i + 1, len(tiles), len(units), 0))
            tiles += units
        elif columns:
            rows = int(ROWS_PER_COLUMN * step.n_unit)
            segments.append((COLUMNS, i, i + 1, len(tiles), len(columns), rows))
            tiles += columns
        elif segments and segments[-1][0] == split:
            segments[-1] = (split, segments[-1][1], i + 1, 0, 0, 0)
        else:
            segments.append((split, i, i + 1, 0, 0, 0))
    return segments


def _column_tiles(i: int, step: Step, n_threads: int) -> list[Tile]:
    """Return the tiles of step ``i``, if it is row-wise and has many weights."""
    weights = sum(prod(b.shape) for b in step.operands if not b.batched)
    if step.split != ROWS or not step.n_unit or weights < COLUMN_WEIGHTS:
        return []
    n_tile = n_threads
    if step.n_unit >= COLUMN_TILES * n_threads * COLUMN_WIDTH:
        n_tile = COLUMN_TILES * n_threads
    width = ceil(step.n_unit / n_tile / COLUMN_MULTIPLE) * COLUMN_MULTIPLE
    return [(i, at, min(at + width, step.n_unit)) for at in range(0, step.n_unit, width)]


def _waves(steps: list[Step], first: int, last: int) -> list[list[int]]:
    """Return the late steps in groups whose members may run in any order or at once."""
    waves: list[list[int]] = []
    written: dict[Buffer, int] = {}  # the last wave that writes a buffer
    touched: dict[Buffer, int] = {}
    for i in range(first, last):
        step = steps[i]
        operands = [b.root for b in step.operands]
        results = [b.root for b in step.written]
        after = [written[b] for b in operands if b in written]
        after += [touched[b] for b in results if b in touched]
        wave = max(after, default=-1) + 1
        for b in operands:
            touched[b] = max(wave, touched.get(b, -1))
        for b in results:
            written[b] = wave
        while len(waves) <= wave:
            waves.append([])
        waves[wave].append(i)
    return waves


def _tiles(steps: list[Step], wave: list[int], n_threads: int, max_batch: int) -> list[Tile]:
    """Return tiles of about equal work; those of weights in the order of the flat buffers.

    The optimizer divides the flat buffers in the same order: a thread then mostly updates the
    weights whose gradient it has just computed.
    """
    total = sum(flop(steps[i], max_batch) for i in wave)
    n_tile = n_threads * TILES_PER_THREAD
    found: list[Tile] = []
    for i in sorted(wave, key=lambda i: (steps[i].split != UNITS, -i)):
        step = steps[i]
        if step.split != UNITS:
            found.append((i, 0, -1))
            continue
        found += _unit_tiles(i, step, n_tile, max_batch, total)
    return found


def _unit_tiles(
    i: int, step: Step, n_tile: int, max_batch: int, total: float | None = None
) -> list[Tile]:
    """Return the tiles of step ``i``: ``n_tile`` if it were all of ``total``, and was worth it."""
    work = flop(step, max_batch)
    aim = max((work if total is None else total) / n_tile, MIN_FLOP / 8)
    n_tile = min(max(1, round(work / aim)), ceil(step.n_unit / UNIT_MULTIPLE))
    height = ceil(step.n_unit / n_tile / UNIT_MULTIPLE) * UNIT_MULTIPLE
    return [(i, at, min(at + height, step.n_unit)) for at in range(0, step.n_unit, height)]


def _rows_first(steps: list[Step], segments: list[Segment]) -> bool:
    """Tell whether the row tiles may gather their own rows of the wide inputs."""
    for split, first, last, *_ in segments:
        if split in (ROWS, COLUMNS):
            return True
        if any(b.batched and row_size(b.shape) > 1 for s in steps[first:last] for b in s.operands):
            return False
    return False
