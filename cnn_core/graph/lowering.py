"""Lowering: from nodes to a list of steps over buffers.

Everything that a run must not spend time on is decided here: which gradients are needed, which
contribution to a gradient is written first and which are added, what is fused, what may share
memory, and what waits until all row-wise work is done.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnn_core.errors import GraphError
from cnn_core.graph.node import BATCH, Constant, Input, Node, Parameter, Shape

WHOLE, ROWS, UNITS = 0, 1, 2  # cnn_split of cnn_core.h
FORWARD, FUSED_LOSS = -1, -2  # values of Step.which; else the number of an input

# When a step may run: row-wise work comes in one piece, what it needs as a whole before it, and
# sums over the batch that it does not wait for after it.
EARLY, NORMAL, LATE = -1, 0, 1


class Buffer:
    """One tensor of a program.

    ``home`` says where its memory comes from: "arena", "param" or "grad" (the flat buffers), or
    "constant".  ``keep``: it lives as long as the program, as inputs, outputs and sums do.
    """

    __slots__ = ("batched", "dtype", "home", "keep", "key", "shape", "source")

    def __init__(
        self, key: str, shape: Shape, batched: bool, dtype: str = "real", home: str = "arena",
        keep: bool = False, source: Node | None = None,
    ) -> None:  # fmt: skip
        self.key, self.shape, self.batched, self.dtype = key, shape, batched, dtype
        self.home, self.keep, self.source = home, keep, source


class Step:
    """One kernel call: see `Plan` for what the parts mean."""

    __slots__ = ("accumulate", "activation", "attrs", "label", "n_saved", "n_unit", "op",
                 "operands", "split", "stage", "which")  # fmt: skip

    def __init__(
        self, op: str, which: int, operands: list[Buffer], attrs: tuple[float | int, ...],
        split: int, label: str, n_unit: int = 0, accumulate: bool = False,
        activation: str | None = None, stage: int = NORMAL, n_saved: int = 0,
    ) -> None:  # fmt: skip
        self.op, self.which, self.operands, self.attrs = op, which, operands, attrs
        self.split, self.label, self.n_unit, self.accumulate = split, label, n_unit, accumulate
        self.activation, self.stage, self.n_saved = activation, stage, n_saved

    @property
    def written(self) -> list[Buffer]:
        """The operands that the kernel writes: saved values stand before the value."""
        if self.which == FORWARD:
            return self.operands[-1 - self.n_saved :]
        if self.which == FUSED_LOSS:
            return [*self.operands[-3 - self.n_saved : -2], self.operands[-1]]
        return self.operands[-1:]


class Lowered:
    """What lowering makes: steps, buffers, and where to find a node's part of them."""

    def __init__(self) -> None:
        self.forward: list[Step] = []
        self.backward: list[Step] = []
        self.value: dict[Node, Buffer] = {}
        self.grad: dict[Node, Buffer] = {}
        self.saved: dict[Node, list[Buffer]] = {}
        self.node_steps: dict[Node, tuple[list[Step], list[Step]]] = {}

    def in_stages(self) -> list[Step]:
        """Return all steps, forward and backward, by stage; within a stage in order."""
        return sorted([*self.forward, *self.backward], key=lambda step: step.stage)


class Lowering:
    """Lowers ``order``, a topological order.

    ``targets`` are the nodes whose gradient is wanted, ``seeds`` the nodes from which gradients
    flow, with a gradient given from outside.  ``keep_all`` keeps every value and gradient and
    fuses nothing, so that all can be looked at.
    """

    def __init__(
        self,
        order: list[Node],
        names: dict[Node, str],
        outputs: list[Node],
        *,
        seeds: list[Node] | None = None,
        targets: set[Node] | None = None,
        keep_all: bool = False,
        training: bool = False,
    ) -> None:
        self.names, self.keep_all, self.training = names, keep_all, training
        self.order = order if training else [n for n in order if not _only_in_training(n)]
        self.left_out = [] if training else [n for n in order if _only_in_training(n)]
        self.outputs = [self.operand(node) for node in outputs]
        self.seeds, self.targets = [self.operand(s) for s in seeds or []], targets or set()
        self.users = self._count_users()
        self.wanted = self._reaching_targets()
        self.fused: dict[Node, Node] = {}  # dense -> the activation that joins it
        self.heads: dict[Node, Node] = {}  # loss -> the row_mean above it
        if not keep_all:
            self._find_fusions()
        self.out = Lowered()

    # -- what is needed and what is fused -------------------------------------------------

    def operand(self, node: Node) -> Node:
        """Return the node that really stands for an input: dropout vanishes in inference."""
        while not self.training and _only_in_training(node):
            node = node.inputs[0]
        return node

    def _count_users(self) -> dict[Node, int]:
        users = dict.fromkeys(self.order, 0)
        for node in self.order:
            for x in node.inputs:
                users[self.operand(x)] += 1
        for node in self.outputs:
            users[node] += 1
        return users

    def _reaching_targets(self) -> set[Node]:
        """Return the nodes through which a gradient can reach a target."""
        wanted = set(self.targets)
        for node in self.order:
            if any(node.is_differentiable(i) and self.operand(x) in wanted
                   for i, x in enumerate(node.inputs)):  # fmt: skip
                wanted.add(node)
        return wanted

    def _find_fusions(self) -> None:
        for node in self.order:
            x = self.operand(node.inputs[0]) if node.inputs else None
            if x is None or self.users[x] != 1:
                continue
            needs_x = node in self.wanted and "x" in node.grad_reads
            if node.is_map and x.op == "dense" and not needs_x:
                self.fused[x] = node
            elif node.op == "row_mean" and self._is_loss_head(node, x):
                self.heads[x] = node

    def _is_loss_head(self, mean: Node, loss: Node) -> bool:
        """Tell whether the loss can make its value and its gradient in one pass."""
        return (
            self.seeds == [mean]
            and loss.batched
            and getattr(loss, "has_fused_loss", False)
            and loss in self.wanted
            and self.wanted.isdisjoint(map(self.operand, (*loss.inputs[1:], *mean.inputs[1:])))
        )

    # -- forward --------------------------------------------------------------------------

    def run(self) -> Lowered:
        for node in self.order:
            self.out.node_steps[node] = ([], [])
            self._lower_forward(node)
        if self.seeds:
            self._lower_backward()
        for node in self.left_out:
            self.out.node_steps[node] = ([], [])
            self.out.value[node] = self.out.value[self.operand(node)]
            if self.operand(node) in self.out.grad:
                self.out.grad[node] = self.out.grad[self.operand(node)]
        return self.out

    def _value_buffer(self, node: Node) -> Buffer:
        home = {Parameter: "param", Constant: "constant"}.get(type(node), "arena")
        keep = self.keep_all or isinstance(node, Input) or node in self.outputs
        keep = keep or node.dtype == "float64"
        return Buffer(self.names[node], node.shape, node.batched, node.dtype, home, keep, node)

    def _lower_forward(self, node: Node) -> None:
        out = self.out
        if node in self.fused:
            return  # computed by its activation's step
        value = out.value[node] = self._value_buffer(node)
        if not node.inputs or node in self.heads:
            return  # a leaf, or lowered by the mean above it
        first = self.operand(node.inputs[0])
        if self.fused.get(first) is node:
            out.value[first] = value
            step = self._forward_step(first, value, (int(node.op == "relu"), *node.attrs()))
            step.activation = node.op
        elif first in self.heads and self.heads[first] is node:
            self._lower_loss_head(node, first)
            step = self._forward_step(node, value, node.attrs())
            step.stage = LATE
        else:
            step = self._forward_step(node, value, node.attrs())
        self._emit(node, step, 0)

    def _forward_step(self, node: Node, value: Buffer, attrs: tuple) -> Step:
        saved = [
            Buffer(f"{self.names[node]}.{key}", shape, bool(shape) and shape[0] is BATCH,
                   node.saved_dtype, keep=self.keep_all or node.saved_dtype != "real")
            for key, shape in node.saved.items()
        ]  # fmt: skip
        self.out.saved[node] = saved
        inputs = [self.out.value[self.operand(x)] for x in node.inputs]
        split = ROWS if node.batched and node.rowwise else WHOLE
        operands = [*inputs, *saved, value]
        stage = LATE if node.dtype == "float64" else NORMAL  # a metric waits
        return Step(node.op, FORWARD, operands, attrs, split, self.names[node], stage=stage,
                    n_saved=len(saved))  # fmt: skip

    def _lower_loss_head(self, mean: Node, loss: Node) -> None:
        """Emit coef = w / sum(w), then the loss and its gradient in one pass."""
        x = self.operand(loss.inputs[0])
        coef = Buffer(f"{self.names[mean]}.coef", (BATCH,), True)
        weights = [self.out.value[self.operand(w)] for w in mean.inputs[1:]]
        for node in self._ancestors(mean.inputs[1:]):
            for step in self.out.node_steps[node][0]:
                step.stage = EARLY
        self._emit(mean, Step("row_coef", FORWARD, [*weights, coef], (), WHOLE,
                              self.names[mean], stage=EARLY), 0)  # fmt: skip
        step = self._forward_step(loss, self.out.value[loss], loss.attrs())
        dx = self.out.grad[x] = self._grad_buffer(x)
        step.which, step.operands = FUSED_LOSS, [*step.operands, coef, dx]
        self._emit(loss, step, 0)

    def _emit(self, node: Node, step: Step, phase: int) -> None:
        (self.out.backward if phase else self.out.forward).append(step)
        self.out.node_steps[node][phase].append(step)

    # -- backward -------------------------------------------------------------------------

    def _grad_buffer(self, node: Node) -> Buffer:
        home = "grad" if isinstance(node, Parameter) else "arena"
        keep = self.keep_all or node in self.targets or node in self.seeds
        return Buffer(f"d:{self.names[node]}", node.shape, node.batched, "real", home, keep, node)

    def _lower_backward(self) -> None:
        if not self.heads:
            for seed in self.seeds:
                self.out.grad[seed] = self._grad_buffer(seed)
        for node in reversed(self.order):
            if node not in self.out.grad or not node.inputs:
                continue
            if not any(node.is_differentiable(i) for i in range(len(node.inputs))):
                if self._ancestors([node]) & self.targets:
                    raise GraphError(
                        f"{self.names[node]}: the operation {node.op!r} has no gradient, and one "
                        f"is asked for"
                    )
                continue
            for i, x in enumerate(node.inputs):
                if node.is_differentiable(i) and self.operand(x) in self.wanted:
                    self._lower_gradient(node, i)

    def _ancestors(self, nodes: Sequence[Node]) -> set[Node]:
        """Return ``nodes`` and all that they depend on."""
        seen: set[Node] = set()
        stack = [self.operand(node) for node in nodes]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(self.operand(x) for x in node.inputs)
        return seen

    def _lower_gradient(self, node: Node, i: int) -> None:
        """Emit the gradient of input ``i``: written if it is the first contribution, else added."""
        out, x = self.out, self.operand(node.inputs[i])
        dy, accumulate = out.grad[node], x in out.grad
        if not accumulate:
            # An elementwise gradient goes where it came from when nobody else needs that.
            in_place = node.is_map and not dy.keep and node not in self.seeds
            reuse = in_place and not isinstance(x, Parameter) and x not in self.targets
            out.grad[x] = dy if reuse else self._grad_buffer(x)
        fused_here = self.fused.get(x) is node
        inputs = [out.value[self.operand(z)] for z in node.inputs]
        if fused_here:
            inputs = [out.value[node]]  # the value before the activation does not exist
        split, n_unit = self._gradient_split(node, i, x)
        self._emit(node, Step(
            node.op, i, [*inputs, *out.saved.get(node, []), out.value[node], dy, out.grad[x]],
            node.attrs(), split, self.names[node], n_unit, accumulate,
            stage=LATE if out.grad[x].home == "grad" else NORMAL,
        ), 1)  # fmt: skip

    def _gradient_split(self, node: Node, i: int, x: Node) -> tuple[int, int]:
        if x.batched:
            return (ROWS if node.batched and node.rowwise else WHOLE), 0
        n_unit = node.n_unit(i)
        return (UNITS, n_unit) if n_unit else (WHOLE, 0)


def _only_in_training(node: Node) -> bool:
    return getattr(node, "training_only", False)
