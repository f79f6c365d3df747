"""binary_cross_entropy: y_r = mean_j (log(1 + exp(z_rj)) - t_rj z_rj)."""

from __future__ import annotations

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import RowLoss, checked_most
from cnn_core.ops.row_mean import checked_reduction, reduced


class BinaryCrossEntropy(RowLoss):
    """y_r = mean_j (log(1 + exp(z_rj)) - t_rj z_rj).  z and t (B, ...), y (B,).

    Kernel: src_c/ops/binary_cross_entropy.c.
    """

    op = "binary_cross_entropy"
    most: float | None = None

    def infer_shape(self) -> None:
        super().infer_shape()
        self.most = checked_most(self.label, self.most)

    def attrs(self) -> tuple[float | int, ...]:
        return (self.most or 0.0,)


def binary_cross_entropy(
    z: Node,
    t: Node,
    *,
    weight: Node | None = None,
    most: float | None = None,
    reduction: str = "mean",
    name: str = "",
) -> Node:
    """Return the cross-entropy of sigmoid(z) against targets ``t`` in [0, 1].

    Row r costs mean_j (log(1 + exp(z_rj)) - t_rj z_rj); each column is a question of its own.
    The gradient is (sigmoid(z_rj) - t_rj) / n for n columns; that of t is -z_rj / n.
    What costs more than ``most`` counts as that in the mean, while its gradient stays what it is:
    so is the loss of probabilities that are clipped before their logarithm is taken.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1; where the weights add up to 0, NaN, and its gradients are 0.  ``reduction="sum_over_batch"``
    gives sum_r w_r y_r / B, ``reduction="none"`` the rows, shape (B,).

    NaN propagates; an infinite logit costs 0 where t is the class that it is sure of, else inf.
    Raises `ShapeError` unless both have one shape (B, ...), where
    (B,) goes with (B, 1), `DtypeError` for integers.  Source: PyTorch's
    ``binary_cross_entropy_with_logits``.

    >>> z, t = cnn.Input("z", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
    >>> graph = cnn.Graph(cnn.ops.binary_cross_entropy(z, t))
    >>> round(graph.forward(z=[[0.0], [0.0]], t=[[1.0], [0.0]]), 4)  # log 2: nothing is known
    0.6931
    >>> graph.backward()["z"]  # (sigmoid(z) - t) / B
    array([[-0.25],
           [ 0.25]])
    """
    reduction = checked_reduction("binary_cross_entropy", reduction, name)
    loss = BinaryCrossEntropy(
        (as_node(z), as_node(t)), name=name if reduction == "none" else "", most=most
    )
    return reduced(loss, weight, reduction, name)
