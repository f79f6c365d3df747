"""take_along_axis: every element by a number of its own along one axis."""

from __future__ import annotations

from math import prod
from typing import Any

from cnn_core.errors import ShapeError
from cnn_core.ir.indices import as_index, picked_axis
from cnn_core.ir.node import BATCH, Node, as_node, label_of
from cnn_core.ir.shapes import broadcast


class TakeAlongAxis(Node):
    """y[i, j] = x[i, index[i, j]], index int32.  Kernel: src_c/ops/take_along_axis.c."""

    op = "take_along_axis"
    differentiable = (True, False)
    operand_dtypes = ("real", "int32")
    grad_reads = "x"
    axis: int = -1

    def infer_shape(self) -> None:
        x, index = self.inputs
        at = self._at = picked_axis(self, self.axis)
        if len(x.shape) != len(index.shape):
            raise ShapeError(
                f"{self.label}: need as many axes of x and of the indices; got {x.label} "
                f"{x.shape} and {index.label} {index.shape}"
            )
        # The indices' length stands in for that of x, which may be any other.
        like_index = (*x.shape[:at], index.shape[at], *x.shape[at + 1 :])
        self.shape = broadcast(self, [like_index, index.shape], "all axes but the picked one")

    def attrs(self) -> tuple[float | int, ...]:
        """Return the stride of the axis in x, its length, and how a row of the value is walked."""
        x, index = (n.shape for n in self.inputs)
        axes: list[list[int]] = []  # innermost first: length, stride in x, stride in the indices
        for d in reversed(range(len(self.shape))):
            n = self.shape[d]
            if n is BATCH or n == 1:
                continue
            step = [0 if s[d] == 1 else prod(s[d + 1 :]) for s in (x, index)]
            if d == self._at:
                step[0] = 0
            if axes and step == [axes[-1][0] * s for s in axes[-1][1:]]:
                axes[-1][0] *= n
            else:
                axes.append([n, *step])
        walk = (len(axes), *(number for axis in reversed(axes) for number in axis))
        return (prod(x[self._at + 1 :]), x[self._at], *walk)


def take_along_axis(x: Any, index: Any, axis: int = -1, *, name: str = "") -> Node:
    """Return y[i, j, l] = x[i, index[i, j, l], l], j along ``axis``: NumPy's function.

    ``x`` and ``index`` have the same number of axes and are broadcast together on all but
    ``axis``, so that x (B, V) with index (B, K) gives (B, K): the numbers of each row that the
    row asks for.  ``index`` is an int32 node, or whole numbers that never change, from -V to
    V - 1; negative ones count from the end.  An x without a batch axis may be picked from along
    axis 0 by a batch: x (V, N) with index (B, N) gives (B, N).

    The gradient of an element of ``x`` is the sum of dy over the places that picked it, in their
    order, 0 where none did.  An index outside the axis raises `LabelError`, at once for numbers,
    when the graph runs for a node.

    Raises `ShapeError` where the axes do not fit and for the batch axis, `OptionError` for an
    axis that ``x`` does not have, `DtypeError` unless ``index`` is int32.

    >>> x, index = cnn.Input("x", (2, 3)), cnn.Input("index", (2, 2), "int32")
    >>> graph = cnn.Graph(cnn.ops.take_along_axis(x, index))
    >>> graph.forward(x=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], index=[[2, 0], [1, 1]])
    array([[3., 1.],
           [5., 5.]])
    >>> graph.backward(np.ones((2, 2)))["x"]  # 5 was picked twice
    array([[1., 0., 1.],
           [0., 2., 0.]])
    """
    index = as_index(index, label_of(name, "take_along_axis"))
    return TakeAlongAxis((as_node(x), index), name=name, axis=axis)
