"""sqrt: y = sqrt(x)."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Sqrt(Unary):
    """y = sqrt(x), any shape.  Kernel: src_c/ops/sqrt.c."""

    op = "sqrt"
    symbol = "√"
    grad_reads = "y"


def sqrt(x: Any, *, name: str = "") -> Node:
    """Return the square root of x, elementwise; same shape and dtype as ``x``.

    The gradient is dy / (2 y), infinite at 0.  Numbers below 0 give NaN, and NaN propagates.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``sqrt``.

    >>> graph = cnn.Graph(cnn.ops.sqrt(cnn.Input("x")))
    >>> graph.forward(x=4.0), graph.backward()
    (2.0, {'x': 0.25})
    """
    return Sqrt((as_node(x),), name=name)
