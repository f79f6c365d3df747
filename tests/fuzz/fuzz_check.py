"""Runs a random graph in every way there is, and compares with its reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from fuzz_case import Case, differentiable, draw_case, gradients
from fuzz_values import RUNS, SEED, STEP, Value, parted
from fuzz_ways import allowed_threads, need_bits_on_threads, need_bits_when_lean, need_same

from cnn_core import Graph, Parameter, ParamStore
from cnn_core._ext import core
from cnn_core.compile import schedule, stretches
from cnn_core.graph import lean as lean_way
from cnn_core.optim import SGD
from cnn_core.run.program import Program

MARGIN = 20.0
"""How many times the difference that noise makes a result may be off."""

LR = 2.0**-6

SPLITS = {0: "whole", 1: "rows", 2: "units", 3: "columns"}


def need_near(who: str, found: Any, runs: Sequence[np.ndarray], dtype: str) -> None:
    """Raise unless ``found`` is as near the first of ``runs`` as the noise of the others is."""
    found = np.asarray(found, np.float64)
    right, d = np.asarray(runs[0]), parted(runs)
    assert found.shape == right.shape, f"{who}: shape {found.shape} instead of {right.shape}"
    limits = np.finfo(dtype)
    bound = MARGIN * (d + d.mean()) + 8 * limits.eps * np.abs(right) + 8 * limits.tiny
    wrong = np.argwhere(~(np.abs(found - right) <= bound))
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        raise AssertionError(
            f"{who}: {found[at]!r} instead of {right[at]!r} at {at}, one of {len(wrong)} wrong of "
            f"{found.size}; right to {bound[at]:.2g}"
        )


@contextmanager
def everything_divided() -> Iterator[None]:
    """Let the smallest graph be divided among threads, narrow layers by columns, every batch of
    32 rows into blocks of 16, and every step into pieces between which signals are looked for."""
    limits = [(schedule, "MIN_FLOP", 1.0), (schedule, "COLUMN_WEIGHTS", 1),
              (schedule, "PIECE_FLOP", 1.0), (schedule, "PIECE_PRODUCT", 1.0),
              (schedule, "PIECE", {1: 16, 2: 16}), (schedule, "PRODUCT_PIECE", {1: 16, 2: 16}),
              (lean_way, "LEAST_CACHES", -1), (lean_way, "PARAMETER_SHARE", 1e9),
              (lean_way, "PRODUCTS", ()),
              (stretches, "cache_size", lambda: 1), (stretches, "PRODUCT_ROWS", -(1 << 60)),
              (stretches, "SUM_SHARE", 1 << 60), (stretches, "LOCAL_SHARE", 0)]  # fmt: skip
    before = [getattr(module, name) for module, name, _ in limits]
    try:
        for module, name, value in limits:
            setattr(module, name, value)
        yield
    finally:
        for (module, name, _), value in zip(limits, before, strict=True):
            setattr(module, name, value)


class Check:
    """One case, the gradients given at its outputs, and those that must come of them.

    ``seen`` counts what the case has exercised.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.rng = case, np.random.default_rng([1, case.seed])
        self.seen = Counter(v.rule.op for v in case.values if v.rule)
        self.seen[case.dtype] = self.seen["training" if case.training else "inference"] = 1
        self.seen["over 3,000 rows"] = int(case.rows > 3000)
        ends = [v for v in dict.fromkeys(case.outputs)
                if v.node.dtype == "real" and (not v.operands or differentiable(v))]  # fmt: skip
        self.seeds = {v: self._seed(v, len(ends) == 1) for v in ends}
        self.grads = gradients(case, self.seeds)
        self.targets = [v for v in case.values if v.is_target]
        self.reached = [v for v in self.targets if v in self.grads]

    def _seed(self, v: Value, alone: bool) -> np.ndarray:
        if v.shape == () and alone:
            return np.ones(())
        dy = self.rng.standard_normal(v.runs[0].shape)
        return dy.astype(self.case.dtype).astype(np.float64)

    def run(self) -> Counter:
        self.check_graph()
        self.check_program()
        self.check_step()
        return self.seen

    def near(self, who: str, found: Any, runs: Sequence[np.ndarray]) -> None:
        need_near(who, found, runs, self.case.dtype)

    def store(self) -> ParamStore:
        """Return a store in another order than the graph's own, with one parameter more."""
        found = [Parameter("unused", np.ones(self.rng.integers(1, 40))), *self.case.parameters]
        self.rng.shuffle(found)
        return ParamStore(found, self.case.dtype)

    # -- a Graph: every value and every gradient --------------------------------------------

    def graph(self) -> Graph:
        own = self.rng.random() < 0.5
        return Graph(self.case.nodes, dtype=self.case.dtype, training=self.case.training,
                     seed=SEED, params=None if own else self.store())  # fmt: skip

    def check_graph(self) -> None:
        case, graph, feed = self.case, self.graph(), self.case.feed
        if feed and self.rng.random() < 0.3:
            self._feed_others(graph)
        if self.rng.random() < 0.2:
            feed = {k: a.astype(np.int64 if a.dtype.kind == "i" else np.float64, order="F")
                    for k, a in feed.items()}  # fmt: skip
        outputs = graph.forward(**feed)
        for v, y in zip(case.outputs, outputs, strict=True):
            self.near(f"output {v.name}", y, v.runs)
        for v in case.values:
            self.near(f"value {v.name}", graph.value(v.node), v.runs)
        if not self.reached:
            return
        scalar = [v.shape for v in self.seeds] == [()]
        found = graph.backward(None if scalar else {v.node: dy for v, dy in self.seeds.items()})
        for v in self.targets:
            runs = self.grads.get(v, [np.zeros(v.runs[0].shape)] * RUNS)
            self.near(f"gradient of {v.name}", found[v.node.name], runs)
        for v in self._on_the_way():
            self.near(f"gradient at {v.name}", graph.grad(v.node), self.grads[v])
        self._node_by_node(graph)
        need_bits_on_threads(self, graph)
        need_bits_when_lean(self, graph)

    def _feed_others(self, graph: Graph) -> None:
        """Run with more or fewer rows before; then sums and masks begin again."""
        self.seen["other rows before"] += 1
        least = 2 if self.seen["batch_norm"] else 1
        rows = int(self.rng.integers(least, 2 * self.case.rows + least))
        graph.forward(**self.case.other_rows(rows))
        graph._counter = STEP - 1
        for v in self.case.values:
            if v.node.dtype == "float64":
                graph.program.value(v.node)[...] = 0

    def _on_the_way(self) -> Iterator[Value]:
        """Yield the values through which gradients reach a target: no others are computed."""
        leading = set(self.targets)
        for v in self.case.values:
            if any(x in leading and v.node.is_differentiable(i) for i, x in enumerate(v.operands)):
                leading.add(v)
            if v in leading and v in self.grads:
                yield v

    def _node_by_node(self, graph: Graph) -> None:
        """The steps of each node alone, in order, make the same bits."""
        reals = [v for v in self.case.values if v.node.dtype == "real"]
        before = {v: (graph.value(v.node), graph.grad(v.node)) for v in reals}
        for v in reals:
            graph.forward_node(v.node)
            need_same(f"{v.name} by itself", graph.value(v.node), before[v][0])
        for node in reversed(graph.nodes_topologically_sorted()):
            graph.backward_node(node)
        for v in reals:
            need_same(f"gradient at {v.name}, node by node", graph.grad(v.node), before[v][1])

    # -- a compiled Program: fused, in shared memory, on threads, in short batches ------------

    def check_program(self) -> None:
        case, rng = self.case, self.rng
        guard = 64 if rng.random() < 0.5 else 0  # with it no memory is shared
        targets = [v for v in self.reached if isinstance(v.node, Parameter)]
        targets = targets if targets and rng.random() < 0.6 else self.reached
        if not case.training and any(v.node.training_only for v in case.values):
            targets = []  # inference has no such node, and nobody asks for gradients there
        batched = any(v.batched for v in case.values)
        store = self.store()
        store.grad[:] = np.nan
        before = store.value.tobytes(), store.grad.tobytes()
        program = Program(
            case.nodes, store, guard=guard,
            max_batch=case.rows + int(rng.integers(4)) if batched else 1,
            seeds=[v.node for v in self.seeds] if targets else [],
            targets=[v.node for v in targets], training=case.training,
        )  # fmt: skip
        self._note(program)
        first: dict[str, np.ndarray] = {}
        for n_threads in (1, int(rng.integers(2, 5))):
            program.use_threads(n_threads)
            if n_threads == 1:
                now = store.value.tobytes(), store.grad.tobytes()
                assert now == before, "a program that is made writes to its store"
            self._run(program, guard, n_threads)
            for who, array, runs in self._results(program, targets):
                self.near(f"{who}, compiled, {n_threads} threads", array, runs)
                if core.gemm_mode() != "blas":
                    need_same(f"{who}, {n_threads} threads", array, first.setdefault(who, array))
        if program.schedule is not None:
            self.seen.update(f"by {SPLITS[s[0]]}" for s in program.schedule.segments)

    def _run(self, program: Program, guard: int, n_threads: int) -> None:
        """Run once from memory full of NaN; nothing may be written between the buffers."""
        program.arena[:] = 0xFF
        program.store.grad[:] = np.nan
        program.feed(self.case.feed)
        for v, dy in self.seeds.items():
            if v.node in program.lowered.grad:
                program.grad(v.node)[...] = dy
        for node in program.nodes:
            if node.dtype == "float64":
                program.value(node)[...] = 0
        program.binding.run(0, program.n_steps, program.n_rows, seed=SEED, counter=STEP,
                         n_thread=n_threads)  # fmt: skip
        for key, memory in program.guards() if guard and len(program.arena) else ():
            assert np.all(memory == 0xFF), f"{key}: written past its end or its rows"

    def _results(
        self, program: Program, targets: Sequence[Value]
    ) -> Iterator[tuple[str, np.ndarray, list]]:
        for v in self.case.outputs:
            yield f"output {v.name}", program.value(v.node).copy(), v.runs
        for v in targets:
            assert v.node in program.lowered.grad, f"gradient of {v.name}: none"
            yield f"gradient of {v.name}", program.grad(v.node).copy(), self.grads[v]

    def _note(self, program: Program) -> None:
        """Count what lowering has done."""
        self.seen["aliases"] += sum(b.root is not b for b in program.code.buffers)
        found = program.code.stretches
        if found is not None and self.case.rows >= 2 * stretches.ROW_MULTIPLE:
            self.seen["in blocks"] += 1
            self.seen["block memory"] += len(found.locals)
            self.seen["sums in blocks"] += len(found.states)
        for step in program.steps:
            self.seen["fused activations"] += step.activation is not None
            self.seen["fused losses"] += step.which == -2
            self.seen["joint gradients"] += step.which == -3
            self.seen["shared weights"] += step.op == "weight_grad" and bool(step.grads)
            self.seen["added gradients"] += bool(step.accumulate)
            self.seen["gradients in place"] += step.which >= 0 and (
                step.operands[-1] is step.operands[-2]
            )

    # -- a step that learns -------------------------------------------------------------------

    def check_step(self) -> None:
        """Graph.step: the values before, the gradients, and parameters that move by them."""
        case, loss = self.case, self.case.outputs[0]
        if loss.shape != () or loss.node.dtype != "real" or not case.training:
            return
        grads = gradients(case, {loss: np.ones(())})
        moved = [v for v in case.values if isinstance(v.node, Parameter) and v in grads]
        if not moved:
            return
        self.seen["steps"] += 1
        graph, optimizer = self.graph(), SGD(lr=LR)
        optimizer.step_count = STEP
        before = {name: array.copy() for name, array in graph.params.items()}
        outputs = graph.step(optimizer, **case.feed)
        for v, y in zip(case.outputs, outputs, strict=True):
            self.near(f"output {v.name} of a step", y, v.runs)
        assert graph._stepping is not None
        self._note(graph._stepping.program)
        for v in moved:
            dw = graph.params.grads[v.name]
            self.near(f"gradient of {v.name} in a step", dw, grads[v])
            step = before[v.name] - dw.dtype.type(LR) * dw
            self.near(f"{v.name} after a step", graph.params[v.name], [step] * RUNS)
        self._step_on_threads(graph, before, moved, outputs)

    def _step_on_threads(
        self, graph: Graph, before: dict[str, np.ndarray], moved: list[Value],
        outputs: Sequence[Any],
    ) -> None:  # fmt: skip
        """From the same numbers, a step that is divided among threads has the same bits."""
        params, optimizer, graph._stepping = graph.params, SGD(lr=LR), None
        after = {v: (params[v.name].copy(), params.grads[v.name].copy()) for v in moved}
        for name, array in before.items():
            params[name][...] = array
        optimizer.step_count = STEP
        with allowed_threads(int(self.rng.integers(2, 5))):
            found = graph.step(optimizer, **self.case.feed)
        if core.gemm_mode() == "blas":
            return
        for v, y, expected in zip(self.case.outputs, found, outputs, strict=True):
            need_same(f"output {v.name} of a step on threads", y, expected)
        for v, (array, dw) in after.items():
            need_same(f"gradient of {v.name} in a step on threads", params.grads[v.name], dw)
            need_same(f"{v.name} after a step on threads", params[v.name], array)


def check(seed: int) -> Counter:
    """Draw the graph of ``seed`` and check it; what is wrong comes with the smallest such graph."""
    case = draw_case(seed)
    try:
        return Check(case).run()
    except Exception as error:
        small, found = _smallest(case) or (case, error)
        kind = type(found).__name__
        raise AssertionError(f"{kind}: {found}\n\n{small}\n\npart of {case}") from error


def _smallest(case: Case) -> tuple[Case, Exception] | None:
    """Return the first part of a wrong graph that is wrong by itself, and what it says."""
    for v in case.values:
        if v.rule is None:
            continue
        part = case.ending_at([v])
        try:
            Check(part).run()
        except Exception as error:
            return part, error
    return None


def check_all(first: int, last: int) -> Counter:
    """Check the seeds ``first`` to ``last - 1``; return what they exercised."""
    seen: Counter = Counter()
    with everything_divided():
        for seed in range(first, last):
            seen += check(seed)
    return seen
