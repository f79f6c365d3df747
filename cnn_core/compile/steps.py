"""Steps over buffers: what lowering makes of nodes, and a plan runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from cnn_core.ir.node import BATCH, Node, Shape

WHOLE, ROWS, UNITS, COLUMNS = 0, 1, 2, 3  # cnn_split of cnn_core.h
# Values of Step.which; else the number of an input.
FORWARD, FUSED_LOSS, JOINT, STATISTICS, SUMS, UPDATE = range(-1, -7, -1)

# When a step may run: row-wise work comes in one piece, what it needs as a whole before it, and
# sums over the batch that it does not wait for after it.
EARLY, NORMAL, LATE = -1, 0, 1


class Buffer:
    """One tensor of a program.

    ``home`` says where its memory comes from: "arena", "param" or "grad" (the flat buffers), or
    "constant".  ``keep``: it lives as long as the program, as inputs, outputs and sums do.
    ``root`` is the buffer that it is a part of, from element ``start`` on; itself, as a rule.
    """

    __slots__ = ("batched", "dtype", "home", "keep", "key", "root", "shape", "source", "start")

    def __init__(
        self, key: str, shape: Shape, batched: bool, dtype: str = "real", home: str = "arena",
        keep: bool = False, source: Node | None = None, *, of: Buffer | None = None, start: int = 0,
    ) -> None:  # fmt: skip
        self.key, self.shape, self.batched, self.dtype = key, shape, batched, dtype
        self.home, self.keep, self.source = home, keep, source
        self.root, self.start = (self, 0) if of is None else (of.root, of.start + start)

    def part(self, node: Node, key: str, start: int) -> Buffer:
        """Return the part that begins at ``start`` and has the shape of ``node``."""
        return Buffer(key, node.shape, node.batched, self.dtype, self.home, self.keep, self.source,
                      of=self, start=start)  # fmt: skip

    def as_rows(self) -> Buffer:
        """Return the same memory as a batch whose rows are the entries of its first axis."""
        return Buffer(self.key, (BATCH, *self.shape[1:]), True, self.dtype, self.home, self.keep,
                      self.source, of=self)  # fmt: skip


class Step:
    """One kernel call: see `Plan` for what the parts mean.

    ``node`` is what it was made for.  ``grads`` are the nodes whose gradients it makes, the last
    operands in that order; bit i of ``accumulate`` says that the i-th is added to, not written.
    ``state``: of a sum over the batch that can go on from block to block of rows (cnn_part), the
    numbers that it keeps between them; else -1.
    """

    __slots__ = ("accumulate", "activation", "attrs", "grads", "label", "n_saved", "n_unit",
                 "node", "op", "operands", "split", "stage", "state", "which")  # fmt: skip

    def __init__(
        self, op: str, which: int, operands: list[Buffer], attrs: tuple[float | int, ...],
        split: int, label: str, n_unit: int = 0, grads: Sequence[Node] = (),
        activation: str | None = None, stage: int = NORMAL, n_saved: int = 0,
        node: Node | None = None,
    ) -> None:  # fmt: skip
        self.op, self.which, self.operands, self.attrs = op, which, operands, attrs
        self.split, self.label, self.n_unit, self.accumulate = split, label, n_unit, 0
        self.activation, self.stage, self.n_saved = activation, stage, n_saved
        self.grads, self.node, self.state = tuple(grads), node, -1

    @property
    def written(self) -> list[Buffer]:
        """The operands that the kernel writes: saved values stand before the value.

        A gradient step that makes sums has them for its saved values.
        """
        operands, n = self.operands, self.n_saved
        if self.which == FORWARD:
            return operands[-1 - n :]
        if self.which == FUSED_LOSS:
            return [*operands[-3 - n : -2], operands[-1]]
        if self.which == STATISTICS:
            return operands[-n:]
        if self.which == UPDATE:
            return operands[:n]
        results = len(operands) - len(self.grads)
        return [*operands[results - 2 - n : results - 2], *operands[results:]]


class Lowered:
    """What lowering makes: steps, buffers, and where to find a node's part of them."""

    def __init__(self) -> None:
        self.forward: list[Step] = []
        self.backward: list[Step] = []
        self.value: dict[Node, Buffer] = {}
        self.grad: dict[Node, Buffer] = {}
        self.saved: dict[Node, list[Buffer]] = {}
        self.node_steps: dict[Node, tuple[list[Step], list[Step]]] = {}
        self.given: list[Node] = []  # their gradients come from outside
        self.updates: list[Step] = []  # after a step that has learnt
        # Of parameters without a gradient buffer: their sparse rows, and the gradient they meet.
        self.by_rows: dict[Node, tuple[Buffer, Buffer]] = {}

    def in_order(self, *, apart: bool) -> list[Step]:
        """Return all steps, forward and backward, and settle who writes and who adds.

        Early steps come first and late ones last, of these first those that can go on from block
        to block; ``apart``, forward steps among themselves, then backward steps.  The first
        contribution to a gradient is written, so that nothing is zeroed at run time; the others
        are added.
        """
        steps = [*self.forward, *self.backward]
        self._keep_order_of_gradients()
        givers = Counter(node for step in steps for node in step.grads)
        for step in steps:
            if step.state >= 0 and givers[step.grads[0]] > 1:
                step.state = -1  # the order of its sum would not be that of a whole batch
        if apart:
            steps = [*sorted(self.forward, key=_stage), *sorted(self.backward, key=_stage)]
        else:
            steps.sort(key=_stage)
        begun = set(self.given)
        for step in steps:
            step.accumulate = 0
            for i, node in enumerate(step.grads):
                step.accumulate |= (node in begun) << i
                begun.add(node)
        return steps

    def _keep_order_of_gradients(self) -> None:
        """Let no gradient have late contributions beside others: all keep their order, and so
        the bits of their sum, node by node and otherwise."""
        soon = {node for step in self.backward if step.stage != LATE for node in step.grads}
        for step in self.backward:
            if not soon.isdisjoint(step.grads):
                step.stage = NORMAL


def needed(steps: list[Step], among: Collection[Step]) -> list[Step]:
    """Return the steps of ``among`` without those of which nothing comes that is kept."""
    found: list[Step] = []
    read: set[Buffer] = set()
    for step in reversed(steps):
        if step in among and any(b.root in read or b.root.keep or b.home == "grad"
                                 for b in step.written):  # fmt: skip
            found.append(step)
            read.update([b.root for b in _read(step)])
    return found[::-1]


def _read(step: Step) -> list[Buffer]:
    """Return the operands that a kernel may look at: those of a gradient step are x, y, dy, dx."""
    node, operands = step.node, step.operands
    if step.which < 0 or node is None or node.gradient_alone or node.sums:
        return operands
    first = 0 if "x" in node.grad_reads else len(node.inputs)
    return [*operands[first:-3], *operands[-3 if "y" in node.grad_reads else -2 :]]


def _stage(step: Step) -> tuple[int, bool]:
    return step.stage, step.state < 0
