"""metric_r2: the sums of R^2 = 1 - sum w (t - p)^2 / sum w (t - mean t)^2."""

from __future__ import annotations

import numpy as np

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import need_same_rows
from cnn_core.ir.running_sums import RunningSums
from cnn_core.ir.shapes import row_size


class MetricR2(RunningSums):
    """Per column: sum w, mean t, sum w (t - mean)^2, sum w (t - p)^2.  p, t (B, ...), y (4, N).

    Kernel: src_c/ops/metric_r2.c.
    """

    op = "metric_r2"

    def check(self) -> None:
        need_same_rows(self)

    def sums_shape(self) -> tuple[int, ...]:
        return (4, row_size(self.inputs[0].shape))

    @staticmethod
    def finish(sums: np.ndarray) -> float:
        """Return R^2, the mean of all columns; a constant column has 1 if met exactly, else 0."""
        weight, _, squares, residual = sums
        if not weight.any():
            return float("nan")
        constant = squares == 0
        ratio = residual / np.where(constant, 1, squares)
        return float(np.mean(np.where(constant, residual == 0, 1 - ratio)))


def metric_r2(p: Node, t: Node, *, weight: Node | None = None, name: str = "") -> Node:
    """Return the running sums of R^2, the share of the targets' variance that ``p`` explains.

    ``p`` and ``t`` (B, ...) with N elements to a row, ``weight`` (B,) or 1; y (4, N) float64 is
    brought up to date by every run, merging the batch's mean and squares (Chan, Golub, LeVeque
    1983), and `finish` makes R^2 of it, the mean of all columns.  NaN propagates, but
    not from a row of weight 0.  It has no gradient.

    Raises `ShapeError` unless p and t have one shape, where (B,) goes with (B, 1), `DtypeError` for
    integers.  Source: scikit-learn's ``r2_score``.

    >>> p, t = cnn.Input("p", (cnn.BATCH,)), cnn.Input("t", (cnn.BATCH,))
    >>> y = cnn.ops.metric_r2(p, t)
    >>> sums = cnn.Graph(y).forward(p=[1.0, 2.0, 4.0], t=[1.0, 2.0, 3.0])
    >>> y.finish(sums)  # 1 - 1 / 2
    0.5
    """
    inputs = (p, t) if weight is None else (p, t, weight)
    return MetricR2(tuple(as_node(i) for i in inputs), name=name)
