"""softplus: y = log(1 + exp(x))."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Softplus(Unary):
    """y = log(1 + exp(x)), any shape.  Kernel: src_c/ops/softplus.c."""

    op = "softplus"
    grad_reads = "x"


def softplus(x: Node, *, name: str = "") -> Node:
    """Return log(1 + exp(x)), elementwise, without overflow; same shape and dtype as ``x``.

    The gradient is sigmoid(x) dy.  NaN propagates; softplus(-inf) = 0.

    Raises `DtypeError` for integer nodes.  Source: Dugas et al. 2001.

    >>> graph = cnn.Graph(cnn.ops.softplus(cnn.Input("x")))
    >>> round(graph.forward(x=0.0), 4), graph.backward()  # log 2, sigmoid(0)
    (0.6931, {'x': 0.5})
    """
    return Softplus((as_node(x),), name=name)
