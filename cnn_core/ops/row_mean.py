"""row_mean: y = sum_r w_r l_r / sum_r w_r."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import Node, as_node, label_of
from cnn_core.ir.row_loss import need_row_weights


class RowMean(Node):
    """y = sum_r w_r l_r / sum_r w_r, or / B ``over_batch``.  l (B,), w (B,) or absent, y ().

    Keeps ``total`` = (sum w l, sum w or B) in float64.  Kernel: src_c/ops/row_mean.c.
    """

    op = "row_mean"
    over_batch: bool = False
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

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.inputs, {"reduction": "sum_over_batch" if self.over_batch else "mean"}

    def attrs(self) -> tuple[float | int, ...]:
        return (int(self.over_batch),)


def row_mean(
    rows: Node, weight: Node | None = None, *, reduction: str = "mean", name: str = ""
) -> Node:
    """Return the mean over the batch, sum_r w_r l_r / sum_r w_r: ``rows`` (B,), result ().

    ``weight`` (B,) gives w; without it every row counts 1.  Where the weights add up to 0 the
    mean is NaN and its gradients are 0.  ``reduction="sum_over_batch"`` gives sum_r w_r l_r / B.
    The sums are added up in float64, in an order that depends on the number of rows alone.  A row
    of weight 0 adds nothing to value or gradient, whatever it holds; any other NaN propagates.

    Where there is no batch axis, a number of rows stands in the place of B.

    Raises `ShapeError` unless both have shape (B,), `DtypeError` for integers.

    >>> rows, w = cnn.Input("rows", (cnn.BATCH,)), cnn.Input("w", (cnn.BATCH,))
    >>> graph = cnn.Graph(cnn.ops.row_mean(rows, w))
    >>> graph.forward(rows=[10.0, 20.0], w=[1.0, 3.0])  # (10 + 60) / 4
    17.5
    >>> graph.backward()["rows"]
    array([0.25, 0.75])
    """
    known = ("mean", "sum_over_batch")
    options.choice(label_of(name, "row_mean"), reduction, known, option="reduction")
    inputs = (rows,) if weight is None else (rows, weight)
    over_batch = reduction == "sum_over_batch"
    return RowMean(tuple(as_node(x) for x in inputs), name=name, over_batch=over_batch)


def checked_reduction(op: str, reduction: str, name: str) -> str:
    """Return ``reduction``, of the losses of rows: one that is known."""
    known = ("mean", "sum_over_batch", "none")
    return options.choice(label_of(name, op), reduction, known, option="reduction")


def reduced(loss: Node, weight: Node | None, reduction: str, name: str) -> Node:
    """Return the mean of a loss per row that ``reduction`` asks for, or the loss itself."""
    if reduction != "none":
        return row_mean(loss, weight, reduction=reduction, name=name)
    if weight is not None:
        raise OptionError(
            f"{loss.label}: need reduction='mean' for row weights; got 'none', for which the "
            f"losses can be multiplied by the weights"
        )
    return loss
