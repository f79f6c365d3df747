"""cos: y = cos(x)."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Cos(Unary):
    """y = cos(x), any shape.  Kernel: src_c/ops/cos.c."""

    op = "cos"
    grad_reads = "x"


def cos(x: Any, *, name: str = "") -> Node:
    """Return cos(x), x in radians, elementwise; same shape and dtype as ``x``.

    The gradient is -sin(x) dy.  NaN propagates; infinities give NaN.  Up to 10^6 the error is
    below 1 ULP; beyond it is that of the C library.

    Raises `DtypeError` for integer nodes.
    Source: NumPy's ``cos``.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.cos(x))
    >>> graph.forward(x=[0.0, np.pi / 2]).round(6)
    array([1., 0.])
    >>> graph.backward([1.0, 1.0])["x"].round(6)
    array([-0., -1.])
    """
    return Cos((as_node(x),), name=name)
