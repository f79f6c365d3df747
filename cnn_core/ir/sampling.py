"""The bases of operations that draw random numbers."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, check_shape


class Drawing(Node):
    """Random numbers are drawn, anew at every step.

    ``key`` picks their stream; without one it follows from the name.
    """

    draws = True
    grad_reads = ""
    key: int | None = None

    def infer_shape(self) -> None:
        if self.key is not None:
            self.key = options.whole(self.label, self.key, 0, option="key")

    def stream(self) -> int:
        """Return the number that picks the stream."""
        from zlib import crc32  # which a program without random numbers does without

        return crc32((self.name or self.label).encode()) if self.key is None else self.key


class Sample(Drawing):
    """Random numbers of the shape ``size``: no operand, no gradient."""

    differentiable = ()
    size: Any = ()

    def infer_shape(self) -> None:
        super().infer_shape()
        size = self.size.shape if isinstance(self.size, Node) else self.size
        size = options.items(self.label, size, "lengths, or a node of that", "shape")
        self.size = self.shape = check_shape(self.label, size)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        operands, options = super().arguments()
        return (self.size, *operands), options


class Noise(Drawing, Unary):
    """Random numbers are at work on x while training; in inference y = x."""

    is_map = False  # what is drawn depends on where an element stands
    training_only = True

    def infer_shape(self) -> None:
        super().infer_shape()
        self.shape = self.inputs[0].shape
