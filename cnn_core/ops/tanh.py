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

    NaN propagates; tanh(-inf) = -1, tanh(inf) = 1.
    """
    return Tanh((as_node(x),), name=name)
