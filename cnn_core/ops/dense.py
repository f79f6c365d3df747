"""dense: y = x w + b."""

from __future__ import annotations

from cnn_core.errors import ShapeError
from cnn_core.ir.node import Node, as_node

LONGEST_VECTOR = 16
"""Numbers in a vector of the C core, at most."""


class Dense(Node):
    """y = x w + b.  x (..., I), w (I, O), b (O,), y (..., O).  Kernel: src_c/ops/dense.c."""

    op = "dense"
    grad_reads = "x"

    def infer_shape(self) -> None:
        x, w = self.inputs[:2]
        if len(w.shape) != 2 or w.batched or not x.shape or x.shape[-1] != w.shape[0]:
            raise ShapeError(
                f"{self.label}: need x (..., I) and w (I, O); got {x.label} {x.shape} and "
                f"{w.label} {w.shape}"
            )
        if len(self.inputs) > 2 and self.inputs[2].shape != (w.shape[1],):
            b = self.inputs[2]
            raise ShapeError(f"{self.label}: need b ({w.shape[1]},); got {b.label} {b.shape}")
        self.shape = (*x.shape[:-1], w.shape[1])

    def n_unit(self, wrt: int) -> int:
        return self.inputs[1].shape[0] if wrt == 1 else 0

    def sum_state(self, wrt: int) -> int:
        return 0 if wrt == 1 else 4 * (self.inputs[1].shape[1] + LONGEST_VECTOR)

    def n_column(self, which: int) -> int:
        n_in, n_out = self.inputs[1].shape
        return n_out if which < 0 else n_in


def dense(x: Node, w: Node, b: Node | None = None, *, name: str = "") -> Node:
    """Return ``x w + b``: x (..., I), w (I, O), b (O,) or None, result (..., O).

    The gradients are dx = dy w^T, dw = x^T dy and db = dy, the latter two summed over all rows.

    Raises `ShapeError` where the three do not fit together, `DtypeError` for integer nodes.
    Source: PyTorch's ``linear``, with w the other way round.

    >>> x, w, b = cnn.Input("x", (cnn.BATCH, 2)), cnn.Input("w", (2, 1)), cnn.Input("b", (1,))
    >>> graph = cnn.Graph(cnn.ops.dense(x, w, b))
    >>> graph.forward(x=[[1.0, 2.0]], w=[[3.0], [4.0]], b=[0.5])  # 1 * 3 + 2 * 4 + 0.5
    array([[11.5]])
    >>> graph.backward([[1.0]])["w"]
    array([[1.],
           [2.]])
    """
    inputs = (x, w) if b is None else (x, w, b)
    return Dense(tuple(as_node(i) for i in inputs), name=name)
