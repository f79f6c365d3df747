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

    NaN propagates; the subgradient at 0 is 0.
    """
    return Relu((as_node(x),), name=name)
