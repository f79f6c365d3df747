"""mae: y_r = mean_j |p_rj - t_rj|."""

from __future__ import annotations

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import RowLoss
from cnn_core.ops.row_mean import checked_reduction, reduced


class Mae(RowLoss):
    """y_r = mean_j |p_rj - t_rj|.  p and t (B, ...), y (B,).

    Kernel: src_c/ops/mae.c.
    """

    op = "mae"


def mae(
    p: Node,
    t: Node,
    *,
    weight: Node | None = None,
    reduction: str = "mean",
    name: str = "",
) -> Node:
    """Return the mean absolute error of predictions ``p`` against targets ``t``.

    Row r costs mean_j |p_rj - t_rj|, with the gradient sign(p_rj - t_rj) / n for n columns, 0 at 0;
    that of t is its negative.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1; where the weights add up to 0, NaN, and its gradients are 0.  ``reduction="sum_over_batch"``
    gives sum_r w_r y_r / B, ``reduction="none"`` the rows, shape (B,).

    NaN propagates.  Raises `ShapeError` unless both have one shape (B, ...), where
    (B,) goes with (B, 1), `DtypeError` for integers.
    Source: PyTorch's ``l1_loss``.

    >>> p, t = cnn.Input("p", (cnn.BATCH,)), cnn.Input("t", (cnn.BATCH,))
    >>> graph = cnn.Graph(cnn.ops.mae(p, t))
    >>> graph.forward(p=[1.0, 5.0], t=[0.0, 8.0])  # (1 + 3) / 2
    2.0
    >>> graph.backward()["p"]
    array([ 0.5, -0.5])
    """
    reduction = checked_reduction("mae", reduction, name)
    loss = Mae((as_node(p), as_node(t)), name=name if reduction == "none" else "")
    return reduced(loss, weight, reduction, name)
