"""exp: y = exp(x)."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Exp(Unary):
    """y = exp(x), any shape.  Kernel: src_c/ops/exp.c."""

    op = "exp"
    grad_reads = "y"


def exp(x: Any, *, name: str = "") -> Node:
    """Return exp(x), elementwise; same shape and dtype as ``x``.

    The gradient is y dy.  NaN propagates; -inf gives 0.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``exp``.

    >>> graph = cnn.Graph(cnn.ops.exp(cnn.Input("x")))
    >>> graph.forward(x=0.0), graph.backward()
    (1.0, {'x': 1.0})
    """
    return Exp((as_node(x),), name=name)
