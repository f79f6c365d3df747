"""The base of operations that work along one axis and keep the shape."""

from __future__ import annotations

from cnn_core.errors import OptionError, ShapeError
from cnn_core.graph.node import BATCH, Node
from cnn_core.graph.row_loss import need_real


class AlongAxis(Node):
    """y = f(x), where each group of numbers along ``axis`` is one operand of f."""

    axis: int = -1

    def infer_shape(self) -> None:
        (x,) = self.inputs
        need_real(self, 0)
        if not x.shape or x.shape[-1] is BATCH:
            raise ShapeError(
                f"{self.label}: need an axis besides the batch; got {x.label} {x.shape}"
            )
        if self.axis not in (-1, len(x.shape) - 1):
            raise OptionError(f"{self.label}: need the last axis, axis=-1; got axis={self.axis!r}")
        self.shape = x.shape

    def attrs(self) -> tuple[float | int, ...]:
        """Return the length of the axis and the elements from one of its entries to the next."""
        return (self.shape[-1], 1)
