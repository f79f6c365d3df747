"""Views that cost nothing: slices and reshapes that are a run of their operand's memory."""

from __future__ import annotations

from collections.abc import Iterable

from cnn_core.ir.node import Input, Node
from cnn_core.ir.shapes import row_size


class Aliases:
    """Which of ``order`` are runs of another node's value, and of its gradient.

    ``start`` gives each view the element of its operand where it begins.  ``divided`` are the
    operands that views divide among themselves without gap or overlap, and that nothing else
    uses: their gradients are made of those of the views, without a step.

    Inputs and ``outputs`` are left alone: what they lie in may be replaced by a caller's array.
    ``flows`` are the nodes at which a gradient arrives, ``apart`` those whose gradient must be a
    buffer of its own.
    """

    def __init__(
        self, order: Iterable[Node], operand: dict[Node, Node], outputs: Iterable[Node],
        flows: set[Node], apart: set[Node],
    ) -> None:  # fmt: skip
        self.start: dict[Node, int] = {}
        users: dict[Node, list[Node]] = {}
        kept = set(outputs)
        for node in order:
            for x in node.inputs:
                users.setdefault(operand[x], []).append(node)
            if node in kept or not node.inputs:
                continue
            x, start = operand[node.inputs[0]], node.view_start()
            whole = node.batched == x.batched and (
                not x.batched or row_size(node.shape) == row_size(x.shape)
            )
            if start is not None and whole and not isinstance(x, Input) and x not in kept:
                self.start[node] = start
        self.divided = {
            x for x, found in users.items()
            if x not in apart and x in flows and self._divide(x, found, flows)
        }  # fmt: skip

    def _divide(self, x: Node, users: list[Node], flows: set[Node]) -> bool:
        if any(node not in self.start or node not in flows for node in users):
            return False
        at = 0
        for node in sorted(users, key=self.start.__getitem__):
            if self.start[node] != at:
                return False
            at += row_size(node.shape)
        return at == row_size(x.shape)
