"""log_softmax: y = x - log(sum exp(x)) over one axis."""

from __future__ import annotations

from cnn_core.graph.along_axis import AlongAxis
from cnn_core.graph.node import Node, as_node


class LogSoftmax(AlongAxis):
    """y = x - log(sum exp(x)) over the last axis.  Kernel: src_c/ops/log_softmax.c."""

    op = "log_softmax"
    grad_reads = "y"


def log_softmax(x: Node, axis: int = -1, *, name: str = "") -> Node:
    """Return x - log(sum exp(x)) over the last axis; same shape and dtype as ``x`` (..., C).

    The maximum is subtracted first, so nothing overflows.  A single -inf stays -inf; NaN, +inf or
    nothing but -inf in a group make all of the group NaN.

    Raises `ShapeError` for a scalar or where the batch axis is the only one, `OptionError` for
    another axis than the last.
    """
    return LogSoftmax((as_node(x),), name=name, axis=axis)
