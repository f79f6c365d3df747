"""rms_norm: rows of mean square 1, times a scale."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_norm import RowNorm, as_vector


class RMSNorm(RowNorm):
    """y = x / sqrt(mean x^2 + eps) scale.  Kernel: src_c/ops/rms_norm.c."""

    op = "rms_norm"


def rms_norm(x: Any, scale: Any = None, eps: float | None = None, *, name: str = "") -> Node:
    """Return ``x / sqrt(mean x^2 + eps) scale`` over the last axis: x (..., N), scale (N,).

    ``scale`` None stands for ones, ``eps`` None for the machine epsilon of the graph's type.  Sums
    along a row are taken in double.  With s = sqrt(mean x^2 + eps), u = x / s and g = scale dy the
    gradients are dx = (g - u mean(g u)) / s and dscale = sum dy u over all rows.  A row of
    zeros gives 0; NaN propagates within its row.

    Raises `ShapeError` where the shapes do not fit, `OptionError` unless eps is at least 1e-30,
    `DtypeError` for integer nodes.  Source: Zhang, Sennrich 2019; PyTorch's ``rms_norm`` over one
    axis.

    >>> x = cnn.Input("x", (cnn.BATCH, 2))
    >>> graph = cnn.Graph(cnn.ops.rms_norm(x))
    >>> graph.forward(x=[[1.0, 7.0]]).round(6)  # x / sqrt((1 + 49) / 2)
    array([[0.2, 1.4]])
    """
    x = as_node(x)
    return RMSNorm((x, as_vector(scale, x, 1.0)), name=name, eps=eps)
