"""norm: y = the Euclidean norm, sqrt(sum x^2), of each group."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.reduction import Axis, Reduction


class Norm(Reduction):
    """y = the Euclidean norm, sqrt(sum x^2), along ``axis``.  Kernel: src_c/ops/norm.c."""

    op = "norm"
    symbol = "‖x‖"
    grad_reads = "xy"


def norm(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str = "") -> Node:
    """Return sqrt(sum x^2) of ``x`` along ``axis``: an axis, several, or None for all.

    The reduced axes vanish, or keep length 1 with ``keepdims``.  Axis 0 of a batched ``x`` is the
    batch: reduced, the result is unbatched.  The squares are added up in float64.  The gradient
    is x dy / y, and 0 where the norm is 0.  NaN propagates.

    Raises `OptionError` for an axis that ``x`` does not have or that is named twice,
    `DtypeError` for integer nodes.
    Source: NumPy's ``linalg.norm``.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.norm(x))
    >>> graph.forward(x=[3.0, 4.0])
    5.0
    >>> graph.backward()
    {'x': array([0.6, 0.8])}
    """
    return Norm((as_node(x),), name=name, axis=axis, keepdims=keepdims)
