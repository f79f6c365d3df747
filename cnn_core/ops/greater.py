"""greater: y = 1 where a > b, else 0."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.binary import Comparison
from cnn_core.ir.node import Node, as_node


class Greater(Comparison):
    """y = 1 where a > b, else 0; broadcast together.  Kernel: src_c/ops/greater.c."""

    op = "greater"
    symbol = ">"


def greater(a: Any, b: Any, *, name: str = "") -> Node:
    """Return 1 where a is larger than b, else 0, elementwise, for nodes, numbers or arrays.

    Shapes are broadcast together by NumPy's rule, at most 6 axes; the batch axis fits itself and
    length 1.  The value has the dtype of the graph.  It has no gradient and counts as constant
    in what is computed from it.  With NaN the value is 0.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> a = cnn.Input("a", (3,))
    >>> cnn.Graph(cnn.ops.greater(a, 2.0)).forward(a=[1.0, 2.0, 3.0])  # the same as a > 2.0
    array([0., 0., 1.])
    """
    return Greater((as_node(a), as_node(b)), name=name)
