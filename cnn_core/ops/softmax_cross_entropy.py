"""softmax_cross_entropy: y_r = sum_c t_rc (log(sum_k exp(z_rk)) - z_rc)."""

from __future__ import annotations

from cnn_core import options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import RowLoss, checked_most, need_labels
from cnn_core.ops.label_weight import label_weight
from cnn_core.ops.row_mean import checked_reduction, reduced

_NO_LABEL = -(2**63)  # no int32 equals it


class SoftmaxCrossEntropy(RowLoss):
    """y_r = sum_c t_rc (log(sum_k exp(z_rk)) - z_rc).  z (B, C), t (B,) int32 or (B, C), y (B,).

    Kernel: src_c/ops/softmax_cross_entropy.c.
    """

    op = "softmax_cross_entropy"
    operand_dtypes = ("real", "any")
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    most: float | None = None

    def infer_shape(self) -> None:
        z, t = self.inputs
        self.label_smoothing = options.number(
            self.label, self.label_smoothing, 0, 1, option="label_smoothing"
        )
        self.most = checked_most(self.label, self.most)
        if t.dtype == "int32":
            need_labels(self, fixed=True)
            if self.ignore_index is not None:
                self.ignore_index = options.int32(
                    self.label, self.ignore_index, option="ignore_index"
                )
        else:
            if len(z.shape) != 2 or t.shape != z.shape:
                raise ShapeError(
                    f"{self.label}: need scores (B, C) and targets (B, C), or int32 labels (B,); "
                    f"got {z.label} {z.shape} and {t.label} {t.shape}"
                )
            if self.ignore_index is not None:
                raise OptionError(
                    f"{self.label}: need int32 labels for ignore_index; got target rows {t.label}"
                )
        self.shape = z.shape[:1]

    def attrs(self) -> tuple[float | int, ...]:
        ignored = _NO_LABEL if self.ignore_index is None else int(self.ignore_index)
        return (float(self.label_smoothing), ignored, self.most or 0.0)


def softmax_cross_entropy(
    z: Node,
    t: Node,
    *,
    weight: Node | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    most: float | None = None,
    reduction: str = "mean",
    name: str = "",
) -> Node:
    """Return the cross-entropy of softmax(z) against t: z (B, C), t (B,) int32 or (B, C).

    Row r costs sum_c t'_rc (log(sum_k exp(z_rk)) - z_rc) with t' = (1 - s) t + s / C, where s is
    ``label_smoothing`` and t is the given row, or 1 at the label and 0 elsewhere.  The gradient is
    softmax(z) sum_c t'_rc - t'.  A row that costs more than ``most`` counts
    as that, while its gradient stays what it is: so is the loss of probabilities that are clipped
    before their logarithm is taken.

    ``reduction="mean"`` gives sum_r w_r y_r / sum_r w_r, shape (), with ``weight`` (B,) for w, or
    1.  As in all losses, z without a batch axis counts its first axis as the rows.  A row whose
    label is ``ignore_index`` counts 0; where nothing counts, the mean is NaN and its gradient 0.
    ``reduction="sum_over_batch"`` gives sum_r w_r y_r / B, where ignored rows are among the B;
    ``reduction="none"`` the rows, shape (B,), 0 where ignored.

    A label outside [0, C) raises `LabelError` when the graph runs.  NaN, +inf or only -inf in a
    row of z make that row NaN.  Raises `ShapeError`, `DtypeError` and `OptionError` at once.
    Source: PyTorch's ``cross_entropy``; smoothing: Szegedy et al. 2016.

    >>> z, t = cnn.Input("z", (cnn.BATCH, 2)), cnn.Input("t", (cnn.BATCH,), "int32")
    >>> graph = cnn.Graph(cnn.ops.softmax_cross_entropy(z, t))
    >>> round(graph.forward(z=[[0.0, 0.0], [0.0, 0.0]], t=[0, 1]), 4)  # log 2: nothing is known
    0.6931
    >>> graph.backward()["z"]  # (softmax(z) - t) / B
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """
    z, t = as_node(z), as_node(t)
    reduction = checked_reduction("softmax_cross_entropy", reduction, name)
    loss = SoftmaxCrossEntropy(
        (z, t), name=name if reduction == "none" else "", label_smoothing=label_smoothing,
        ignore_index=ignore_index, most=most,
    )  # fmt: skip
    if ignore_index is not None and reduction != "none":
        weight = label_weight(t, weight, ignore_index=ignore_index)
    return reduced(loss, weight, reduction, name)
