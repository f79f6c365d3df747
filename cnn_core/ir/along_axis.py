"""The base of operations that work along one axis and keep the shape."""

from __future__ import annotations

from math import prod

from cnn_core.errors import ShapeError
from cnn_core.ir.axes import one_axis
from cnn_core.ir.node import BATCH, Node


class AlongAxis(Node):
    """y = f(x), where each group of numbers along ``axis`` is one operand of f.

    Along the batch axis, which is meant by axis=0 only, the value depends on all rows.
    """

    axis: int = -1

    def infer_shape(self) -> None:
        (x,) = self.inputs
        if not x.shape:
            raise ShapeError(f"{self.label}: need at least one axis; got {x.label} {x.shape}")
        self._at = one_axis(self, self.axis, len(x.shape))
        if x.shape[self._at] is BATCH and self.axis != 0:
            raise ShapeError(
                f"{self.label}: need axis=0 to work along the batch; got axis={self.axis} for "
                f"{x.label} {x.shape}"
            )
        self.shape = x.shape
        self.rowwise = x.shape[self._at] is not BATCH  # type: ignore[misc]

    def attrs(self) -> tuple[float | int, ...]:
        """Return the length of the axis, 0 for the batch, and the elements between its entries."""
        n = self.shape[self._at]
        return (0 if n is BATCH else n, prod(self.shape[self._at + 1 :]))
