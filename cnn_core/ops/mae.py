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

    Row r costs mean_j |p_rj - t_rj|; the subgradient at 0 is 0.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1; where the weights add up to 0, NaN, and its gradients are 0.  ``reduction="sum_over_batch"``
    gives sum_r w_r y_r / B, ``reduction="none"`` the rows, shape (B,).

    NaN propagates.  Raises `ShapeError` unless both have one shape (B, ...), where
    (B,) goes with (B, 1), `DtypeError` for integers.
    """
    reduction = checked_reduction("mae", reduction, name)
    loss = Mae((as_node(p), as_node(t)), name=name if reduction == "none" else "")
    return reduced(loss, weight, reduction, name)
