"""Operators: the arithmetic of Python, for nodes, as operations of the same meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnn_core import options

if TYPE_CHECKING:
    from cnn_core.ir.node import Node


class Operators:
    """``x + y``, ``2 * x``, ``x @ w``, ``x > 0``, ``x[1:]`` ...: what nodes understand."""

    def _make(self, op: str, *operands: Any, **fields: Any) -> Node:
        """Return the node of an operation; operands that are no nodes become constants."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Node:
        return self._make("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return self._make("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return self._make("sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        return self._make("sub", other, self)

    def __mul__(self, other: Any) -> Node:
        return self._make("mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        return self._make("mul", other, self)

    def __truediv__(self, other: Any) -> Node:
        return self._make("div", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return self._make("div", other, self)

    def __pow__(self, other: Any) -> Node:
        if options.is_number(other):
            return self._make("power", self, p=other)
        return self._make("power", self, other)

    def __rpow__(self, other: Any) -> Node:
        return self._make("power", other, self)

    def __matmul__(self, other: Any) -> Node:
        return self._make("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return self._make("matmul", other, self)

    def __neg__(self) -> Node:
        return self._make("neg", self)

    def __gt__(self, other: Any) -> Node:
        return self._make("greater", self, other)

    def __lt__(self, other: Any) -> Node:
        return self._make("less", self, other)

    def __ge__(self, other: Any) -> Node:
        return self._make("greater_equal", self, other)

    def __le__(self, other: Any) -> Node:
        return self._make("less_equal", self, other)

    def __getitem__(self, key: Any) -> Node:
        return self._make("slice", self, key=key)
