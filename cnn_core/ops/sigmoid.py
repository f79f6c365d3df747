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

    The gradient is y (1 - y) dy.  NaN propagates; sigmoid(-inf) = 0, sigmoid(inf) = 1.

    Raises `DtypeError` for integer nodes.  Source: the logistic function, SciPy's ``expit``.

    >>> graph = cnn.Graph(cnn.ops.sigmoid(cnn.Input("x")))
    >>> graph.forward(x=0.0), graph.backward()
    (0.5, {'x': 0.25})
    """
    return Sigmoid((as_node(x),), name=name)
