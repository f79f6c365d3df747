"""Lean: a large graph's runs, in which nothing is kept that nobody looks at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from cnn_core._ext.binding import Binding
from cnn_core._ext.core import PRODUCTS
from cnn_core._ext.lock import Lock
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
"""The part of these that the parameters, which each forward copies, may take."""

TRIALS = 3
"""Calls of forward and backward in each way, before the faster is chosen."""


class Lean:
    """Runs forward and backward of ``program``, which keeps all, in one of two ways.

    It runs them itself, and writes every value and gradient to memory.  Or forward goes through
    blocks of rows and keeps the outputs alone; backward makes each block's values again, while
    they are in the cache, and keeps the gradients that it returns.  What is then missing is made
    by `complete`, from the same inputs and the parameters as they were: the same kernels, the same
    bits.  The faster way is chosen by time: where functions are costly, making values twice can
    take longer than writing them.  Who looks once will look again: then all is kept for good.
    """

    def __init__(
        self, program: Program, training: bool, seeds: Collection[Node], targets: Collection[Node]
    ) -> None:  # fmt: skip
        self._program, self._lock = program, Lock()
        self._missing = False
        self._wanted = _is_large(program) and any(program.has_grad(n) for n in targets)
        self._run: dict[str, Any] = {}
        self._seeds: Mapping[Node, Any] | None = None  # of gradients that are missing too
        if self._wanted:
            self._compile(training, seeds, targets)

    def _compile(
        self, training: bool, seeds: Collection[Node], targets: Collection[Node]
    ) -> None:  # fmt: skip
        """Make the two programs of lean runs; without blocks to run in, there is no use for them.
        """
        program = self._program
        shared: dict[str, Any] = {"max_batch": program.max_batch, "training": training,
                                  "keep_all": True, "lent": True, "lean": True}  # fmt: skip
        self._values = Program(program.outputs, program.store, **shared)
        self._gradients = Program(program.outputs, program.store, seeds=seeds, targets=targets,
                                  **shared)  # fmt: skip
        self._kept: set[Node] = {n for n in program.nodes if isinstance(n, (Input, Constant))}
        self._kept |= {*program.outputs, *(n for n in program.nodes if isinstance(n, Parameter))}
        self._given = {n for n in (*seeds, *targets) if program.has_grad(n)}
        self._place()
        blocks = program.store.blocks
        self._then = [aligned_zeros(len(b.value), b.dtype) for b in blocks]
        self._start_trials()
        self._wanted = None not in (self._values.code.stretches, self._gradients.code.stretches)

    def _place(self) -> None:
        """Let what is kept lie where the program has it."""
        for node in self._program.inputs.values():
            self._values.lie_with(self._program, node)
            self._gradients.lie_with(self._program, node)
        for node in self._program.outputs:
            if not isinstance(node, (Constant, Parameter)):
                self._values.lie_with(self._program, node)
        for node in self._given:
            if not isinstance(node, Parameter):
                self._gradients.lie_with(self._program, node, grad=True)

    # -- which way ------------------------------------------------------------------------

    def _start_trials(self) -> None:
        self._threads, self._seconds = get_num_threads(), {True: [], False: []}
        self._lean, self._begun = True, 0.0

    def _choose(self) -> bool:
        """Return whether this forward, and the backward behind it, are to be lean."""
        if get_num_threads() != self._threads:
            self._start_trials()
        trial = min((True, False), key=lambda lean: len(self._seconds[lean]))
        if len(self._seconds[trial]) < TRIALS:
            return trial
        return min(self._seconds[True]) < min(self._seconds[False])

    def _note(self, seconds: float) -> None:
        """Take note of the time of a forward and a backward."""
        if len(self._seconds[self._lean]) < TRIALS:
            self._seconds[self._lean].append(seconds / self._program.n_rows)

    # -- running --------------------------------------------------------------------------

    def forget(self) -> None:
        """Let what is missing be missing: it belongs to other inputs."""
        self._missing = False

    def run_forward(self, *, check_finite: bool, **run: Any) -> None:
        """Compute the outputs; all else as well, or when somebody looks."""
        if check_finite or not self._wanted:
            self._program.run_forward(check_finite=check_finite, **run)
            return
        begin = perf_counter()
        self._seeds, self._run, self._lean = None, run, self._choose()
        if not self._lean or not self._forward(run):
            self._program.run_forward(**run)
        self._begun = perf_counter() - begin

    def _forward(self, run: dict[str, Any]) -> bool:
        for copy, block in zip(self._then, self._program.store.blocks, strict=True):
            copy[:] = block.value
        self._values.n_rows = self._program.n_rows
        try:
            self._values.run_all(**run)
        except CnnCoreError:
            return False  # step by step it is the first node's error, not the first block's
        self._missing = True
        return True

    def run_backward(self, seeds: Mapping[Node, Any], **run: Any) -> None:
        """Compute the gradients that `Graph.backward` returns; others when somebody looks."""
        begin = perf_counter()
        if self._missing and not self._is_as_then():
            self.complete()
        if self._missing:
            self._gradients.n_rows, self._seeds = self._program.n_rows, None
            self._gradients.run_all(**run)
            self._seeds = seeds
        else:
            self._program.run_backward(**run)
        if self._wanted:
            self._note(self._begun + perf_counter() - begin)

    def _is_as_then(self) -> bool:
        """Tell whether the parameters are, to the bit, what forward found."""
        blocks = self._program.store.blocks
        return all(np.array_equal(copy.view(np.uint8), block.value.view(np.uint8))
                   for copy, block in zip(self._then, blocks, strict=True))  # fmt: skip

    # -- looking --------------------------------------------------------------------------

    def lacks_value(self, node: Node) -> bool:
        return self._missing and node not in self._kept

    def lacks_grad(self, node: Node) -> bool:
        return self._missing and node not in self._given

    def complete(self) -> None:
        """Make what is missing, with the parameters of then, and leave their gradients alone."""
        with self._lock:
            if self._missing:
                self._make_all()
                self._missing = self._wanted = False

    def _make_all(self) -> None:
        program, bases = self._program, list(self._program.binding.bases)
        scratch = [aligned_zeros(len(b.grad), b.dtype) for b in program.store.blocks]
        for i, (value, grad) in enumerate(zip(self._then, scratch, strict=True)):
            at = FIRST_BLOCK + 2 * i
            bases[at : at + 2] = value.ctypes.data, grad.ctypes.data
        binding = Binding(program.plan, tuple(bases), (scratch, self._then))
        binding.run(0, program.n_forward, program.n_rows, **self._run)
        if self._seeds is not None:
            for node, value in self._seeds.items():
                program.grad(node)[...] = value
            binding.run(program.n_forward, program.n_steps, program.n_rows, **self._run)


def _is_large(program: Program) -> bool:
    """Tell whether a graph is large, has few parameters and may be of cheap steps.

    None are products, which take longer than memory, gates, and sums that go on from run to run.
    """
    size, blocks = program.code.arena_bytes, program.store.blocks
    return (
        size >= LEAST_CACHES * cache_size() and not program.calls_python
        and sum(b.value.nbytes for b in blocks) <= PARAMETER_SHARE * size
        and not any(step.op in PRODUCTS for step in program.steps)
        and not any(node.dtype == "float64" for node in program.nodes)
    )  # fmt: skip
