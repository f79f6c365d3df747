"""Shape rules that several operations share."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Node, Shape


def row_size(shape: Shape) -> int:
    """Return the elements of one row: all axes but a leading BATCH."""
    return prod(n for n in shape if n is not BATCH)


def with_rows(shape: Shape, n_rows: int) -> tuple[int, ...]:
    """Return ``shape`` with BATCH replaced by ``n_rows``."""
    return (n_rows, *shape[1:]) if shape and shape[0] is BATCH else shape


def row_or_rows(node: Node, n_rows: int | None) -> tuple[int, ...]:
    """Return a value's shape for ``n_rows``; for None that of a single row without a batch axis."""
    if n_rows is None:
        return node.shape[1:] if node.batched else node.shape
    return with_rows(node.shape, n_rows)


def broadcast(node: Node, shapes: Sequence[Shape] | None = None, what: str = "shapes") -> Shape:
    """Return the shape of the inputs broadcast together by NumPy's rule.

    BATCH fits BATCH and 1; it never fits another length, which would differ from batch to batch.
    ``shapes`` stand in for the shapes of the inputs where only some axes are broadcast; ``what``
    then says which.
    """
    found = [x.shape for x in node.inputs] if shapes is None else shapes
    shape: list = []
    n_dim = max(len(x) for x in found)
    for axis in range(-n_dim, 0):
        lengths = [x[axis] for x in found if len(x) >= -axis]
        wide = [n for n in lengths if n is BATCH or n != 1]
        if any(n is not wide[0] and n != wide[0] for n in wide[1:]):
            got = ", ".join(f"{x.label} {x.shape}" for x in node.inputs)
            raise ShapeError(f"{node.label}: need {what} that broadcast together; got {got}")
        shape.append(wide[0] if wide else 1)
    if BATCH in shape[1:]:
        got = ", ".join(f"{x.label} {x.shape}" for x in node.inputs)
        raise ShapeError(f"{node.label}: need the batch axis first in the result; got {got}")
    return tuple(shape)
