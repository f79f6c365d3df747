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
    """
    return Sub((as_node(a), as_node(b)), name=name)
