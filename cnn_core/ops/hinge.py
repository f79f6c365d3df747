"""hinge: y_r = mean_j max(0, 1 - t_rj z_rj), or the multi-class margin loss of labels."""

from __future__ import annotations

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import RowLoss, need_labels, need_same_rows, need_two_classes
from cnn_core.ops.row_mean import checked_reduction, reduced


class Hinge(RowLoss):
    """y_r = mean_j max(0, 1 - t_rj z_rj).  z and t (B, ...), or z (B, C), t (B,) int32; y (B,).

    Kernel: src_c/ops/hinge.c.
    """

    op = "hinge"
    operand_dtypes = ("real", "any")

    def infer_shape(self) -> None:
        if self.inputs[1].dtype == "int32":
            need_labels(self, fixed=True)
            need_two_classes(self)
        else:
            need_same_rows(self, fixed=True)
        self.shape = self.inputs[0].shape[:1]


def hinge(
    z: Node,
    t: Node,
    *,
    weight: Node | None = None,
    reduction: str = "mean",
    name: str = "",
) -> Node:
    """Return the margin loss of scores ``z`` against targets ``t``.

    Real targets -1 or +1 with the shape of z: row r costs mean_j max(0, 1 - t_rj z_rj).
    Labels (B,) int32 with z (B, C), C >= 2: row r costs max(0, 1 + max_{c != t_r} z_rc -
    z_r,t_r); source: Crammer, Singer 2001.  The gradient is -t_rj / n where a margin
    is missed, for n columns; of labels, -1 at the label and 1 at the other; at the kink 0.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1; where the weights add up to 0, NaN, and its gradients are 0.  ``reduction="sum_over_batch"``
    gives sum_r w_r y_r / B, ``reduction="none"`` the rows, shape (B,).

    NaN propagates.  A label outside [0, C) raises `LabelError` when the graph runs.  Raises
    `ShapeError` where z and t do not fit, with (B,) and (B, 1) taken as the same shape,
    `DtypeError` for an integer z.

    >>> z, t = cnn.Input("z", (cnn.BATCH,)), cnn.Input("t", (cnn.BATCH,))
    >>> graph = cnn.Graph(cnn.ops.hinge(z, t))
    >>> graph.forward(z=[0.5, -3.0], t=[1.0, -1.0])  # (0.5 + 0) / 2
    0.25
    >>> graph.backward()["z"]
    array([-0.5,  0. ])
    """
    reduction = checked_reduction("hinge", reduction, name)
    loss = Hinge((as_node(z), as_node(t)), name=name if reduction == "none" else "")
    return reduced(loss, weight, reduction, name)
