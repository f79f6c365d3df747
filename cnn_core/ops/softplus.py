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

    NaN propagates; softplus(-inf) = 0.  Its gradient is the sigmoid.
    """
    return Softplus((as_node(x),), name=name)
