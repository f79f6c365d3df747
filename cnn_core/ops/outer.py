"""outer: y_ij = a_i b_j."""

from __future__ import annotations

from typing import Any

from cnn_core.errors import ShapeError
from cnn_core.ir.binary import walk
from cnn_core.ir.node import BATCH, Node, Shape, as_node
from cnn_core.ir.shapes import broadcast


class Outer(Node):
    """y_ij = a_i b_j.  a (..., N), b (..., M), y (..., N, M).  Kernel: src_c/ops/outer.c."""

    op = "outer"
    symbol = "⊗"
    grad_reads = "x"

    def infer_shape(self) -> None:
        for x in self.inputs:
            if not x.shape or x.shape[-1] is BATCH:
                raise ShapeError(
                    f"{self.label}: need a (..., N) and b (..., M), an axis besides the batch; "
                    f"got {x.label} {x.shape}"
                )
        self.shape = broadcast(self, self._operands(), "all axes but the last")
        if len(self.shape) > 6:
            raise ShapeError(f"{self.label}: need at most 6 axes in the result; got {self.shape}")

    def _operands(self) -> list[Shape]:
        """Return the shapes with which the two are broadcast together."""
        a, b = (x.shape for x in self.inputs)
        return [(*a, 1), (*b[:-1], 1, b[-1])]

    def attrs(self) -> tuple[float | int, ...]:
        return walk(self.shape, self._operands())


def outer(a: Any, b: Any, *, name: str = "") -> Node:
    """Return the outer product a_i b_j over the last axes: a (..., N), b (..., M), (..., N, M).

    The other axes, the batch among them, are broadcast together by NumPy's rule; for two vectors
    it is NumPy's ``outer``.  The gradient of a_i is sum_j b_j dy_ij, that of b_j sum_i a_i dy_ij,
    added up (in float64) further over the axes along which the operand was repeated.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> a, b = cnn.Input("a", (2,)), cnn.Input("b", (2,))
    >>> graph = cnn.Graph(cnn.ops.outer(a, b))
    >>> graph.forward(a=[1.0, 2.0], b=[3.0, 4.0])
    array([[3., 4.],
           [6., 8.]])
    >>> graph.backward(np.ones((2, 2)))
    {'a': array([7., 7.]), 'b': array([3., 3.])}
    """
    return Outer((as_node(a), as_node(b)), name=name)
