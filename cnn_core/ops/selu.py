"""selu: y = s x for x > 0, else s alpha (exp(x) - 1)."""

from __future__ import annotations

from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Selu(Unary):
    """y = s x for x > 0, else s alpha (exp(x) - 1), any shape.  Kernel: src_c/ops/selu.c."""

    op = "selu"
    grad_reads = "y"


def selu(x: Node, *, name: str = "") -> Node:
    """Return s x where x > 0, else s alpha (exp(x) - 1); same shape and dtype as ``x``.

    s = 1.0507 and alpha = 1.6733 are the constants that keep mean 0 and variance 1 from layer
    to layer.  The subgradient at 0 is s alpha.  NaN propagates; selu(-inf) = -s alpha.

    Source: Klambauer et al. 2017, Self-Normalizing Neural Networks.
    """
    return Selu((as_node(x),), name=name)
