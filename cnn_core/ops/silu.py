"""silu: y = x sigmoid(x)."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Silu(Unary):
    """y = x sigmoid(x), any shape.  Kernel: src_c/ops/silu.c."""

    op = "silu"
    grad_reads = "x"


def silu(x: Node, *, name: str = "") -> Node:
    """Return x sigmoid(x), elementwise, also known as swish; same shape and dtype as ``x``.

    The gradient is s (1 + x (1 - s)) dy with s = sigmoid(x).  NaN propagates; silu(-inf) = 0.

    Raises `DtypeError` for integer nodes.  Source: Elfwing, Uchibe, Doya 2018.

    >>> graph = cnn.Graph(cnn.ops.silu(cnn.Input("x")))
    >>> graph.forward(x=0.0), graph.backward()
    (0.0, {'x': 0.5})
    """
    return Silu((as_node(x),), name=name)
