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

    NaN propagates; mish(-inf) = 0.  Source: Misra 2019.
    """
    return Mish((as_node(x),), name=name)
