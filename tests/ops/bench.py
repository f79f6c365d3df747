"""Bench: one case as a program that can be run under watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from memory_watch import MemoryWatch
from more_cases import RUN
from numeric import Arrays
from op_case import OpCase

from cnn_core.compile.steps import Buffer, Step
from cnn_core.ir.node import BATCH, Input, Node, Parameter
from cnn_core.ir.order import parameters_of
from cnn_core.run.program import Program
from cnn_core.state.params import ParamStore

Patch = Callable[[Program], None]


class Bench:
    """One case as a program, with its data and its memory under watch."""

    def __init__(self, case: OpCase, dtype: str, max_rows: int, rng: np.random.Generator, *,
                 unbatched: type = Input, keep_all: bool = True,
                 patch: Patch | None = None) -> None:  # fmt: skip
        self.case, self.rng, self.patch = case, rng, patch
        self.nodes = {k: leaf(k, spec, unbatched) for k, spec in case.inputs.items()}
        self.out = case.build(**self.nodes)
        wanted = case.gradient if isinstance(case.gradient, frozenset) else set(self.nodes)
        self.targets = {k: n for k, n in self.nodes.items()
                        if case.gradient and k in wanted and n.dtype == "real"}  # fmt: skip
        self.program = Program(
            [self.out], ParamStore(parameters_of([self.out]), dtype), max_batch=max_rows,
            seeds=[self.out] if self.targets else (), targets=self.targets.values(),
            keep_all=keep_all, training=True, guard=64,
        )  # fmt: skip
        self.watch = MemoryWatch(self.program, rng)
        low = self.program.lowered
        self.steps = self.program.steps
        self.owner = {id(s): n for n, phases in low.node_steps.items() for p in phases for s in p}
        self.rebuild()

    def rebuild(self) -> None:
        """Make the plan again from the steps, with the patched kernels."""
        self.program.code.build_plan()
        self.program.bind()
        if self.patch:
            self.patch(self.program)

    def feed(self, x: Arrays) -> None:
        store = self.program.store
        store.assign({k: a for k, a in x.items() if k in store})
        self.program.feed({k: a for k, a in x.items() if k not in store})
        if not any(b.batched for b in self.program.code.buffers):
            self.program.n_rows = 1  # that a program without a batch axis has

    def poison(self, dy: np.ndarray | None) -> None:
        """NaN wherever a kernel must write, sentinels wherever none may; then dy."""
        low = self.program.lowered
        inputs = {low.value[n] for n in self.nodes.values()}
        for buffer in self.program.code.buffers:
            if buffer.home in ("arena", "grad") and buffer not in inputs:
                # Metrics add to what is there.
                self.program.view(buffer)[...] = 0 if is_metric(buffer.source) else np.nan
        self.watch.surround()
        if self.targets and self.out in low.grad:
            self.program.grad(self.out)[...] = dy

    def run_watched(self) -> None:
        """Run step by step; each may write its own operands only, and reads what it declares."""
        for at, step in enumerate(self.steps):
            self._run_step(at, step)

    def _run_step(self, at: int, step: Step) -> None:
        node = self.owner[id(step)]
        who = f"{step.label}: {step.op}, " + ("forward" if step.which < 0 else f"d{step.which}")
        hidden = self._undeclared(node, step)
        kept = [self.program.view(b).copy() for b in hidden]
        for buffer in hidden:
            self.watch.sentinels(self.program.view(buffer))
        self.watch.surround()
        self.watch.start(_written(node, step))
        self.program.binding.run(at, at + 1, self.program.n_rows, **RUN)
        self.watch.check(who)
        for buffer, value in zip(hidden, kept, strict=True):
            self.program.view(buffer)[...] = value

    def _undeclared(self, node: Node, step: Step) -> list[Buffer]:
        """Return the operands of a gradient step that its node says it does not read."""
        if step.which < 0 or (node.sums and step.which > 0):  # which reads the sums alone
            return []
        n, y = len(node.inputs), len(step.operands) - 3
        hidden = [] if "x" in node.grad_reads else step.operands[:n]
        hidden = [*hidden, *([] if "y" in node.grad_reads else [step.operands[y]])]
        shared = [*step.operands[n:y], step.operands[-2], step.operands[-1]]
        return [b for b in dict.fromkeys(hidden) if b not in shared]

    def results(self) -> Arrays:
        """Return the value and all gradients, as they are."""
        found = {"value": self.program.value(self.out).copy()}
        for k, n in self.targets.items():
            if n in self.program.lowered.grad:
                found[f"d{k}"] = self.program.grad(n).copy()
        return found


def is_metric(node: Node | None) -> bool:
    return node is not None and node.dtype == "float64"


def leaf(name: str, spec: Any, unbatched: type) -> Node:
    kind = spec[0] if spec and isinstance(spec[0], str) else ""
    if kind == "unbatched":
        return unbatched(name, np.zeros(spec[1]) if unbatched is Parameter else spec[1])
    if kind == "labels":
        return Input(name, (BATCH,), "int32")
    if kind == "index":
        return Input(name, (BATCH, *spec[2]), "int32")
    if kind == "weight":
        return Input(name, (BATCH,))
    rest = (spec[1],) if kind == "distribution" else spec[1] if kind else spec
    return Input(name, (BATCH, *rest))


def _written(node: Node, step: Step) -> list[Buffer]:
    if node.statistics or node.sums:
        return step.written
    if step.which == -2:
        return [step.operands[-3], step.operands[-1]]  # value and gradient
    if step.which >= 0 or step.op != node.op:
        return step.operands[-1:]
    return step.operands[len(node.inputs) :]  # saved values and the value
