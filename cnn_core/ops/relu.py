"""relu: y = max(x, 0)."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Relu(Unary):
    """y = max(x, 0), any shape.  Kernel: src_c/ops/relu.c."""

    op = "relu"
    symbol = "ReLU"
    grad_reads = "y"


def relu(x: Node, *, name: str = "") -> Node:
    """Return max(x, 0), elementwise; same shape and dtype as ``x``.

    The gradient is dy where x > 0, else 0, also at 0.  NaN propagates.

    Raises `DtypeError` for integer nodes.  Source: Nair, Hinton 2010.

    >>> x = cnn.Input("x", (3,))
    >>> graph = cnn.Graph(cnn.ops.relu(x))
    >>> graph.forward(x=[-2.0, 0.0, 3.0])
    array([0., 0., 3.])
    >>> graph.backward([1.0, 1.0, 1.0])
    {'x': array([0., 0., 1.])}
    """
    return Relu((as_node(x),), name=name)
