"""grouped_dense: y_go = sum_i x_gi w_gio."""

from __future__ import annotations

from typing import Any

from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Node, as_node


class GroupedDense(Node):
    """y_go = sum_i x_gi w_gio.  x (..., G, I), w (G, I, O), y (..., G, O).

    Kernel: src_c/ops/grouped_dense.c.
    """

    op = "grouped_dense"
    grad_reads = "x"

    def infer_shape(self) -> None:
        x, w = self.inputs
        fits = len(x.shape) >= 2 and len(w.shape) == 3 and not w.batched
        if not fits or x.shape[-2] is BATCH or x.shape[-2:] != w.shape[:2]:
            raise ShapeError(
                f"{self.label}: need x (..., G, I) and w (G, I, O); got {x.label} {x.shape} and "
                f"{w.label} {w.shape}"
            )
        self.shape = (*x.shape[:-1], w.shape[2])

    def n_unit(self, wrt: int) -> int:
        return self.inputs[1].shape[0] if wrt == 1 else 0

    def sum_state(self, wrt: int) -> int:
        return 0


def grouped_dense(x: Any, w: Any, *, name: str = "") -> Node:
    """Return the products of each group of x (..., G, I) with its own matrix of w (G, I, O).

    y (..., G, O) is sum_i x_gi w_gio: G dense layers without bias side by side, such as one for
    each feature of a table or for each member of an ensemble; ``einsum("...gi,gio->...go")``.
    The gradients are dx_g = dy_g w_g^T and dw_g = x_g^T dy_g, summed over all axes before the
    groups.

    Raises `ShapeError` where the two do not fit, `DtypeError` for integer nodes.

    >>> x, w = cnn.Input("x", (2, 1)), cnn.Input("w", (2, 1, 2))
    >>> graph = cnn.Graph(cnn.ops.grouped_dense(x, w))
    >>> graph.forward(x=[[1.0], [10.0]], w=[[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[ 1.,  2.],
           [30., 40.]])
    >>> graph.backward(np.ones((2, 2)))["x"]  # the sums of each group's weights
    array([[3.],
           [7.]])
    """
    return GroupedDense((as_node(x), as_node(w)), name=name)
