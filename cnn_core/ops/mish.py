"""mish: y = x tanh(softplus(x))."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Mish(Unary):
    """y = x tanh(softplus(x)), any shape.  Kernel: src_c/ops/mish.c."""

    op = "mish"
    grad_reads = "x"


def mish(x: Node, *, name: str = "") -> Node:
    """Return x tanh(softplus(x)), elementwise; same shape and dtype as ``x``.

    The gradient is (t + x (1 - t^2) sigmoid(x)) dy with t = tanh(softplus(x)).  NaN propagates;
    mish(-inf) = 0.

    Raises `DtypeError` for integer nodes.  Source: Misra 2019.

    >>> graph = cnn.Graph(cnn.ops.mish(cnn.Input("x")))
    >>> graph.forward(x=0.0), round(graph.backward()["x"], 6)  # tanh(log 2) at 0
    (0.0, 0.6)
    """
    return Mish((as_node(x),), name=name)
