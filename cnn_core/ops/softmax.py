"""softmax: y = exp(x) / sum exp(x) over one axis."""

from __future__ import annotations

from cnn_core.ir.along_axis import AlongAxis
from cnn_core.ir.node import Node, as_node


class Softmax(AlongAxis):
    """y = exp(x) / sum exp(x) over one axis.  Kernel: src_c/ops/softmax.c."""

    op = "softmax"
    grad_reads = "y"


def softmax(x: Node, axis: int = -1, *, name: str = "") -> Node:
    """Return exp(x) / sum exp(x) over ``axis``; same shape and dtype as ``x``.

    The gradient is y (dy - sum y dy).  The maximum is subtracted first, so nothing overflows.  A
    single -inf gives 0; NaN, +inf or nothing but -inf in a group make all of the group NaN.

    Axis 0 of a batched ``x`` is the batch, which no negative axis means.

    Raises `ShapeError` for a scalar or a negative axis that is the batch, `OptionError` for an
    axis that ``x`` does not have, `DtypeError` for integer nodes.  Source: SciPy's ``softmax``.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.softmax(x))
    >>> graph.forward(x=[1000.0, 1000.0])
    array([0.5, 0.5])
    >>> graph.backward([1.0, 0.0])
    {'x': array([ 0.25, -0.25])}
    """
    return Softmax((as_node(x),), name=name, axis=axis)
