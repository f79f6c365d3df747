"""Steps that look at the whole batch, beside those of values and of gradients.

A node with `Node.statistics`, such as batch_norm, has a step that makes its saved values, which
divides by units such as columns; its value and gradients then divide by rows.  `Node.sums` are
what several gradients share.  `Node.updates` names states that change once a step has learnt, be
they running statistics or moving averages: in no other run, and not where the step has failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cnn_core.compile.steps import (
    EARLY,
    NORMAL,
    ROWS,
    STATISTICS,
    SUMS,
    UNITS,
    UPDATE,
    WHOLE,
    Buffer,
    Step,
)
from cnn_core.ir.node import BATCH, Constant, Node, Parameter

if TYPE_CHECKING:
    from cnn_core.compile.lowering import Lowering


def divides(node: Node) -> bool:
    """Tell whether a node's steps divide by rows, its statistics once made."""
    return node.batched and (node.rowwise or node.statistics)


def lower_statistics(lowering: Lowering, node: Node, step: Step) -> None:
    """Emit the step that makes what ``step`` finds saved, and the one that updates states."""
    of_batch, saved = lowering.of_batch(node), lowering.out.saved[node]
    given = node.inputs if of_batch else node.inputs[1:]
    operands = [*_values(lowering, given), *saved]
    early = not of_batch and all(isinstance(x, (Parameter, Constant)) for x in given)
    step.n_saved = 0
    lowering.emit(node, Step(
        node.op, STATISTICS, operands, step.attrs, UNITS, step.label, node.n_unit(-1),
        stage=EARLY if early else NORMAL, n_saved=len(saved), node=node,
    ), 0)  # fmt: skip
    if lowering.learning and node.updates:
        states = _values(lowering, [node.inputs[i] for i in node.updates])
        lowering.out.updates.append(Step(
            node.op, UPDATE, [*states, *saved], step.attrs, WHOLE, step.label,
            n_saved=len(states), node=node,
        ))  # fmt: skip


def lower_sums(lowering: Lowering, node: Node, wanted: list[int]) -> list[Buffer]:
    """Return the sums that the gradients of the ``wanted`` inputs share.

    Emit the step that makes them, unless the gradient of the first input does.
    """
    out, n_unit = lowering.out, node.n_unit(-2)
    if wanted == [0] and not n_unit:
        return []  # that gradient needs none
    name = lowering.names[node]
    sums = [Buffer(f"{name}.{key}", shape, shape[0] is BATCH, keep=lowering.keeps)
            for key, shape in node.sums.items()]  # fmt: skip
    if n_unit or 0 not in wanted:
        operands = [*_values(lowering, node.inputs), *out.saved[node], *sums, out.value[node],
                    out.grad[node]]  # fmt: skip
        split = UNITS if n_unit else ROWS if divides(node) else WHOLE
        op, attrs = lowering.kernel(node, 0)
        lowering.emit(node, Step(op, SUMS, operands, attrs, split, name, n_unit,
                                 n_saved=len(sums), node=node), 1)  # fmt: skip
    return sums


def _values(lowering: Lowering, nodes: Iterable[Node]) -> list[Buffer]:
    return [lowering.out.value[lowering.operand(x)] for x in nodes]
