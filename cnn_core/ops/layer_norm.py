"""layer_norm: rows of mean 0 and variance 1, times a scale, plus a shift."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_norm import RowNorm, as_vector


class LayerNorm(RowNorm):
    """y = (x - mean) / sqrt(var + eps) scale + shift.  Kernel: src_c/ops/layer_norm.c."""

    op = "layer_norm"
    eps: float = 1e-5


def layer_norm(
    x: Any, scale: Any = None, shift: Any = None, eps: float = 1e-5, *, name: str = ""
) -> Node:
    """Return ``(x - mean) / sqrt(var + eps) scale + shift`` over the last axis: x (..., N).

    ``scale`` and ``shift`` (N,); None stands for ones and zeros.  The mean and the variance, which
    is the biased one, are those of each row by itself: training and inference do the same.  Sums
    along a row are taken in double.  With s = sqrt(var + eps), u = (x - mean) / s and
    g = scale dy the gradients are dx = (g - mean g - u mean(g u)) / s, dscale = sum dy u and
    dshift = sum dy, both over all rows.  A row of equal numbers gives ``shift``;
    NaN propagates within its row.

    Raises `ShapeError` where the shapes do not fit, `OptionError` unless eps is at least 1e-30,
    `DtypeError` for integer nodes.  Source: Ba, Kiros, Hinton 2016; PyTorch's ``layer_norm`` over
    one axis.

    >>> x = cnn.Input("x", (cnn.BATCH, 2))
    >>> graph = cnn.Graph(cnn.ops.layer_norm(x, eps=1e-12))
    >>> graph.forward(x=[[1.0, 3.0], [5.0, 9.0]]).round(6)  # (x - 2) / 1, (x - 7) / 2
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    x = as_node(x)
    inputs = (x, as_vector(scale, x, 1.0), as_vector(shift, x, 0.0))
    return LayerNorm(inputs, name=name, eps=eps)
