"""Inputs of sparse rows: what may read them, and gradients that are left to the optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnn_core.errors import ShapeError
from cnn_core.ir.node import Node

if TYPE_CHECKING:
    from cnn_core.compile.lowering import Lowering


def check_readers(lowering: Lowering) -> None:
    """Raise `ShapeError` for an input of sparse rows that anything but products with it reads."""
    for node in lowering.order if lowering.sparse else ():
        for i, x in enumerate(node.inputs):
            if lowering.operand(x) in lowering.sparse and (node.op != "dense" or i > 0):
                raise ShapeError(
                    f"input {x.label!r}: need dense rows, which {lowering.names[node]} ({node.op}) "
                    f"reads; got sparse ones, which only dense layers take"
                )
    for x in lowering.sparse & set(lowering.outputs):
        raise ShapeError(f"input {x.label!r}: need dense rows, for it is an output; got sparse")


def is_product(lowering: Lowering, node: Node) -> bool:
    """Tell whether a node is a product with sparse rows."""
    return node.op == "dense" and lowering.operand(node.inputs[0]) in lowering.sparse


def leave_to_optimizer(lowering: Lowering, node: Node, i: int) -> bool:
    """Note what the gradient of input ``i`` comes of, if nobody needs it as a whole."""
    out, w = lowering.out, lowering.operand(node.inputs[i])
    if i != 1 or w not in lowering.by_rows or lowering.users[w] > 1:
        return False
    if not is_product(lowering, node):
        return False
    out.grad[node].root.keep = True  # until the optimizer has read it
    out.by_rows[w] = out.value[lowering.operand(node.inputs[0])], out.grad[node]
    return True
