"""Lean: a large graph's runs, in which nothing is kept that nobody looks at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from cnn_core._ext.core import PRODUCTS, Binding, Lock
from cnn_core.compile.compiled import FIRST_BLOCK
from cnn_core.compile.stretches import cache_size
from cnn_core.errors import CnnCoreError
from cnn_core.ir.node import Constant, Input, Node, Parameter
from cnn_core.run.program import Program
from cnn_core.run.threads import get_num_threads
from cnn_core.state.blocks import aligned_zeros

LEAST_CACHES = 16
"""How many second-level caches all values and gradients fill at least."""

PARAMETER_SHARE = 1 / 16
"""The part of these that the parameters, which are copied each time, may take."""

TRIALS = 3
"""Calls of forward and backward in each way, before the faster is chosen."""

NOTHING, GRADIENTS, VALUES = range(3)  # what is missing; VALUES: both


class Lean:
    """Runs forward and backward of ``program``, which keeps all, so that less is written.

    In one way, forward writes every value, and backward keeps the gradients that it returns alone;
    all others share memory.  In the other, forward goes through blocks of rows and keeps the
    outputs alone; backward makes each block's values again, while they are in the cache.  What is
    missing then is made by `complete`, from the same inputs and the parameters as they were: the
    same kernels, the same bits.  The faster way is chosen by time: where functions are costly,
    making values twice takes longer than writing them.  Who looks at what is missing will look
    again: from then on all is kept.
    """

    def __init__(
        self, program: Program, training: bool, seeds: Collection[Node], targets: Collection[Node]
    ) -> None:  # fmt: skip
        self._program, self._lock = program, Lock()
        self._missing = NOTHING
        self._wanted = _is_large(program) and any(program.has_grad(n) for n in targets)
        self._run: dict[str, Any] = {}
        self._seeds: Mapping[Node, Any] | None = None  # of gradients that are missing too
        if self._wanted:
            self._compile(training, seeds, targets)

    def _compile(
        self, training: bool, seeds: Collection[Node], targets: Collection[Node]
    ) -> None:  # fmt: skip
        """Make the programs of both ways; of none where they would not be faster.

        No product is made twice: it takes longer than memory, and mostly hides what is written.
        """
        program, nodes = self._program, self._program.nodes
        inputs = program.inputs.values()
        self._kept: set[Node] = {n for n in nodes if isinstance(n, (Input, Constant, Parameter))}
        self._kept.update(program.outputs)
        self._given = {n for n in (*seeds, *targets) if program.has_grad(n)}
        self._then = [aligned_zeros(len(b.value), b.dtype) for b in program.store.blocks]
        shared: dict[str, Any] = {"max_batch": program.max_batch, "training": training,
                                  "keep_all": True, "lent": True}  # fmt: skip
        backward = shared | {"seeds": seeds, "targets": targets}
        self._backward = Program(program.outputs, program.store, lean="backward", **backward)
        self._backward.lie_with(program, nodes, self._given)
        products = any(step.op in PRODUCTS for step in program.steps)
        self._ways = [False] if not products or _in_blocks(self._backward) else []
        if not products:
            self._values = Program(program.outputs, program.store, lean="run", **shared)
            self._values.lie_with(program, {*inputs, *program.outputs})
            self._gradients = Program(program.outputs, program.store, lean="run", **backward)
            self._gradients.lie_with(program, inputs, self._given)
            if _in_blocks(self._values) and _in_blocks(self._gradients):
                self._ways.insert(0, True)
        self._wanted = bool(self._ways)
        self._start_trials()

    # -- which way ------------------------------------------------------------------------

    def _start_trials(self) -> None:
        self._threads = get_num_threads()
        self._seconds: dict[bool, list[float]] = {way: [] for way in self._ways}
        self._twice, self._begun = False, 0.0

    def _choose(self) -> bool:
        """Return whether this forward, and the backward behind it, are to make values twice."""
        if get_num_threads() != self._threads:
            self._start_trials()
        trial = min(self._ways, key=lambda way: len(self._seconds[way]))
        if len(self._seconds[trial]) < TRIALS:
            return trial
        return min(self._ways, key=lambda way: min(self._seconds[way]))

    def _note(self, seconds: float) -> None:
        """Take note of the time of a forward and a backward."""
        if len(self._seconds[self._twice]) < TRIALS:
            self._seconds[self._twice].append(seconds / self._program.n_rows)

    # -- running --------------------------------------------------------------------------

    def forget(self) -> None:
        """Let what is missing be missing: it belongs to other inputs."""
        self._missing = NOTHING

    def run_forward(self, *, check_finite: bool, **run: Any) -> None:
        """Compute the outputs; all else as well, or when somebody looks."""
        if check_finite or not self._wanted:
            self._program.run_forward(check_finite=check_finite, **run)
            return
        begin = perf_counter()
        self._run, self._twice, self._seeds = run, self._choose(), None
        if not self._twice or not self._forward(run):
            self._program.run_forward(**run)
        self._begun = perf_counter() - begin

    def _forward(self, run: dict[str, Any]) -> bool:
        self._copy_parameters()
        try:
            self._run_all(self._values, run)
        except CnnCoreError:
            return False  # step by step it is the first node's error, not the first block's
        self._missing = VALUES
        return True

    def run_backward(self, seeds: Mapping[Node, Any], **run: Any) -> None:
        """Compute the gradients that `Graph.backward` returns; others when somebody looks."""
        begin, self._seeds = perf_counter(), None  # those of other seeds are gone
        if self._missing == GRADIENTS:
            self._missing = NOTHING
        if self._missing and not self._is_as_then():
            self.complete()
        if self._missing:
            self._run_all(self._gradients, run)
        elif self._wanted:
            self._copy_parameters()
            self._run_all(self._backward, run)
            self._missing, self._run = GRADIENTS, run
        else:
            self._program.run_backward(**run)
        self._seeds = seeds
        if self._wanted:
            self._note(self._begun + perf_counter() - begin)

    def _run_all(self, program: Program, run: dict[str, Any]) -> None:
        program.n_rows = self._program.n_rows
        program.run_all(**run)

    def _copy_parameters(self) -> None:
        for copy, block in zip(self._then, self._program.store.blocks, strict=True):
            copy[:] = block.value

    def _is_as_then(self) -> bool:
        """Tell whether the parameters are, to the bit, what forward found."""
        blocks = self._program.store.blocks
        return all(np.array_equal(copy.view(np.uint8), block.value.view(np.uint8))
                   for copy, block in zip(self._then, blocks, strict=True))  # fmt: skip

    # -- looking --------------------------------------------------------------------------

    def lacks_value(self, node: Node) -> bool:
        return self._missing == VALUES and node not in self._kept

    def lacks_grad(self, node: Node) -> bool:
        return self._missing != NOTHING and node not in self._given

    def complete(self) -> None:
        """Make what is missing, with the parameters of then, and leave their gradients alone."""
        with self._lock:
            if self._missing:
                self._make_all()
                self._missing, self._wanted = NOTHING, False

    def _make_all(self) -> None:
        program, bases = self._program, list(self._program.binding.bases)
        scratch = [aligned_zeros(len(b.grad), b.dtype) for b in program.store.blocks]
        for i, (value, grad) in enumerate(zip(self._then, scratch, strict=True)):
            at = FIRST_BLOCK + 2 * i
            bases[at : at + 2] = value.ctypes.data, grad.ctypes.data
        binding = Binding(program.plan, tuple(bases), (scratch, self._then))
        if self._missing == VALUES:
            binding.run(0, program.n_forward, program.n_rows, **self._run)
        if self._seeds is not None:
            for node, value in self._seeds.items():
                program.grad(node)[...] = value
            binding.run(program.n_forward, program.n_steps, program.n_rows, **self._run)


def _in_blocks(program: Program) -> bool:
    return program.code.stretches is not None


def _is_large(program: Program) -> bool:
    """Tell whether a graph is large and has few parameters.

    Gates have a state, and sums that go on from run to run must not be added to twice.
    """
    size, blocks = program.code.arena_bytes, program.store.blocks
    return (
        size >= LEAST_CACHES * cache_size() and not program.calls_python
        and sum(b.value.nbytes for b in blocks) <= PARAMETER_SHARE * size
        and not any(node.dtype == "float64" for node in program.nodes)
    )  # fmt: skip
