"""elu: y = x for x > 0, else alpha (exp(x) - 1)."""

from __future__ import annotations

from cnn_core import options
from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Elu(Unary):
    """y = x for x > 0, else alpha (exp(x) - 1), any shape.  Kernel: src_c/ops/elu.c."""

    op = "elu"
    grad_reads = "y"  # an alpha >= 0 keeps the sign of x
    alpha: float = 1.0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.alpha = options.number(self.label, self.alpha, 0, option="alpha")

    def attrs(self) -> tuple[float | int, ...]:
        return (float(self.alpha),)


def elu(x: Node, alpha: float = 1.0, *, name: str = "") -> Node:
    """Return x where x > 0, else alpha (exp(x) - 1); same shape and dtype as ``x``.

    The gradient is dy where x > 0, else (y + alpha) dy, also at 0.  NaN propagates;
    elu(-inf) = -alpha.

    Raises `OptionError` for an alpha that is negative or not finite, `DtypeError` for integer
    nodes.
    Source: Clevert, Unterthiner, Hochreiter 2016.

    >>> graph = cnn.Graph(cnn.ops.elu(cnn.Input("x"), alpha=2.0))
    >>> graph.forward(x=3.0), graph.backward()
    (3.0, {'x': 1.0})
    >>> round(graph.forward(x=-1.0), 4)  # 2 (exp(-1) - 1)
    -1.2642
    """
    return Elu((as_node(x),), name=name, alpha=alpha)
