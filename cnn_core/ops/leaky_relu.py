"""leaky_relu: y = x for x > 0, else negative_slope x."""

from __future__ import annotations

from cnn_core import options
from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class LeakyRelu(Unary):
    """y = x for x > 0, else negative_slope x, any shape.  Kernel: src_c/ops/leaky_relu.c."""

    op = "leaky_relu"
    grad_reads = "y"  # a slope >= 0 keeps the sign of x
    negative_slope: float = 0.01

    def infer_shape(self) -> None:
        super().infer_shape()
        self.negative_slope = options.number(
            self.label, self.negative_slope, 0, option="negative_slope"
        )

    def attrs(self) -> tuple[float | int, ...]:
        return (float(self.negative_slope),)


def leaky_relu(x: Node, negative_slope: float = 0.01, *, name: str = "") -> Node:
    """Return x where x > 0, else negative_slope x; same shape and dtype as ``x``.

    The gradient is dy where x > 0, else negative_slope dy, also at 0.  NaN propagates.

    Raises `OptionError` for a slope that is negative or not finite, `DtypeError` for integer
    nodes.  Source: Maas, Hannun, Ng 2013.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.leaky_relu(x, 0.1))
    >>> graph.forward(x=[-2.0, 3.0])
    array([-0.2,  3. ])
    >>> graph.backward([1.0, 1.0])
    {'x': array([0.1, 1. ])}
    """
    return LeakyRelu((as_node(x),), name=name, negative_slope=negative_slope)
