"""The base of operations that put several operands side by side."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import numpy as np

from cnn_core.errors import GraphError, ShapeError
from cnn_core.ir.axes import need_batch_first, one_axis
from cnn_core.ir.node import Node, Shape, as_node
from cnn_core.ir.shapes import row_size
from cnn_core.options import shown


class Join(Node):
    """y = the operands one after the other along ``axis``."""

    grad_reads = ""
    gradient_alone = True
    axis: int = 0

    def infer_shape(self) -> None:
        self._at, self.shape = self.joined(self.inputs[0].shape)
        need_batch_first(self, self.shape)
        sizes = [row_size(x.shape[self._at :]) for x in self.inputs]
        self._begins = (0, *accumulate(sizes[:-1]))

    def joined(self, first: Shape) -> tuple[int, Shape]:
        """Return the axis counted from 0, and the shape of the value."""
        raise GraphError(f"{self.label}: the class {type(self).__name__} defines no joined")

    def attrs(self) -> tuple[float | int, ...]:
        """Return into how many blocks a row of each operand is cut."""
        return (row_size(self.shape[: self._at]),)

    def grad_attrs(self, i: int) -> tuple[float | int, ...]:
        """Return also the element of a row of y where the first block of operand ``i`` begins."""
        return (*self.attrs(), self._begins[i])

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        operands, options = super().arguments()
        return (operands,), options

    def need_alike(self, without: int | None) -> None:
        """Raise `ShapeError` unless the operands have one shape, but for axis ``without``."""
        first = self.inputs[0]
        for x in self.inputs[1:]:
            same = len(x.shape) == len(first.shape) and all(
                i == without or n is m or n == m
                for i, (n, m) in enumerate(zip(x.shape, first.shape, strict=True))
            )
            if not same:
                where = "" if without is None else f" but for axis {without}"
                raise ShapeError(
                    f"{self.label}: need operands of one shape{where}; got {first.label} "
                    f"{first.shape} and {x.label} {x.shape}"
                )


def operands(op: str, nodes: Iterable[Any]) -> tuple[Node, ...]:
    """Return the operands as nodes; there must be at least one."""
    if not np.iterable(nodes):
        raise GraphError(f"{op}: need a sequence of nodes, numbers or arrays; got {shown(nodes)}")
    found = tuple(as_node(x) for x in nodes)
    if not found:
        raise ShapeError(f"{op}: need at least one operand; got none")
    return found


def join_axis(node: Node, axis: Any, n_dim: int) -> int:
    """Return ``axis`` counted from 0; raise `ShapeError` for the batch axis or a scalar."""
    x = node.inputs[0]
    if n_dim == 0:
        raise ShapeError(f"{node.label}: need at least one axis; got {x.label} {x.shape}")
    at = one_axis(node, axis, n_dim)
    x = next((x for x in node.inputs if x.batched), x)
    if at == 0 and x.batched:
        raise ShapeError(
            f"{node.label}: need another axis than the batch axis; got axis={axis} for {x.label} "
            f"{x.shape}"
        )
    return at
