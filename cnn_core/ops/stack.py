"""stack: the operands one after the other along a new axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnn_core.ir.join import Join, join_axis, operands
from cnn_core.ir.node import Node, Shape


class Stack(Join):
    """y = the operands one after the other along a new axis.  Kernel: src_c/ops/stack.c."""

    op = "stack"

    def joined(self, first: Shape) -> tuple[int, Shape]:
        at = join_axis(self, self.axis, len(first) + 1)
        self.need_alike(None)
        return at, (*first[:at], len(self.inputs), *first[at:])


def stack(nodes: Iterable[Any], axis: int = 0, *, name: str = "") -> Node:
    """Return ``nodes`` (nodes, numbers or arrays) one after the other along a new axis.

    All have one shape; axis ``axis`` of the result counts them.  A batch axis stays first.  The
    gradient of each is its part of dy.

    Raises `ShapeError` where the shapes differ or the new axis would stand before the batch,
    `OptionError` for an axis out of range, `DtypeError` for integer nodes.
    Source: NumPy's ``stack``.

    >>> a, b = cnn.Input("a", (2,)), cnn.Input("b", (2,))
    >>> graph = cnn.Graph(cnn.ops.stack([a, b]))
    >>> graph.forward(a=[1.0, 2.0], b=[3.0, 4.0])
    array([[1., 2.],
           [3., 4.]])
    >>> graph.backward([[1.0, 0.0], [0.0, 5.0]])
    {'a': array([1., 0.]), 'b': array([0., 5.])}
    """
    return Stack(operands("stack", nodes), name=name, axis=axis)
