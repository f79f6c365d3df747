"""concat: the operands one after the other along one axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnn_core.ir.join import Join, join_axis, operands
from cnn_core.ir.node import Node, Shape


class Concat(Join):
    """y = the operands one after the other along ``axis``.  Kernel: src_c/ops/concat.c."""

    op = "concat"

    def joined(self, first: Shape) -> tuple[int, Shape]:
        at = join_axis(self, self.axis, len(first))
        self.need_alike(at)
        length = sum(x.shape[at] for x in self.inputs)
        return at, (*first[:at], length, *first[at + 1 :])


def concat(nodes: Iterable[Any], axis: int = 0, *, name: str = "") -> Node:
    """Return ``nodes`` (nodes, numbers or arrays) one after the other along ``axis``.

    All have one shape but for the length of that axis, which is not the batch axis; the batch is
    either in all of them or in none.  The gradient of each is its part of dy.

    Raises `ShapeError` where the shapes do not fit, `OptionError` for an axis that they do not
    have, `DtypeError` for integer nodes.
    Source: NumPy's ``concatenate``.

    >>> a, b = cnn.Input("a", (2,)), cnn.Input("b", (1,))
    >>> graph = cnn.Graph(cnn.ops.concat([a, b]))
    >>> graph.forward(a=[1.0, 2.0], b=[3.0])
    array([1., 2., 3.])
    >>> graph.backward([10.0, 20.0, 30.0])
    {'a': array([10., 20.]), 'b': array([30.])}
    """
    return Concat(operands("concat", nodes), name=name, axis=axis)
