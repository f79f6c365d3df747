"""The base of operations that pick numbers of one operand and put them in another order."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from cnn_core.errors import GraphError
from cnn_core.ir.axes import need_batch_first
from cnn_core.ir.node import BATCH, Node, Shape


class View(Node):
    """y[i] = x[place of i], every place at most once.  A subclass defines `view`."""

    grad_reads = ""

    def infer_shape(self) -> None:
        shape, strides, start = self.view(self.inputs[0].shape)
        self.shape = need_batch_first(self, shape)
        self._walk = (start, *_merged(shape, strides))

    def view(self, x: Shape) -> tuple[Shape, Sequence[int], int]:
        """Return the shape, the stride in x of each axis, and where y starts in a row of x."""
        raise GraphError(f"{self.label}: the class {type(self).__name__} defines no view")

    def attrs(self) -> tuple[float | int, ...]:
        """Return where y starts, and how a row of y is walked: the number of axes, then of each,
        outermost first, its length and its stride in x."""
        return self._walk

    def view_start(self) -> int | None:
        start, n_axis, *axes = self._walk
        return start if n_axis == 0 or (n_axis == 1 and axes[1] == 1) else None


def strides_of(shape: Shape) -> list[int]:
    """Return how many elements lie from one entry of each axis to the next; of BATCH a row."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _merged(shape: Shape, strides: Sequence[int]) -> tuple[int, ...]:
    axes: list[list[int]] = []  # innermost first
    for n, stride in reversed(list(zip(shape, strides, strict=True))):
        if n is BATCH or n == 1:
            continue
        if axes and stride == axes[-1][0] * axes[-1][1]:
            axes[-1][0] *= n
        else:
            axes.append([n, stride])
    return (len(axes), *(number for axis in reversed(axes) for number in axis))
