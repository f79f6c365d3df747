"""tanh: y = tanh(x)."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Tanh(Unary):
    """y = tanh(x), any shape.  Kernel: src_c/ops/tanh.c."""

    op = "tanh"
    grad_reads = "y"


def tanh(x: Node, *, name: str = "") -> Node:
    """Return tanh(x), elementwise; same shape and dtype as ``x``.

    The gradient is (1 - y^2) dy.  NaN propagates; tanh(-inf) = -1, tanh(inf) = 1.

    Raises `DtypeError` for integer nodes.  Source: NumPy's ``tanh``.

    >>> graph = cnn.Graph(cnn.ops.tanh(cnn.Input("x")))
    >>> graph.forward(x=0.0), graph.backward()
    (0.0, {'x': 1.0})
    """
    return Tanh((as_node(x),), name=name)
