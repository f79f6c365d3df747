"""The base of the nodes of metrics: sums over batches, without a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core.ir.node import Node
from cnn_core.ir.row_loss import need_row_weights


class RunningSums(Node):
    """A float64 value to which each run adds its batch; the caller sets it to 0 at the start.

    The last input, if there is one more than `n_operands`, holds one weight per row.
    """

    differentiable = (False,)
    grad_reads = ""
    rowwise = False
    n_operands = 2

    def infer_shape(self) -> None:
        self.check()
        need_row_weights(self, self.n_operands)
        self.shape = self.sums_shape()
        self.dtype = "float64"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        operands, options = super().arguments()
        n = self.n_operands
        return operands[:n], {**options, **dict(zip(["weight"], operands[n:], strict=False))}

    def check(self) -> None:
        """Raise unless the inputs besides the weights fit."""

    def sums_shape(self) -> tuple[int, ...]:
        return (2,)

    @staticmethod
    def finish(sums: np.ndarray) -> float:
        """Return the metric that the sums stand for: here sums[0] / sums[1]; NaN without rows."""
        return float(sums[0] / sums[1]) if sums[1] else float("nan")
