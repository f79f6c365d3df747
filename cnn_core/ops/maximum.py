"""maximum: y = max(a, b)."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.binary import Binary
from cnn_core.ir.node import Node, as_node


class Maximum(Binary):
    """y = max(a, b), broadcast together.  Kernel: src_c/ops/maximum.c."""

    op = "maximum"
    symbol = "max"
    grad_reads = "x"


def maximum(a: Any, b: Any, *, name: str = "") -> Node:
    """Return the larger of a and b, elementwise, for nodes, numbers or arrays.

    Shapes are broadcast together by NumPy's rule, at most 6 axes; the batch axis fits itself and
    length 1.  The gradient dy goes to the operand that is the value, and where both are equal to
    ``a``; it is added up (in float64) over the axes along which an operand was repeated.  NaN in
    either operand gives NaN.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> a, b = cnn.Input("a", (2,)), cnn.Input("b", (2,))
    >>> graph = cnn.Graph(cnn.ops.maximum(a, b))
    >>> graph.forward(a=[1.0, 5.0], b=[3.0, 2.0])
    array([3., 5.])
    >>> graph.backward([1.0, 1.0])
    {'a': array([0., 1.]), 'b': array([1., 0.])}
    """
    return Maximum((as_node(a), as_node(b)), name=name)
