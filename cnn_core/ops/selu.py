"""selu: y = s x for x > 0, else s alpha (exp(x) - 1)."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Selu(Unary):
    """y = s x for x > 0, else s alpha (exp(x) - 1), any shape.  Kernel: src_c/ops/selu.c."""

    op = "selu"
    grad_reads = "y"


def selu(x: Node, *, name: str = "") -> Node:
    """Return s x where x > 0, else s alpha (exp(x) - 1); same shape and dtype as ``x``.

    s = 1.0507 and alpha = 1.6733 are the constants that keep mean 0 and variance 1 from layer
    to layer.  The gradient is s dy where x > 0, else (y + s alpha) dy, also at 0.  NaN
    propagates; selu(-inf) = -s alpha.

    Raises `DtypeError` for integer nodes.
    Source: Klambauer et al. 2017, Self-Normalizing Neural Networks.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.selu(x))
    >>> graph.forward(x=[1.0, -1.0]).round(4)  # s, s alpha (exp(-1) - 1)
    array([ 1.0507, -1.1113])
    >>> graph.backward([1.0, 1.0])["x"].round(4)
    array([1.0507, 0.6468])
    """
    return Selu((as_node(x),), name=name)
