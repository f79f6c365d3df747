"""The base of norms along rows, the last axis: layer_norm and rms_norm."""

from __future__ import annotations

from math import prod
from typing import Any

from cnn_core import options
from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Constant, Node, as_node

BLOCK = 16
"""CNN_ROW_BLOCK of cnn_core.h: rows whose sums are made together."""


class RowNorm(Node):
    """y = (x - m) / s scale (+ shift) over the last axis.  x, y (..., N), scale, shift (N,)."""

    grad_reads = "x"
    eps: float | None = None

    def infer_shape(self) -> None:
        x, *vectors = self.inputs
        n = x.shape[-1] if x.shape else None
        if n is None or n is BATCH or any(v.shape != (n,) for v in vectors):
            got = ", ".join(f"{v.label} {v.shape}" for v in self.inputs)
            names = ", ".join(("scale", "shift")[: len(vectors)])
            raise ShapeError(f"{self.label}: need x (..., N) and {names} (N,); got {got}")
        self.shape = x.shape
        if self.eps is not None or type(self).eps is not None:
            self.eps = options.number(self.label, self.eps, options.SMALLEST_EPS, options.LARGEST,
                                      option="eps")  # fmt: skip
        batch = x.shape[:1] if x.batched else ()
        self._rows, self.sums = rows_and_sums(x, n * len(vectors))
        self.saved = {"measures": (*batch, 3 * self._rows)}

    def attrs(self) -> tuple[float | int, ...]:
        """Return N, the rows of a row of the batch, eps, and whether the mean is taken off."""
        eps = -1.0 if self.eps is None else self.eps
        return self.shape[-1], self._rows, eps, int(len(self.inputs) == 3)

    def n_unit(self, wrt: int) -> int:
        return self.shape[-1] if wrt > 0 else 0


def rows_and_sums(x: Node, length: int) -> tuple[int, dict[str, Any]]:
    """Return the rows in a row of the batch of x (..., N), and `Node.sums` of ``length`` numbers
    over blocks of them."""
    batch = x.shape[:1] if x.batched else ()
    rows = prod(k for k in x.shape[:-1] if k is not BATCH)
    return rows, {"rest": (length,), "blocks": (*batch, -(-rows * length // BLOCK))}


def as_vector(value: Any, x: Node, fill: float) -> Node:
    """Return ``value`` as a node; None: a constant of ``fill`` for each column of x."""
    if value is not None:
        return as_node(value)
    n = x.shape[-1] if x.shape else BATCH
    return Constant([fill] * (1 if n is BATCH else n))
