"""circular_convolution: y_i = sum_j k_j x_{(i - j + center) mod N}."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.vectors import VectorPair


class CircularConvolution(VectorPair):
    """y_i = sum_j k_j x_{(i - j + center) mod N}.  x (..., N), k (..., S), y (..., N).

    Kernel: src_c/ops/circular_convolution.c.
    """

    op = "circular_convolution"
    symbol = "⊛"
    differentiable = (True, True)
    grad_reads = "x"
    center: int = 0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.center = options.whole(self.label, self.center, 0, option="center")
        self.shape = (*self._lead, self.inputs[0].shape[-1])

    def attrs(self) -> tuple[float | int, ...]:
        return (*super().attrs(), int(self.center))


def circular_convolution(x: Any, k: Any, center: int = 0, *, name: str = "") -> Node:
    """Return y_i = sum_j k_j x_{(i - j + center) mod N}: x (..., N), k (..., S), y (..., N).

    Entry j of the kernel turns x by j - ``center`` places to higher indices: with S = 3 and
    ``center=1``, k weighs the shifts -1, 0 and 1.  The axes before the last are broadcast
    together by NumPy's rule.  The gradients are correlations with dy, added up over the axes
    along which the operand was repeated.  NaN propagates.

    Raises `ShapeError` where the shapes do not fit, `OptionError` unless ``center`` is an integer
    >= 0, `DtypeError` for integer nodes.

    Source: Graves, Wayne, Danihelka 2014, equation 8.

    >>> x, k = cnn.Input("x", (4,)), cnn.Input("k", (3,))
    >>> graph = cnn.Graph(cnn.ops.circular_convolution(x, k, center=1))
    >>> graph.forward(x=[1.0, 2.0, 3.0, 4.0], k=[0.0, 0.0, 1.0])  # one place to higher indices
    array([4., 1., 2., 3.])
    >>> graph.backward([1.0, 0.0, 0.0, 0.0])
    {'x': array([0., 0., 0., 1.]), 'k': array([2., 1., 4.])}
    """
    return CircularConvolution((as_node(x), as_node(k)), name=name, center=center)
