"""neg: y = -x."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Neg(Unary):
    """y = -x, any shape.  Kernel: src_c/ops/neg.c."""

    op = "neg"
    symbol = "\N{MULTIPLICATION SIGN}-1"
    grad_reads = ""


def neg(x: Any, *, name: str = "") -> Node:
    """Return -x, elementwise; same shape and dtype as ``x``.

    The gradient is -dy.  NaN propagates.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``negative``.

    >>> graph = cnn.Graph(cnn.ops.neg(cnn.Input("x")))  # the same as -x
    >>> graph.forward(x=3.0), graph.backward()
    (-3.0, {'x': -1.0})
    """
    return Neg((as_node(x),), name=name)
