"""reciprocal: y = 1 / x."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Reciprocal(Unary):
    """y = 1 / x, any shape.  Kernel: src_c/ops/reciprocal.c."""

    op = "reciprocal"
    symbol = "1/x"
    grad_reads = "y"


def reciprocal(x: Any, *, name: str = "") -> Node:
    """Return 1 / x, elementwise; same shape and dtype as ``x``.

    The gradient is -y^2 dy.  0 gives inf with its sign, and NaN propagates.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``reciprocal``.

    >>> graph = cnn.Graph(cnn.ops.reciprocal(cnn.Input("x")))
    >>> graph.forward(x=2.0), graph.backward()
    (0.5, {'x': -0.25})
    """
    return Reciprocal((as_node(x),), name=name)
