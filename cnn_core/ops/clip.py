"""clip: y = min(max(x, a_min), a_max)."""

from __future__ import annotations

from math import inf
from typing import Any

from cnn_core import options
from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node


class Clip(Unary):
    """y = min(max(x, a_min), a_max), any shape.  Kernel: src_c/ops/clip.c."""

    op = "clip"
    grad_reads = "x"
    a_min: float | None = None
    a_max: float | None = None

    def infer_shape(self) -> None:
        super().infer_shape()
        self.attrs()  # refuses bounds that are no numbers

    def attrs(self) -> tuple[float | int, ...]:
        return (self._bound("a_min", -inf), self._bound("a_max", inf))

    def _bound(self, option: str, none: float) -> float:
        """Return a bound; ``none`` where there is none, or that very infinity."""
        bound = getattr(self, option)
        if bound is None or (options.is_number(bound) and bound == none):
            return none
        return options.number(self.label, bound, option=option)


def clip(
    x: Any, a_min: float | None = None, a_max: float | None = None, *, name: str = ""
) -> Node:
    """Return min(max(x, a_min), a_max); same shape and dtype as ``x``.

    A bound that is None, left out, or infinite on its own side does not limit; where
    a_min > a_max the value is a_max everywhere, as in NumPy.  The gradient is dy where
    a_min <= x <= a_max, both included, and 0 elsewhere.  NaN propagates.

    Raises `OptionError` for a bound that is no such number, `DtypeError` for integer nodes.

    >>> x = cnn.Input("x", (3,))
    >>> graph = cnn.Graph(cnn.ops.clip(x, -1.0, 1.0))
    >>> graph.forward(x=[-3.0, 0.5, 1.0])
    array([-1. ,  0.5,  1. ])
    >>> graph.backward([1.0, 1.0, 1.0])
    {'x': array([0., 1., 1.])}
    """
    return Clip((as_node(x),), name=name, a_min=a_min, a_max=a_max)
