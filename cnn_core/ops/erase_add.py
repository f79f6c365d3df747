"""erase_add: y_ij = x_ij (1 - w_i e_j) + w_i a_j."""

from __future__ import annotations

from typing import Any

from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Node, as_node


class EraseAdd(Node):
    """y_ij = x_ij (1 - w_i e_j) + w_i a_j.  x (..., N, M), w (..., N), e, a (..., M).

    Kernel: src_c/ops/erase_add.c.
    """

    op = "erase_add"
    grad_reads = "x"

    def infer_shape(self) -> None:
        x, w, e, a = (i.shape for i in self.inputs)
        fits = len(x) >= 2 and x[-2] is not BATCH and w == x[:-1] and e == a == (*x[:-2], x[-1])
        if not fits:
            got = ", ".join(f"{i.label} {i.shape}" for i in self.inputs)
            raise ShapeError(
                f"{self.label}: need x (..., N, M), w (..., N), e and a (..., M), with the same "
                f"axes before; got {got}"
            )
        self.shape = x

    def attrs(self) -> tuple[float | int, ...]:
        return self.shape[-2:]


def erase_add(x: Any, w: Any, e: Any, a: Any, *, name: str = "") -> Node:
    """Return x_ij (1 - w_i e_j) + w_i a_j: x (..., N, M), w (..., N), e and a (..., M).

    How a head with the weighting w writes to a memory x of N rows: it erases a share e of each
    row, and adds a.  In one pass it is several times as fast as from products and sums.  The
    gradients are those of the formula.  NaN propagates.

    Raises `ShapeError` where the shapes do not fit (nothing is broadcast), `DtypeError` for
    integer nodes.

    Source: Graves, Wayne, Danihelka 2014, equations 3 and 4.

    >>> x, w = cnn.Input("x", (2, 2)), cnn.Input("w", (2,))
    >>> e, a = cnn.Input("e", (2,)), cnn.Input("a", (2,))
    >>> graph = cnn.Graph(cnn.ops.erase_add(x, w, e, a))
    >>> graph.forward(x=[[1.0, 1.0], [1.0, 1.0]], w=[1.0, 0.0], e=[1.0, 0.5], a=[7.0, 0.0])
    array([[7. , 0.5],
           [1. , 1. ]])
    >>> graph.backward(np.ones((2, 2)))["a"]  # sum_i w_i dy_ij
    array([1., 1.])
    """
    return EraseAdd(tuple(as_node(i) for i in (x, w, e, a)), name=name)
