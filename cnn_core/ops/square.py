"""square: y = x^2."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Square(Unary):
    """y = x^2, any shape.  Kernel: src_c/ops/square.c."""

    op = "square"
    symbol = "x²"
    grad_reads = "x"


def square(x: Any, *, name: str = "") -> Node:
    """Return x^2, elementwise; same shape and dtype as ``x``.

    The gradient is 2 x dy.  NaN propagates.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``square``.

    >>> graph = cnn.Graph(cnn.ops.square(cnn.Input("x")))
    >>> graph.forward(x=-3.0), graph.backward()
    (9.0, {'x': -6.0})
    """
    return Square((as_node(x),), name=name)
