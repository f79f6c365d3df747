"""min: y = the smallest number of each group."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.reduction import Axis, Reduction


class Min(Reduction):
    """y = the smallest number along ``axis``.  Kernel: src_c/ops/min.c."""

    op = "min"
    grad_reads = "xy"


def min(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str = "") -> Node:
    """Return the smallest number of ``x`` along ``axis``: an axis, several, or None for all.

    The reduced axes vanish, or keep length 1 with ``keepdims``.  Axis 0 of a batched ``x`` is the
    batch: reduced, the result is unbatched.  The gradient dy goes to the smallest number, at ties
    to the first in row-major order.  NaN propagates, and then the first NaN takes the gradient.

    Raises `OptionError` for an axis that ``x`` does not have or that is named twice,
    `DtypeError` for integer nodes.
    Source: NumPy's ``min``.

    >>> x = cnn.Input("x", (2, 2))
    >>> graph = cnn.Graph(cnn.ops.min(x, axis=1))
    >>> graph.forward(x=[[1.0, 3.0], [4.0, 2.0]])
    array([1., 2.])
    >>> graph.backward([1.0, 1.0])["x"]
    array([[1., 0.],
           [0., 1.]])
    """
    return Min((as_node(x),), name=name, axis=axis, keepdims=keepdims)
