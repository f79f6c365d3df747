"""huber: y_r = mean_j h(p_rj - t_rj), h(d) = d^2 / 2 near 0, else linear."""

from __future__ import annotations

from cnn_core import options
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import RowLoss
from cnn_core.ops.row_mean import checked_reduction, reduced


class Huber(RowLoss):
    """y_r = mean_j h(p_rj - t_rj), h(d) = d^2 / 2 near 0, else linear.  p and t (B, ...), y (B,).

    Kernel: src_c/ops/huber.c.
    """

    op = "huber"
    delta: float = 1.0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.delta = options.number(self.label, self.delta, 0, open_at="low", option="delta")

    def attrs(self) -> tuple[float | int, ...]:
        return (float(self.delta),)


def huber(
    p: Node,
    t: Node,
    delta: float = 1.0,
    *,
    weight: Node | None = None,
    reduction: str = "mean",
    name: str = "",
) -> Node:
    """Return the Huber loss of predictions ``p`` against targets ``t``.

    Row r costs mean_j h(p_rj - t_rj) with h(d) = d^2 / 2 where |d| <= delta, else
    delta (|d| - delta / 2).  The gradient is clip(d, -delta, delta) / n for n columns; that of t is
    its negative.  Source: Huber 1964.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1; where the weights add up to 0, NaN, and its gradients are 0.  ``reduction="sum_over_batch"``
    gives sum_r w_r y_r / B, ``reduction="none"`` the rows, shape (B,).

    NaN propagates.  Raises `ShapeError` unless both have one shape (B, ...), where
    (B,) goes with (B, 1), `DtypeError` for integers, `OptionError` for
    another delta.

    >>> p, t = cnn.Input("p", (cnn.BATCH,)), cnn.Input("t", (cnn.BATCH,))
    >>> graph = cnn.Graph(cnn.ops.huber(p, t))
    >>> graph.forward(p=[1.0, 5.0], t=[0.0, 0.0])  # (1 / 2 + (5 - 1 / 2)) / 2
    2.5
    >>> graph.backward()["p"]
    array([0.5, 0.5])
    """
    reduction = checked_reduction("huber", reduction, name)
    loss = Huber((as_node(p), as_node(t)), name=name if reduction == "none" else "", delta=delta)
    return reduced(loss, weight, reduction, name)
