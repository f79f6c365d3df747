"""logsumexp: y = log(sum exp(x)) of each group."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.reduction import Axis, Reduction


class Logsumexp(Reduction):
    """y = log(sum exp(x)) along ``axis``.  Kernel: src_c/ops/logsumexp.c."""

    op = "logsumexp"
    grad_reads = "xy"


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False, *, name: str = "") -> Node:
    """Return log(sum exp(x)) along ``axis``: an axis, several, or None for all.

    The reduced axes vanish, or keep length 1 with ``keepdims``.  Axis 0 of a batched ``x`` is the
    batch: reduced, the result is unbatched.  The maximum is subtracted first, so nothing
    overflows.  The gradient is exp(x - y) dy.  NaN propagates; nothing but -inf gives -inf, with
    the gradient 0.

    Raises `OptionError` for an axis that ``x`` does not have or that is named twice,
    `DtypeError` for integer nodes.
    Source: SciPy's ``logsumexp``.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.logsumexp(x))
    >>> round(graph.forward(x=[1000.0, 1000.0]), 4)  # 1000 + log 2, without overflow
    1000.6931
    >>> graph.backward()
    {'x': array([0.5, 0.5])}
    """
    return Logsumexp((as_node(x),), name=name, axis=axis, keepdims=keepdims)
