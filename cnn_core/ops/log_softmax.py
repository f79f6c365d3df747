"""log_softmax: y = x - log(sum exp(x)) over one axis."""

from __future__ import annotations

from cnn_core.ir.along_axis import AlongAxis
from cnn_core.ir.node import Node, as_node


class LogSoftmax(AlongAxis):
    """y = x - log(sum exp(x)) over one axis.  Kernel: src_c/ops/log_softmax.c."""

    op = "log_softmax"
    grad_reads = "y"


def log_softmax(x: Node, axis: int = -1, *, name: str = "") -> Node:
    """Return x - log(sum exp(x)) over ``axis``; same shape and dtype as ``x``.

    The gradient is dy - exp(y) sum dy.  The maximum is subtracted first, so nothing overflows.  A
    single -inf stays -inf; NaN, +inf or nothing but -inf in a group make all of the group NaN.

    Axis 0 of a batched ``x`` is the batch, which no negative axis means.

    Raises `ShapeError` for a scalar or a negative axis that is the batch, `OptionError` for an
    axis that ``x`` does not have, `DtypeError` for integer nodes.  Source: SciPy's ``log_softmax``.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.log_softmax(x))
    >>> graph.forward(x=[0.0, 0.0])  # log(1 / 2)
    array([-0.69314718, -0.69314718])
    >>> graph.backward([1.0, 0.0])  # dy - softmax(x) sum dy
    {'x': array([ 0.5, -0.5])}
    """
    return LogSoftmax((as_node(x),), name=name, axis=axis)
