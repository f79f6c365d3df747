"""The base of operations that draw random numbers."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from cnn_core import options
from cnn_core.ir.node import Node, check_shape


class Sample(Node):
    """Random numbers of the shape ``size``: no operand, no gradient, drawn anew at every step."""

    differentiable = ()
    grad_reads = ""
    draws = True
    size: Any = ()
    key: int | None = None

    def infer_shape(self) -> None:
        if self.key is not None:
            self.key = options.whole(self.label, self.key, 0, option="key")
        size = self.size.shape if isinstance(self.size, Node) else self.size
        size = options.items(self.label, size, "lengths, or a node of that", "shape")
        self.size = self.shape = check_shape(self.label, size)

    def stream(self) -> int:
        """Return the number that picks the stream; without a key it follows from the name."""
        return crc32(self.label.encode()) if self.key is None else self.key
