"""log1p: y = log(1 + x)."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Log1p(Unary):
    """y = log(1 + x), any shape.  Kernel: src_c/ops/log1p.c."""

    op = "log1p"
    grad_reads = "x"


def log1p(x: Any, *, name: str = "") -> Node:
    """Return log(1 + x), elementwise; same shape and dtype as ``x``.

    Accurate for small x.  The gradient is dy / (1 + x).  -1 gives -inf, numbers below give NaN,
    and NaN propagates.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``log1p``.

    >>> graph = cnn.Graph(cnn.ops.log1p(cnn.Input("x")))
    >>> graph.forward(x=1e-20), graph.backward()  # log(1 + 1e-20) would be 0
    (1e-20, {'x': 1.0})
    """
    return Log1p((as_node(x),), name=name)
