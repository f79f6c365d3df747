"""mean: y = the mean of each group."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.reduction import Axis, Reduction


class Mean(Reduction):
    """y = the mean along ``axis``.  Kernel: src_c/ops/mean.c."""

    op = "mean"
    grad_reads = ""
    spreads = True


def mean(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str = "") -> Node:
    """Return the mean of ``x`` along ``axis``: an axis, several, or None for all.

    The reduced axes vanish, or keep length 1 with ``keepdims``.  Axis 0 of a batched ``x`` is the
    batch: reduced, the result is unbatched.  It is added up in float64.  The gradient is dy / n
    for groups of n numbers.  NaN propagates.

    Raises `OptionError` for an axis that ``x`` does not have or that is named twice,
    `DtypeError` for integer nodes.
    Source: NumPy's ``mean``.

    >>> x = cnn.Input("x", (2, 2))
    >>> graph = cnn.Graph(cnn.ops.mean(x, axis=0))
    >>> graph.forward(x=[[1.0, 2.0], [3.0, 6.0]])
    array([2., 4.])
    >>> graph.backward([1.0, 1.0])["x"]
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return Mean((as_node(x),), name=name, axis=axis, keepdims=keepdims)
