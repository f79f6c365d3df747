"""log: y = log(x)."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Log(Unary):
    """y = log(x), any shape.  Kernel: src_c/ops/log.c."""

    op = "log"
    grad_reads = "x"


def log(x: Any, *, name: str = "") -> Node:
    """Return the natural logarithm of x, elementwise; same shape and dtype as ``x``.

    The gradient is dy / x.  0 gives -inf, numbers below 0 give NaN, and NaN propagates.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``log``.

    >>> graph = cnn.Graph(cnn.ops.log(cnn.Input("x")))
    >>> graph.forward(x=1.0), graph.backward()
    (0.0, {'x': 1.0})
    """
    return Log((as_node(x),), name=name)
