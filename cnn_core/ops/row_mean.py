"""row_mean: y = sum_r w_r l_r / sum_r w_r."""

from __future__ import annotations

from cnn_core import options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.graph.node import Node, as_node, label_of
from cnn_core.graph.row_loss import need_row_weights


class RowMean(Node):
    """y = sum_r w_r l_r / sum_r w_r.  l (B,), w (B,) or absent, y ().

    Keeps ``total`` = (sum w l, sum w) in float64.  Kernel: src_c/ops/row_mean.c.
    """

    op = "row_mean"
    symbol = "mean"
    grad_reads = "x"
    rowwise = False

    def infer_shape(self) -> None:
        row = self.inputs[0]
        if len(row.shape) != 1:
            raise ShapeError(
                f"{self.label}: need one value per row, shape (B,); got {row.label} {row.shape}"
            )
        need_row_weights(self, 1, row.shape)
        self.shape = ()
        self.saved = {"total": (2,)}
        self.saved_dtype = "float64"


def row_mean(rows: Node, weight: Node | None = None, *, name: str = "") -> Node:
    """Return the mean over the batch, sum_r w_r l_r / sum_r w_r: ``rows`` (B,), result ().

    ``weight`` (B,) gives w; without it every row counts 1.  Where the weights add up to 0 the
    mean is NaN and its gradients are 0.  The sums are added up in float64, in an order that
    depends on the number of rows alone.  A row of weight 0 adds nothing to value or gradient,
    whatever it holds; any other NaN propagates.

    Where there is no batch axis, a number of rows stands in the place of B.

    Raises `ShapeError` unless both have shape (B,), `DtypeError` for integers.
    """
    inputs = (rows,) if weight is None else (rows, weight)
    return RowMean(tuple(as_node(x) for x in inputs), name=name)


def per_row(op: str, reduction: str, name: str) -> bool:
    """Tell whether ``reduction`` asks for the losses of the rows, not for their mean."""
    known = ("mean", "none")
    return options.choice(label_of(name, op), reduction, known, option="reduction") == "none"


def reduced(loss: Node, weight: Node | None, rows: bool, name: str) -> Node:
    """Return the weighted mean of a loss per row, or, for ``rows``, the loss itself."""
    if not rows:
        return row_mean(loss, weight, name=name)
    if weight is not None:
        raise OptionError(
            f"{loss.label}: need reduction='mean' for row weights; got 'none', for which the "
            f"losses can be multiplied by the weights"
        )
    return loss
