"""The base of operations on two operands that are broadcast together."""

from __future__ import annotations

from collections.abc import Sequence

from cnn_core.ir.node import BATCH, Node, Shape
from cnn_core.ir.shapes import broadcast


class Binary(Node):
    """y = f(a, b) by NumPy's broadcasting rule, at most 6 axes; BATCH fits BATCH and 1."""

    def infer_shape(self) -> None:
        self.shape = broadcast(self)

    def attrs(self) -> tuple[float | int, ...]:
        """Return how a row of the value is walked, see `walk`."""
        return walk(self.shape, [x.shape for x in self.inputs])


class Comparison(Binary):
    """y = 1 where a relation between a and b holds, else 0.  It has no gradient."""

    differentiable = (False, False)


def walk(shape: Shape, operands: Sequence[Shape], sizes: Sequence[int] = (1, 1)) -> tuple[int, ...]:
    """Return how a row of ``shape`` is walked with two operands that are broadcast to it.

    The number of axes, then of each axis, outermost first, its length and the strides of the
    operands, 0 where they are repeated.  Axes of length 1 are left out and axes that can be
    walked as one are merged.  ``sizes`` are the elements of each operand at one place, where
    these are groups of numbers.
    """
    axes: list[list[int]] = []  # innermost first
    step = list(sizes)
    for axis in range(1, len(shape) + 1):
        n = shape[-axis]
        if n is BATCH:
            break
        lengths = [x[-axis] if len(x) >= axis else 1 for x in operands]
        strides = [0 if k == 1 else s for k, s in zip(lengths, step, strict=True)]
        step = [s * k for k, s in zip(lengths, step, strict=True)]
        if n == 1:
            continue
        inner = axes[-1] if axes else None
        if inner and strides == [inner[0] * inner[1], inner[0] * inner[2]]:
            inner[0] *= n
        else:
            axes.append([n, *strides])
    return (len(axes), *(number for axis in reversed(axes) for number in axis))
