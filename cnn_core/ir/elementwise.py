"""The base of operations that work on one element at a time."""

from __future__ import annotations

from cnn_core.ir.node import Node


class Unary(Node):
    """y = f(x): one input, the same shape, possible in place."""

    is_map = True
    grad_in_place = True

    def infer_shape(self) -> None:
        (x,) = self.inputs
        self.shape = x.shape
