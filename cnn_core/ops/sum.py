"""sum: y = the sum of each group."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.reduction import Axis, Reduction


class Sum(Reduction):
    """y = the sum along ``axis``.  Kernel: src_c/ops/sum.c."""

    op = "sum"
    symbol = "Σ"
    grad_reads = ""
    spreads = True


def sum(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str = "") -> Node:
    """Return the sum of ``x`` along ``axis``: an axis, several, or None for all.

    The reduced axes vanish, or keep length 1 with ``keepdims``.  Axis 0 of a batched ``x`` is the
    batch: reduced, the result is unbatched.  It is added up in float64.  The gradient is dy.
    NaN propagates.

    Raises `OptionError` for an axis that ``x`` does not have or that is named twice,
    `DtypeError` for integer nodes.
    Source: NumPy's ``sum``.

    >>> x = cnn.Input("x", (2, 2))
    >>> graph = cnn.Graph(cnn.ops.sum(x, axis=1))
    >>> graph.forward(x=[[1.0, 2.0], [3.0, 4.0]])
    array([3., 7.])
    >>> graph.backward([1.0, 5.0])["x"]
    array([[1., 1.],
           [5., 5.]])
    """
    return Sum((as_node(x),), name=name, axis=axis, keepdims=keepdims)
