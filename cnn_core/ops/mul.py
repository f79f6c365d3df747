"""mul: y = a * b."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.binary import Binary
from cnn_core.ir.node import Node, as_node


class Mul(Binary):
    """y = a * b, broadcast together.  Kernel: src_c/ops/mul.c."""

    op = "mul"
    symbol = "\N{MULTIPLICATION SIGN}"
    grad_reads = "x"


def mul(a: Any, b: Any, *, name: str = "") -> Node:
    """Return a * b, elementwise, for nodes, numbers or arrays.

    Shapes are broadcast together by NumPy's rule, at most 6 axes; the batch axis fits itself and
    length 1.  Of the two operands, the gradient of a is b dy and that of b is a dy,
    added up (in float64) over the axes along which the operand was repeated.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> a, b = cnn.Input("a"), cnn.Input("b")
    >>> graph = cnn.Graph(cnn.ops.mul(a, b))  # the same as a * b
    >>> graph.forward(a=3.0, b=-4.0), graph.backward()
    (-12.0, {'a': -4.0, 'b': 3.0})
    """
    return Mul((as_node(a), as_node(b)), name=name)
