"""sigmoid: y = 1 / (1 + exp(-x))."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Sigmoid(Unary):
    """y = 1 / (1 + exp(-x)), any shape.  Kernel: src_c/ops/sigmoid.c."""

    op = "sigmoid"
    symbol = "\N{GREEK SMALL LETTER SIGMA}"
    grad_reads = "y"


def sigmoid(x: Node, *, name: str = "") -> Node:
    """Return 1 / (1 + exp(-x)), elementwise; same shape and dtype as ``x``.

    NaN propagates; sigmoid(-inf) = 0, sigmoid(inf) = 1.
    """
    return Sigmoid((as_node(x),), name=name)
