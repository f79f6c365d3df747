"""pinball: y_r = mean_j max(q (t_rj - p_rj), (q - 1) (t_rj - p_rj))."""

from __future__ import annotations

from cnn_core import options
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import RowLoss
from cnn_core.ops.row_mean import checked_reduction, reduced


class Pinball(RowLoss):
    """y_r = mean_j max(q (t_rj - p_rj), (q - 1) (t_rj - p_rj)).  p and t (B, ...), y (B,).

    Kernel: src_c/ops/pinball.c.
    """

    op = "pinball"
    q: float = 0.5

    def infer_shape(self) -> None:
        super().infer_shape()
        self.q = options.number(self.label, self.q, 0, 1, open_at="low high", option="q")

    def attrs(self) -> tuple[float | int, ...]:
        return (float(self.q),)


def pinball(
    p: Node,
    t: Node,
    q: float,
    *,
    weight: Node | None = None,
    reduction: str = "mean",
    name: str = "",
) -> Node:
    """Return the pinball loss, whose minimum is the quantile ``q`` of the targets, 0 < q < 1.

    Row r costs mean_j max(q d_rj, (q - 1) d_rj) with d = t - p.  The gradient is -q / n where
    d > 0 and (1 - q) / n where d < 0, for n columns, 0 at 0; that of t is its negative.
    Source: Koenker, Bassett 1978.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1; where the weights add up to 0, NaN, and its gradients are 0.  ``reduction="sum_over_batch"``
    gives sum_r w_r y_r / B, ``reduction="none"`` the rows, shape (B,).

    NaN propagates.  Raises `ShapeError` unless both have one shape (B, ...), where
    (B,) goes with (B, 1), `DtypeError` for integers, `OptionError` for
    another q.

    >>> p, t = cnn.Input("p", (cnn.BATCH,)), cnn.Input("t", (cnn.BATCH,))
    >>> graph = cnn.Graph(cnn.ops.pinball(p, t, 0.75))
    >>> graph.forward(p=[0.0, 0.0], t=[4.0, -4.0])  # (0.75 * 4 + 0.25 * 4) / 2
    2.0
    >>> graph.backward()["p"]
    array([-0.375,  0.125])
    """
    reduction = checked_reduction("pinball", reduction, name)
    loss = Pinball((as_node(p), as_node(t)), name=name if reduction == "none" else "", q=q)
    return reduced(loss, weight, reduction, name)
