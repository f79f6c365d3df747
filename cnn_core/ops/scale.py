"""scale: y = a x."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Scale(Unary):
    """y = a x, any shape, a a number.  Kernel: src_c/ops/scale.c."""

    op = "scale"
    symbol = "\N{MULTIPLICATION SIGN}{a:g}"
    grad_reads = ""
    a: float = 1.0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.a = options.number(self.label, self.a, option="a")

    def attrs(self) -> tuple[float | int, ...]:
        return (float(self.a),)


def scale(x: Any, a: float, *, name: str = "") -> Node:
    """Return a x, elementwise, for a number a; same shape and dtype as ``x``.

    The gate f_a(x) = a x of the lecture.  The gradient is a dy.  NaN propagates.

    Raises `OptionError` unless a is a finite number, `DtypeError` for integer nodes.

    >>> graph = cnn.Graph(cnn.ops.scale(cnn.Input("x"), 3.0))
    >>> graph.forward(x=2.0), graph.backward()
    (6.0, {'x': 3.0})
    """
    return Scale((as_node(x),), name=name, a=a)
