"""where: y = a where m != 0, else b."""

from __future__ import annotations

from typing import Any

from cnn_core.ir.binary import walk
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.shapes import broadcast


class Where(Node):
    """y = a where m != 0, else b; broadcast together.  Kernel: src_c/ops/where.c."""

    op = "where"
    differentiable = (False, True, True)
    grad_reads = "x"

    def infer_shape(self) -> None:
        self.shape = broadcast(self)

    def attrs(self) -> tuple[float | int, ...]:
        m, a, b = (x.shape for x in self.inputs)
        first, second = walk(self.shape, [m, a]), walk(self.shape, [m, b])
        return (1 + len(first), *first, *second)


def where(condition: Any, a: Any, b: Any, *, name: str = "") -> Node:
    """Return a where ``condition`` is not 0, else b, for nodes, numbers or arrays.

    Shapes are broadcast together by NumPy's rule, at most 6 axes; the batch axis fits itself and
    length 1.  The gradient dy goes to a where the condition is not 0, else to b, added up (in
    float64) over the axes along which the operand was repeated.  The condition has no gradient;
    a NaN in it counts as not 0.  What is not taken leaves no trace in value or gradient.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> c, a, b = cnn.Input("c", (2,)), cnn.Input("a", (2,)), cnn.Input("b")
    >>> graph = cnn.Graph(cnn.ops.where(c, a, b))
    >>> graph.forward(c=[1.0, 0.0], a=[2.0, 3.0], b=-1.0)
    array([ 2., -1.])
    >>> graph.backward([1.0, 1.0])
    {'c': array([0., 0.]), 'a': array([1., 0.]), 'b': 1.0}
    """
    return Where(tuple(as_node(x) for x in (condition, a, b)), name=name)
