"""row_coef: y_r = w_r / sum_r w_r."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.node import BATCH, Node, as_node, label_of
from cnn_core.ir.row_loss import need_row_weights


class RowCoef(Node):
    """y_r = w_r / sum_r w_r, or / B ``over_batch``.  w (B,) or absent, y (B,).

    Kernel: src_c/ops/row_coef.c.
    """

    op = "row_coef"
    differentiable = (False,)
    rowwise = False
    over_batch: bool = False

    def infer_shape(self) -> None:
        need_row_weights(self, 0)
        self.shape = (BATCH,)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.inputs, {"reduction": "sum_over_batch" if self.over_batch else "mean"}

    def attrs(self) -> tuple[float | int, ...]:
        return (int(self.over_batch),)


def row_coef(
    weight: Node | None = None, *, reduction: str = "mean", name: str = ""
) -> Node:
    """Return each row's share in a weighted mean, w_r / sum_r w_r, shape (B,).

    ``weight`` (B,) gives w; without it every row counts 1.  All are 0 where the weights add up
    to 0.  ``reduction="sum_over_batch"`` gives w_r / B.  It has no gradient: it is the gradient of
    `row_mean`.

    Raises `ShapeError` unless ``weight`` has shape (B,), `DtypeError` for integers.

    >>> w = cnn.Input("w", (cnn.BATCH,))
    >>> cnn.Graph(cnn.ops.row_coef(w)).forward(w=[1.0, 3.0])
    array([0.25, 0.75])
    """
    known = ("mean", "sum_over_batch")
    options.choice(label_of(name, "row_coef"), reduction, known, option="reduction")
    inputs = () if weight is None else (as_node(weight),)
    return RowCoef(inputs, name=name, over_batch=reduction == "sum_over_batch")
