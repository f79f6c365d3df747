"""poisson: y_r = mean_j (exp(z_rj) - t_rj z_rj)."""

from __future__ import annotations

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import RowLoss
from cnn_core.ops.row_mean import checked_reduction, reduced


class Poisson(RowLoss):
    """y_r = mean_j (exp(z_rj) - t_rj z_rj).  z and t (B, ...), y (B,).

    Kernel: src_c/ops/poisson.c.
    """

    op = "poisson"


def poisson(
    z: Node,
    t: Node,
    *,
    weight: Node | None = None,
    reduction: str = "mean",
    name: str = "",
) -> Node:
    """Return the Poisson loss of the logarithms of rates ``z`` against counts ``t``.

    Row r costs mean_j (exp(z_rj) - t_rj z_rj): the negative log-likelihood of t under the rate
    exp(z), without the term log(t!), which does not depend on z.  The gradient is
    (exp(z_rj) - t_rj) / n for n columns; that of t is -z_rj / n.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1; where the weights add up to 0, NaN, and its gradients are 0.  ``reduction="sum_over_batch"``
    gives sum_r w_r y_r / B, ``reduction="none"`` the rows, shape (B,).

    NaN propagates; exp(z) may overflow to inf.
    Raises `ShapeError` unless both have one shape (B, ...), where
    (B,) goes with (B, 1), `DtypeError` for integers.  Source: PyTorch's ``poisson_nll_loss``.

    >>> z, t = cnn.Input("z", (cnn.BATCH,)), cnn.Input("t", (cnn.BATCH,))
    >>> graph = cnn.Graph(cnn.ops.poisson(z, t))
    >>> graph.forward(z=[0.0, 0.0], t=[1.0, 3.0])  # exp(0) - t 0
    1.0
    >>> graph.backward()["z"]  # (exp(z) - t) / B
    array([ 0., -1.])
    """
    reduction = checked_reduction("poisson", reduction, name)
    loss = Poisson((as_node(z), as_node(t)), name=name if reduction == "none" else "")
    return reduced(loss, weight, reduction, name)
