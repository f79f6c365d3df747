"""row_coef: y_r = w_r / sum_r w_r."""

from __future__ import annotations

from cnn_core.graph.node import BATCH, Node, as_node
from cnn_core.graph.row_loss import need_row_weights


class RowCoef(Node):
    """y_r = w_r / sum_r w_r.  w (B,) or absent, y (B,).  Kernel: src_c/ops/row_coef.c."""

    op = "row_coef"
    differentiable = (False,)
    rowwise = False

    def infer_shape(self) -> None:
        need_row_weights(self, 0)
        self.shape = (BATCH,)


def row_coef(weight: Node | None = None, *, name: str = "") -> Node:
    """Return each row's share in a weighted mean, w_r / sum_r w_r, shape (B,).

    ``weight`` (B,) gives w; without it every row counts 1.  All are 0 where the weights add up
    to 0.  It has no gradient: it is the gradient of `row_mean`.

    Raises `ShapeError` unless ``weight`` has shape (B,), `DtypeError` for integers.
    """
    return RowCoef(() if weight is None else (as_node(weight),), name=name)
