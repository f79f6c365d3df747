"""clip: y = min(max(x, a_min), a_max)."""

from __future__ import annotations

from math import inf
from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.graph.elementwise import Unary
from cnn_core.graph.node import Node, as_node


class Clip(Unary):
    """y = min(max(x, a_min), a_max), any shape.  Kernel: src_c/ops/clip.c."""

    op = "clip"
    grad_reads = "x"
    a_min: float | None = None
    a_max: float | None = None

    def infer_shape(self) -> None:
        super().infer_shape()
        if self.a_min is None and self.a_max is None:
            raise OptionError(f"{self.label}: need a_min or a_max; got None for both")
        low, high = self.attrs()
        if low > high:
            raise OptionError(f"{self.label}: need a_min <= a_max; got {low:g} and {high:g}")

    def attrs(self) -> tuple[float | int, ...]:
        low = -inf if self.a_min is None else options.number(self.label, self.a_min, option="a_min")
        high = inf if self.a_max is None else options.number(self.label, self.a_max, option="a_max")
        return (low, high)


def clip(x: Any, a_min: float | None, a_max: float | None, *, name: str = "") -> Node:
    """Return x limited to ``a_min`` <= x <= ``a_max``; same shape and dtype as ``x``.

    Either bound may be None.  The gradient is dy from bound to bound, both included, and 0
    outside.  NaN propagates.

    Raises `OptionError` where a bound is not a finite number or a_min > a_max, `DtypeError` for
    integer nodes.
    """
    return Clip((as_node(x),), name=name, a_min=a_min, a_max=a_max)
