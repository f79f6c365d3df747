"""Lowering: from nodes to a list of steps over buffers.

Everything that a run must not spend time on is decided here: which gradients are needed, which
contribution to a gradient is written first and which are added, what is fused, what may share
memory, and what waits until all row-wise work is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from cnn_core.compile.aliases import Aliases
from cnn_core.compile.shared_weights import join_weight_gradients
from cnn_core.compile.sparse_rows import check_readers, is_product, leave_to_optimizer
from cnn_core.compile.steps import (
    EARLY,
    FORWARD,
    FUSED_LOSS,
    JOINT,
    LATE,
    NORMAL,
    ROWS,
    UNITS,
    WHOLE,
    Buffer,
    Lowered,
    Step,
)
from cnn_core.compile.whole_batch import divides, lower_statistics, lower_sums
from cnn_core.errors import GraphError
from cnn_core.ir.node import BATCH, Constant, Input, Node, Parameter, State
from cnn_core.ir.shapes import row_size


class Lowering:
    """Lowers ``order``, a topological order.

    ``targets`` are the nodes whose gradient is wanted, ``seeds`` the nodes from which gradients
    flow, with a gradient given from outside.  ``keep_all`` keeps every value and gradient and
    fuses nothing, so that all can be looked at.  In inference noise such as dropout passes its
    operand on: it is left out or, where all is kept, copies, since it has a gradient of its own.
    ``lean`` makes the same numbers, to the bit, and keeps no more than the outputs and what the
    gradients are wanted of; "backward" keeps all values.
    ``sparse`` are inputs of sparse rows.  The gradient of a parameter in ``by_rows`` that comes of
    one of them, and of nothing else, is left to the optimizer: see `Lowered.by_rows`.
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
        learning: bool = False,
        lean: str = "",
        sparse: Collection[Node] = (),
        by_rows: Collection[Node] = (),
    ) -> None:
        self.names, self.keep_all, self.training = names, keep_all, training
        self.learning, self.keeps = learning, keep_all and not lean
        self.keeps_values = self.keeps or lean == "backward"
        self.sparse, self.by_rows = set(sparse), set(by_rows)
        self.left_out = [n for n in order if self._leaves_out(n)]
        self.order = [n for n in order if not self._leaves_out(n)]
        self.outputs = Counter(self.operand(node) for node in outputs)
        self.seeds = dict.fromkeys(self.operand(s) for s in seeds or [])
        self.targets = {t for t in targets or () if not isinstance(t, State)}
        check_readers(self)
        self.users = self._count_users()
        self.wanted = self._reaching_targets()
        self.fused: dict[Node, Node] = {}  # dense -> the activation that joins it
        self.heads: dict[Node, Node] = {}  # loss -> the row_mean above it
        if not keep_all:
            self._find_fusions()
        self.aliases = self._find_aliases()
        self.out = Lowered()

    # -- what is needed and what is fused -------------------------------------------------

    def operand(self, node: Node) -> Node:
        """Return the node that really stands for an input, which may have been left out."""
        while self._leaves_out(node):
            node = node.inputs[0]
        return node

    def _leaves_out(self, node: Node) -> bool:
        return node.training_only and not self.training and not self.keep_all

    def kernel(self, node: Node, which: int = FORWARD) -> tuple[str, tuple[float | int, ...]]:
        """Return the operation of a node's steps and its attributes."""
        if node.training_only and not self.training:
            return "reshape", (0, 1, row_size(node.shape), 1)  # a copy
        attrs = node.attrs() if which == FORWARD else node.grad_attrs(which)
        return node.op, (*attrs, int(self.of_batch(node))) if node.statistics else attrs

    def of_batch(self, node: Node) -> bool:
        """Tell whether a node's statistics are those of the batch, and not the running ones."""
        return self.training or not node.updates

    def _count_users(self) -> dict[Node, int]:
        users = dict.fromkeys(self.order, 0)
        for node in self.order:
            for x in node.inputs:
                users[self.operand(x)] += 1
        for node, count in self.outputs.items():
            users[node] += count
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
            list(self.seeds) == [mean]
            and self.users[mean] == self.outputs[mean]  # it is made late: none may wait
            and loss.batched
            and getattr(loss, "has_fused_loss", False)
            and loss in self.wanted
            and self.wanted.isdisjoint(map(self.operand, (*loss.inputs[1:], *mean.inputs[1:])))
        )

    def _find_aliases(self) -> Aliases:
        operand = {x: self.operand(x) for node in self.order for x in node.inputs}
        # What joins another step has no buffer of its own that a view could lie in.
        joined = {*self.fused, *self.fused.values(), *self.heads, *self.heads.values()}
        views = [] if self.keep_all else self.order
        apart = {*self.targets, *self.seeds, *joined}
        return Aliases(views, operand, self.outputs, self._reached(), apart)

    def _reached(self) -> set[Node]:
        """Return the nodes at which a gradient arrives."""
        flows = set(self.seeds)
        for node in reversed(self.order):
            if node in flows:
                through = [x for i, x in enumerate(node.inputs) if node.is_differentiable(i)]
                flows.update(x for x in map(self.operand, through) if x in self.wanted)
        return flows

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
        home = "param" if isinstance(node, Parameter) else "arena"
        home = "constant" if type(node) is Constant else home
        keep = self.keeps_values or isinstance(node, Input) or node in self.outputs
        keep = keep or node.dtype == "float64"
        if node in self.sparse:
            return Buffer(self.names[node], (BATCH, 3), True, "int64", home, keep, node)
        return Buffer(self.names[node], node.shape, node.batched, node.dtype, home, keep, node)

    def _lower_forward(self, node: Node) -> None:
        out = self.out
        if node in self.fused:
            return  # computed by its activation's step
        if node in self.aliases.start:
            x = out.value[self.operand(node.inputs[0])]
            out.value[node] = x.part(node, self.names[node], self.aliases.start[node])
            return  # it is there already
        value = out.value[node] = self._value_buffer(node)
        if _is_leaf(node) or node in self.heads:
            return  # there already, or lowered by the mean above it
        first = self.operand(node.inputs[0]) if node.inputs else node
        op, attrs = self.kernel(node)
        if self.fused.get(first) is node:
            out.value[first] = value
            step = self._forward_step(first, value, first.op, (int(op == "relu"), *attrs))
            step.activation = op
        elif first in self.heads and self.heads[first] is node:
            self._lower_loss_head(node, first)
            step = self._forward_step(node, value, op, attrs)
            step.stage = LATE
        else:
            step = self._forward_step(node, value, op, attrs)
        if node.statistics:
            lower_statistics(self, node, step)
        self.emit(node, step, 0)

    def _forward_step(self, node: Node, value: Buffer, op: str, attrs: tuple) -> Step:
        saved = [
            Buffer(f"{self.names[node]}.{key}", shape, bool(shape) and shape[0] is BATCH,
                   node.saved_dtype, keep=self.keeps_values or node.saved_dtype != "real")
            for key, shape in node.saved.items()
        ]  # fmt: skip
        self.out.saved[node] = saved
        inputs = [self.out.value[self.operand(x)] for x in node.inputs]
        split = ROWS if divides(node) else WHOLE
        operands = _by_rows(node, [*inputs, *saved, value])
        waits = node.dtype == "float64" or self._is_late_sum(node)  # a metric, the loss
        stage = LATE if waits else NORMAL
        n_unit = node.n_column(FORWARD) if split == ROWS and not is_product(self, node) else 0
        if _fixed_rows(node):
            split, n_unit = UNITS, _fixed_rows(node)
        return Step(op, FORWARD, operands, attrs, split, self.names[node], n_unit, stage=stage,
                    n_saved=len(saved), node=node)  # fmt: skip

    def _is_late_sum(self, node: Node) -> bool:
        """Tell whether nothing waits for a sum over the batch, not even its gradient."""
        alone = self.users[node] == self.outputs[node]
        return alone and not self.keeps and _spreads(node) and node.inputs[0].batched

    def _lower_loss_head(self, mean: Node, loss: Node) -> None:
        """Emit coef = w / sum(w), or w / B, then the loss and its gradient in one pass."""
        x = self.operand(loss.inputs[0])
        coef = Buffer(f"{self.names[mean]}.coef", (BATCH,), True)
        weights = [self.out.value[self.operand(w)] for w in mean.inputs[1:]]
        for node in self._ancestors(mean.inputs[1:]):
            for step in self.out.node_steps[node][0]:
                step.stage = EARLY
        self.emit(mean, Step("row_coef", FORWARD, [*weights, coef], mean.attrs(), WHOLE,
                              self.names[mean], stage=EARLY), 0)  # fmt: skip
        step = self._forward_step(loss, self.out.value[loss], loss.op, loss.attrs())
        dx = self.out.grad[x] = self._grad_buffer(x)
        step.which, step.operands, step.grads = FUSED_LOSS, [*step.operands, coef, dx], (x,)
        self.emit(loss, step, 0)

    def emit(self, node: Node, step: Step, phase: int) -> None:
        (self.out.backward if phase else self.out.forward).append(step)
        self.out.node_steps[node][phase].append(step)

    # -- backward -------------------------------------------------------------------------

    def _grad_buffer(self, node: Node) -> Buffer:
        x = self._divided_by(node)
        if x is not None:
            if x not in self.out.grad:
                self.out.grad[x] = self._grad_buffer(x)
            return self.out.grad[x].part(node, f"d:{self.names[node]}", self.aliases.start[node])
        home = "grad" if isinstance(node, Parameter) else "arena"
        keep = self.keeps or node in self.targets or node in self.seeds
        return Buffer(f"d:{self.names[node]}", node.shape, node.batched, "real", home, keep, node)

    def _lower_backward(self) -> None:
        if not self.heads:
            for seed in self.seeds:
                self.out.grad[seed] = self._grad_buffer(seed)
            self.out.given = list(self.seeds)
        for node in reversed(self.order):
            if node not in self.out.grad or not node.inputs:
                continue
            if not node.has_gradient:
                if self._ancestors([node]) & self.targets:
                    raise GraphError(
                        f"{self.names[node]}: the operation {node.op!r} has no gradient, and one "
                        f"is asked for"
                    )
                continue
            if self._divided_by(node) is not None:
                continue  # its gradient lies within that of its operand
            wanted = [i for i, x in enumerate(node.inputs)
                      if node.is_differentiable(i) and self.operand(x) in self.wanted]  # fmt: skip
            if node.joint_gradient and wanted:
                self._lower_joint_gradient(node, wanted)
                continue
            sums = lower_sums(self, node, wanted) if node.sums and wanted else []
            for i in wanted:
                if not leave_to_optimizer(self, node, i):
                    self._lower_gradient(node, i, sums)
        if not self.keep_all:
            join_weight_gradients(self.out)

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

    def _lower_gradient(self, node: Node, i: int, sums: Sequence[Buffer] = ()) -> None:
        """Emit the gradient of input ``i``; ``sums`` are those of its node."""
        out, x = self.out, self.operand(node.inputs[i])
        dy = out.grad[node]
        if x not in out.grad:
            # An elementwise gradient goes where it came from when nobody else needs that.
            in_place = node.grad_in_place and not dy.keep and node not in self.seeds
            elsewhere = x in self.targets or self._divided_by(x) is not None
            reuse = in_place and not isinstance(x, Parameter) and not elsewhere
            out.grad[x] = dy if reuse else self._grad_buffer(x)
        fused_here = self.fused.get(x) is node
        given = () if node.gradient_alone else node.inputs
        inputs = [out.value[self.operand(z)] for z in given]
        value = out.value[node]
        if fused_here:
            inputs = [value]  # the value before the activation does not exist
        if node.grad_in_place and not self.keeps:  # what is not read need not live so long
            inputs = inputs if "x" in node.grad_reads else [dy]
            value = value if "y" in node.grad_reads else dy
        operands = [*inputs, *out.saved.get(node, []), *sums, value, dy, out.grad[x]]
        if sums and i > 0:
            operands = [*sums, out.grad[x]]
        split, n_unit = self._gradient_split(node, i, x)
        op, attrs = self.kernel(node, i)
        n_sums = 0 if i > 0 or node.n_unit(-2) else len(sums)  # those that this step makes
        late = out.grad[x].home == "grad" and not n_sums
        step = Step(
            op, i, _by_rows(node, operands), attrs, split, self.names[node], n_unit, grads=(x,),
            stage=LATE if late else NORMAL, node=node, n_saved=n_sums,
        )  # fmt: skip
        if step.stage == LATE and node.batched:
            step.state = node.sum_state(i)
        self.emit(node, step, 1)

    def _lower_joint_gradient(self, node: Node, wanted: list[int]) -> None:
        """Emit one step that makes the gradients of all ``wanted`` inputs."""
        out = self.out
        xs = [self.operand(node.inputs[i]) for i in wanted]
        for x in xs:
            if x not in out.grad:
                out.grad[x] = self._grad_buffer(x)
        inputs = [out.value[self.operand(z)] for z in node.inputs]
        saved = out.saved.get(node, [])
        operands = [*inputs, *saved, out.value[node], out.grad[node], *(out.grad[x] for x in xs)]
        attrs = (*node.attrs(), *wanted)
        self.emit(node, Step(node.op, JOINT, operands, attrs, WHOLE, self.names[node], grads=xs,
                              node=node), 1)  # fmt: skip

    def _divided_by(self, node: Node) -> Node | None:
        """Return the operand whose gradient holds that of ``node`` as a part, if there is one."""
        if node not in self.aliases.start:
            return None
        x = self.operand(node.inputs[0])
        return x if x in self.aliases.divided else None

    def _gradient_split(self, node: Node, i: int, x: Node) -> tuple[int, int]:
        if _fixed_rows(node):
            return UNITS, _fixed_rows(node)
        if x.batched:
            by_rows = divides(node) or _spreads(node)
            return (ROWS, node.n_column(i)) if by_rows else (WHOLE, 0)
        n_unit = node.n_unit(i)
        return (UNITS, n_unit) if n_unit else (WHOLE, 0)


def _fixed_rows(node: Node) -> int:
    """Return how many rows stand in the place of a batch; 0 if there is a batch axis."""
    return node.shape[0] if node.by_rows and not node.batched else 0


def _by_rows(node: Node, operands: list[Buffer]) -> list[Buffer]:
    """Return the operands as the node's kernel takes them."""
    return [b.as_rows() for b in operands] if _fixed_rows(node) else operands


def _is_leaf(node: Node) -> bool:
    """Tell whether a node's value comes from outside; random numbers have no operand either."""
    return not node.inputs and not node.draws


def _spreads(node: Node) -> bool:
    return getattr(node, "spreads", False) and not node.batched
