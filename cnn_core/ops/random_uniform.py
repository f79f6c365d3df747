"""random_uniform: y = low + (high - low) u, u drawn uniformly from [0, 1)."""

from __future__ import annotations

from math import isfinite
from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.ir.node import Node
from cnn_core.ir.sampling import Sample


class RandomUniform(Sample):
    """y = low + (high - low) u, any shape.  Kernel: src_c/ops/random_uniform.c."""

    op = "random_uniform"
    symbol = "U"
    low: float = 0.0
    high: float = 1.0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.low = options.number(self.label, self.low, option="low")
        self.high = options.number(self.label, self.high, option="high")
        if not (self.low < self.high and isfinite(self.high - self.low)):
            raise OptionError(
                f"{self.label}: need low < high, a finite number apart; got {self.low:g} and "
                f"{self.high:g}"
            )

    def attrs(self) -> tuple[float | int, ...]:
        return (self.low, self.high, self.stream())


def random_uniform(
    shape: Any, low: float = 0.0, high: float = 1.0, *, key: int | None = None, name: str = ""
) -> Node:
    """Return independent numbers drawn uniformly from low <= y < high.

    ``shape`` is a shape, which may start with `BATCH`, or a node to take it from.  The result has
    the dtype of the graph and no gradient.  Which numbers are drawn, and when anew, is as in
    `random_normal`; float64 and float32 get the same bits, 53 or the first 24 of them.

    Raises `ShapeError` for a bad shape, `OptionError` unless low < high are finite.

    Source of the random bits: Philox4x32-7 (Salmon et al. 2011).

    >>> graph = cnn.Graph(cnn.ops.random_uniform((1000,), -1.0, 1.0), seed=0)
    >>> y = graph.forward()
    >>> bool(y.min() >= -1), bool(y.max() < 1), bool(abs(y.mean()) < 0.1)
    (True, True, True)
    """
    return RandomUniform((), name=name, size=shape, low=low, high=high, key=key)
