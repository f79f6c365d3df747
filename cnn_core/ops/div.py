"""div: y = a / b."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.binary import Binary
from cnn_core.ir.node import Node, as_node


class Div(Binary):
    """y = a / b, broadcast together.  Kernel: src_c/ops/div.c."""

    op = "div"
    symbol = "÷"
    grad_reads = "x"


def div(a: Any, b: Any, *, name: str = "") -> Node:
    """Return a / b, elementwise, for nodes, numbers or arrays.

    Shapes are broadcast together by NumPy's rule, at most 6 axes; the batch axis fits itself and
    length 1.  Of the two operands, the gradient of a is dy / b and that of b is -(a / b) dy / b,
    added up (in float64) over the axes along which the operand was repeated.  Division by zero
    gives inf or NaN as in NumPy.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> a, b = cnn.Input("a"), cnn.Input("b")
    >>> graph = cnn.Graph(cnn.ops.div(a, b))  # the same as a / b
    >>> graph.forward(a=6.0, b=2.0), graph.backward()
    (3.0, {'a': 0.5, 'b': -1.5})
    """
    return Div((as_node(a), as_node(b)), name=name)
