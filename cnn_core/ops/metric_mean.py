"""metric_mean: y += (sum_r w_r x_r, sum_r w_r)."""

from __future__ import annotations

from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Node, as_node
from cnn_core.ir.running_sums import RunningSums


class MetricMean(RunningSums):
    """y += (sum_r w_r x_r, sum_r w_r).  x (B,), w (B,) or absent, y (2,) float64.

    Kernel: src_c/ops/metric_mean.c.
    """

    op = "metric_mean"
    n_operands = 1

    def check(self) -> None:
        (x, *_) = self.inputs
        if x.shape != (BATCH,):
            raise ShapeError(
                f"{self.label}: need one value per row, shape (B,); got {x.label} {x.shape}"
            )


def metric_mean(x: Node, weight: Node | None = None, *, name: str = "") -> Node:
    """Return the running sums of the mean of ``x`` over all rows of all batches.

    ``x`` (B,) and ``weight`` (B,), or 1; y (2,) float64 grows by (sum w x, sum w) with every run,
    and `finish` makes the mean of it.  Over the rows of a loss it gives log loss, mean absolute
    and mean squared error: ``metric_mean(mae(p, t, reduction="none"), weight)``.  A row of weight
    0 adds nothing, whatever it holds.  It has no gradient.

    Raises `ShapeError` unless both have shape (B,), `DtypeError` for integers.

    >>> x = cnn.Input("x", (cnn.BATCH,))
    >>> y = cnn.ops.metric_mean(x)
    >>> sums = cnn.Graph(y).forward(x=[1.0, 2.0, 6.0])
    >>> sums, y.finish(sums)
    (array([9., 3.]), 3.0)
    """
    inputs = (x,) if weight is None else (x, weight)
    return MetricMean(tuple(as_node(i) for i in inputs), name=name)
