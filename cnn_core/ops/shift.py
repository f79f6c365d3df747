"""shift: y = c + x."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Shift(Unary):
    """y = c + x, any shape, c a number.  Kernel: src_c/ops/shift.c."""

    op = "shift"
    symbol = "+{c:g}"
    grad_reads = ""
    c: float = 1.0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.c = options.number(self.label, self.c, option="c")

    def attrs(self) -> tuple[float | int, ...]:
        return (float(self.c),)


def shift(x: Any, c: float, *, name: str = "") -> Node:
    """Return c + x, elementwise, for a number c; same shape and dtype as ``x``.

    The gate f_c(x) = c + x of the lecture.  The gradient is dy.  NaN propagates.

    Raises `OptionError` unless c is a finite number, `DtypeError` for integer nodes.

    >>> graph = cnn.Graph(cnn.ops.shift(cnn.Input("x"), 3.0))
    >>> graph.forward(x=2.0), graph.backward()
    (5.0, {'x': 1.0})
    """
    return Shift((as_node(x),), name=name, c=c)
