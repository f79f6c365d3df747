"""The base of operations on pairs of vectors along the last axis."""

from __future__ import annotations

from cnn_core.errors import ShapeError
from cnn_core.ir.binary import walk
from cnn_core.ir.node import BATCH, Node
from cnn_core.ir.shapes import broadcast


class VectorPair(Node):
    """y = f(a, b), a (..., N) and b (..., M); the axes before are broadcast together."""

    def infer_shape(self) -> None:
        for x in self.inputs:
            if not x.shape or x.shape[-1] is BATCH:
                self.refuse("need vectors along the last axis, which is not the batch axis")
        a, b = (x.shape for x in self.inputs)
        self._lead = broadcast(self, [a[:-1], b[:-1]], "all axes but the last")

    def refuse(self, need: str) -> None:
        """Raise `ShapeError` naming both operands."""
        a, b = self.inputs
        raise ShapeError(f"{self.label}: {need}; got {a.label} {a.shape} and {b.label} {b.shape}")

    def attrs(self) -> tuple[float | int, ...]:
        """Return how a row of the axes before the last is walked; the lengths of the vectors."""
        a, b = (x.shape for x in self.inputs)
        sizes = a[-1], b[-1]
        return (*walk(self._lead, [a[:-1], b[:-1]], sizes), *sizes)
