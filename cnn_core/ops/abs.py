"""abs: y = |x|."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Abs(Unary):
    """y = |x|, any shape.  Kernel: src_c/ops/abs.c."""

    op = "abs"
    symbol = "|x|"
    grad_reads = "x"


def abs(x: Any, *, name: str = "") -> Node:
    """Return |x|, elementwise; same shape and dtype as ``x``.

    The gradient is sign(x) dy; the subgradient at 0 is 0.  NaN propagates.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``abs``.

    >>> x = cnn.Input("x", (3,))
    >>> graph = cnn.Graph(cnn.ops.abs(x))
    >>> graph.forward(x=[-2.0, 0.0, 3.0])
    array([2., 0., 3.])
    >>> graph.backward([1.0, 1.0, 1.0])
    {'x': array([-1.,  0.,  1.])}
    """
    return Abs((as_node(x),), name=name)
