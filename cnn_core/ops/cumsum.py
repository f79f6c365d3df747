"""cumsum: y_i = x_0 + ... + x_i along one axis."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.along_axis import AlongAxis
from cnn_core.ir.node import Node, as_node


class Cumsum(AlongAxis):
    """y_i = x_0 + ... + x_i along one axis.  Kernel: src_c/ops/cumsum.c."""

    op = "cumsum"
    grad_reads = ""


def cumsum(x: Any, axis: int, *, name: str = "") -> Node:
    """Return the running sums of ``x`` along ``axis``; same shape and dtype as ``x``.

    Axis 0 of a batched ``x`` is the batch, which no negative axis means.  The sums are
    formed in float64.  The gradient of x_i is the sum of dy from i on.  NaN propagates to all
    that follow.

    Raises `OptionError` for an axis that ``x`` does not have, `ShapeError` for a scalar or a
    negative axis that is the batch, `DtypeError` for integer nodes.
    Source: NumPy's ``cumsum``.

    >>> x = cnn.Input("x", (3,))
    >>> graph = cnn.Graph(cnn.ops.cumsum(x, 0))
    >>> graph.forward(x=[1.0, 2.0, 3.0])
    array([1., 3., 6.])
    >>> graph.backward([1.0, 1.0, 1.0])
    {'x': array([3., 2., 1.])}
    """
    return Cumsum((as_node(x),), name=name, axis=axis)
