"""The base of operations that make one number of each group along some axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cnn_core import options
from cnn_core.ir.axes import several_axes
from cnn_core.ir.node import BATCH, Node

Axis = int | Sequence[int] | None


class Reduction(Node):
    """y = f(x along ``axis``); the axes vanish or keep length 1.

    Where the batch axis is among them, the value is unbatched and depends on all rows.
    """

    axis: Axis = None
    keepdims: bool = False

    spreads: ClassVar[bool] = False
    """Its gradient reads no value, and divides by rows even where the batch axis vanishes."""

    def infer_shape(self) -> None:
        self.keepdims = options.flag(self.label, self.keepdims, option="keepdims")
        shape = self.inputs[0].shape
        self._gone = set(several_axes(self, self.axis, len(shape)))
        if self.keepdims:
            self.shape = tuple(1 if i in self._gone else n for i, n in enumerate(shape))
        else:
            self.shape = tuple(n for i, n in enumerate(shape) if i not in self._gone)
        self.rowwise = not (self.inputs[0].batched and 0 in self._gone)  # type: ignore[misc]

    def attrs(self) -> tuple[float | int, ...]:
        """Return how a row of x is walked: the number of axes, then of each, outermost first,
        its length and the stride of y, 0 where it is reduced.

        Axes of length 1 are left out and neighbours of one kind are merged.
        """
        axes: list[list[int]] = []  # innermost first
        step = 1
        for i, n in reversed(list(enumerate(self.inputs[0].shape))):
            if n is BATCH or n == 1:
                continue
            stride = 0 if i in self._gone else step
            if axes and (stride == 0) == (axes[-1][1] == 0):
                axes[-1][0] *= n
            else:
                axes.append([n, stride])
            step *= n if stride else 1
        return (len(axes), *(number for axis in reversed(axes) for number in axis))
