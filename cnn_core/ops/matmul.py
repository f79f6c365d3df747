"""matmul: y = a b, products of matrices."""

from __future__ import annotations

from typing import Any

from cnn_core.errors import ShapeError
from cnn_core.ir.axes import need_batch_first
from cnn_core.ir.binary import walk
from cnn_core.ir.node import BATCH, Node, Shape, as_node
from cnn_core.ir.shapes import broadcast


class Matmul(Node):
    """y = a b.  a (..., N, K), b (..., K, M), y (..., N, M).  Kernel: src_c/ops/matmul.c."""

    op = "matmul"
    symbol = "@"
    grad_reads = "x"

    def infer_shape(self) -> None:
        a, b = (x.shape for x in self.inputs)
        if not a or not b or a[-1] is BATCH or b[max(len(b) - 2, 0)] is BATCH or (
            a[-1] != b[max(len(b) - 2, 0)]
        ):  # fmt: skip
            self._refuse("need a (..., N, K) and b (..., K, M)")
        rows_are_batch = len(a) == 2 and a[0] is BATCH  # each row of the batch is a vector
        if rows_are_batch and len(b) > 2:
            self._refuse("need b (K, M) for a (B, K); a[:, None, :] makes it (B, 1, K)")
        lead_a = a[:1] if rows_are_batch else a[:-2]
        n = () if rows_are_batch else a[-2:-1]
        m = b[-1:] if len(b) > 1 else ()
        lead = broadcast(self, [lead_a, b[:-2]], "all axes but the last two")
        self.shape = need_batch_first(self, (*lead, *n, *m))
        self._sizes = (*n, 1)[0], a[-1], (*m, 1)[0]
        self._leads: tuple[Shape, Shape, Shape] = lead, lead_a, b[:-2]

    def _refuse(self, need: str) -> None:
        a, b = self.inputs
        raise ShapeError(f"{self.label}: {need}; got {a.label} {a.shape} and {b.label} {b.shape}")

    def attrs(self) -> tuple[float | int, ...]:
        """Return how a row of the axes before the matrices is walked, and N, K, M."""
        n, k, m = self._sizes
        lead, a, b = self._leads
        return (*walk(lead, [a, b], [n * k, k * m]), n, k, m)


def matmul(a: Any, b: Any, *, name: str = "") -> Node:
    """Return the products of matrices a (..., N, K) and b (..., K, M), shape (..., N, M).

    As NumPy's ``matmul`` and ``@``: a vector a counts as one row and a vector b as one column,
    which then vanish from the result; the other axes are broadcast together.  A batch of vectors
    (B, K) times (K, M) gives (B, M).  The gradients are da = dy b^T and db = a^T dy, added up
    over the axes along which the operand was repeated.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> a, b = cnn.Input("a", (2, 2)), cnn.Input("b", (2,))
    >>> graph = cnn.Graph(cnn.ops.matmul(a, b))  # the same as a @ b
    >>> graph.forward(a=[[1.0, 2.0], [3.0, 4.0]], b=[1.0, 10.0])
    array([21., 43.])
    >>> graph.backward([1.0, 1.0])["b"]  # a^T dy
    array([4., 6.])
    """
    return Matmul((as_node(a), as_node(b)), name=name)
