"""sub: y = a - b."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.binary import Binary
from cnn_core.ir.node import Node, as_node


class Sub(Binary):
    """y = a - b, broadcast together.  Kernel: src_c/ops/sub.c."""

    op = "sub"
    symbol = "\N{MINUS SIGN}"
    grad_reads = ""


def sub(a: Any, b: Any, *, name: str = "") -> Node:
    """Return a - b, elementwise, for nodes, numbers or arrays.

    Shapes are broadcast together by NumPy's rule, at most 6 axes; the batch axis fits itself and
    length 1.  Of the two operands, the gradient of a is dy and that of b is -dy,
    added up (in float64) over the axes along which the operand was repeated.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> a, b = cnn.Input("a"), cnn.Input("b", (2,))
    >>> graph = cnn.Graph(cnn.ops.sub(a, b))  # the same as a - b
    >>> graph.forward(a=10.0, b=[1.0, 2.0])
    array([9., 8.])
    >>> graph.backward([1.0, 3.0])  # a was repeated: its gradient is the sum
    {'a': 4.0, 'b': array([-1., -3.])}
    """
    return Sub((as_node(a), as_node(b)), name=name)
