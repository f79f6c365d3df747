"""power: y = x^p."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.binary import walk
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.shapes import broadcast


class Power(Node):
    """y = x^p; p a number, or a second operand, broadcast together.  Kernel: src_c/ops/power.c."""

    op = "power"
    symbol = "x^{p:g}"
    differentiable = (True, True)
    grad_reads = "x"
    p: float = 1.0

    def infer_shape(self) -> None:
        self.is_map = self.grad_in_place = len(self.inputs) == 1  # type: ignore[misc]
        if self.is_map:
            self.p = options.number(self.label, self.p, option="p")
        else:
            self.symbol = "x^p"  # type: ignore[misc]
        self.shape = broadcast(self)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (*self.inputs, self.p) if self.is_map else self.inputs, {}

    def attrs(self) -> tuple[float | int, ...]:
        if len(self.inputs) == 1:
            return (float(self.p),)
        return walk(self.shape, [x.shape for x in self.inputs])


def power(x: Any, p: Any, *, name: str = "") -> Node:
    """Return x^p, elementwise, for nodes, numbers or arrays.

    A number p needs no operand of its own and is fastest.  Otherwise shapes are broadcast
    together by NumPy's rule, at most 6 axes; the batch axis fits itself and length 1.  The
    gradient of x is p x^(p-1) dy (0 for p = 0) and that of p is y log(x) dy (0 at x = 0 for
    p >= 0, at p = 0 as in PyTorch), added up (in float64) over the axes along which the operand
    was repeated.

    A negative x gives NaN unless p is a whole number; 0 to a negative power gives inf.

    Raises `ShapeError` where the shapes do not fit, `OptionError` for a number p that is not
    finite, `DtypeError` for integer nodes.

    >>> x = cnn.Input("x", (2,))
    >>> graph = cnn.Graph(cnn.ops.power(x, 3))  # the same as x ** 3
    >>> graph.forward(x=[1.0, 2.0])
    array([1., 8.])
    >>> graph.backward([1.0, 1.0])
    {'x': array([ 3., 12.])}
    """
    if options.is_number(p):
        return Power((as_node(x),), name=name, p=p)
    return Power((as_node(x), as_node(p)), name=name)
