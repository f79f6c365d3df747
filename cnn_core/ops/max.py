"""max: y = the largest number of each group."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.reduction import Axis, Reduction


class Max(Reduction):
    """y = the largest number along ``axis``.  Kernel: src_c/ops/max.c."""

    op = "max"
    grad_reads = "xy"


def max(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str = "") -> Node:
    """Return the largest number of ``x`` along ``axis``: an axis, several, or None for all.

    The reduced axes vanish, or keep length 1 with ``keepdims``.  Axis 0 of a batched ``x`` is the
    batch: reduced, the result is unbatched.  The gradient dy goes to the largest number, at ties
    to the first in row-major order.  NaN propagates, and then the first NaN takes the gradient.

    Raises `OptionError` for an axis that ``x`` does not have or that is named twice,
    `DtypeError` for integer nodes.
    Source: NumPy's ``max``.

    >>> x = cnn.Input("x", (2, 2))
    >>> graph = cnn.Graph(cnn.ops.max(x, axis=1))
    >>> graph.forward(x=[[1.0, 3.0], [4.0, 2.0]])
    array([3., 4.])
    >>> graph.backward([1.0, 1.0])["x"]
    array([[0., 1.],
           [1., 0.]])
    """
    return Max((as_node(x),), name=name, axis=axis, keepdims=keepdims)
