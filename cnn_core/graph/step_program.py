"""StepProgram: a graph compiled to learn; values, gradients and update within one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cnn_core._ext.core import Lock, Runner
from cnn_core.errors import GraphError, ShapeError
from cnn_core.ir.node import Node, Parameter
from cnn_core.ir.order import parameters_of
from cnn_core.run.feeding import as_rows, plain
from cnn_core.run.program import Program, what_stops_gradients
from cnn_core.state.blocks import Place
from cnn_core.state.params import ParamStore

if TYPE_CHECKING:
    from cnn_core._ext.core import Learner


class Updates(Protocol):
    """What a step asks of an optimizer (`cnn_core.optim.base.Optimizer`)."""

    def learner(self, store: ParamStore, only: frozenset[str] | None) -> Learner: ...
    def rates(self, first: int, n: int) -> np.ndarray: ...
    def count_steps(self) -> None: ...


class StepProgram:
    """Minimises the first of ``outputs``, a scalar, over the parameters in ``store``.

    Nothing is kept that a step does not need: steps are fused and share memory, and only the
    parameters have gradients.  Dropout is at work.
    """

    def __init__(
        self, outputs: list[Node], names: Mapping[Node, str], store: ParamStore, guard: Lock, *,
        max_batch: int, seed: int,
    ) -> None:  # fmt: skip
        loss = outputs[0]
        self.parameters = [p for p in parameters_of(outputs[:1]) if store.learns(p)]
        self.roles = Place.changes
        if loss.shape != () or loss.dtype != "real":
            raise ShapeError(
                f"step: need a real scalar as the first output, to minimise; got {names[loss]} "
                f"with shape {loss.shape}"
            )
        if not self.parameters:
            raise GraphError(
                f"step: need parameters that {names[loss]} depends on and that learn; got none"
            )
        self.program = Program(
            outputs, store, max_batch=max_batch, seeds=[loss], targets=self.parameters,
            training=True, learning=True,
        )  # fmt: skip
        program = self.program
        if stopped := what_stops_gradients(self.program, self.parameters, "step"):
            raise GraphError(stopped)
        reached = frozenset(store.name_of(p) for p in self.parameters if program.has_grad(p))
        self._only = None if len(reached) == len(store) else reached
        self._unreached = [grad for name, grad in store.grads.items() if name not in reached]
        # The update changes these; a step returns them as they were before.
        self._updated = [i for i, n in enumerate(outputs) if isinstance(n, Parameter)]
        self._loss = program.value_tensor(loss)
        # A mean of which no row counts is NaN and no mistake: its sums tell.
        self._total = program.saved_tensor(loss, 0) if loss.op == "row_mean" else -1
        self._batched = [n.batched for n in outputs]
        self._row = False  # a single row without a batch axis was fed last
        self._seed = seed
        inputs = {name: self.program.input_tensor(name) for name in self.program.inputs}
        self.runner = Runner(
            program, program.binding, guard, inputs, [program.value_tensor(n) for n in outputs],
            [], {}, {}, program.n_steps, seed,
        )  # fmt: skip

    def feed(self, inputs: dict[str, Any]) -> int:
        """Copy all inputs in; return the number of rows."""
        n_rows: int = self.runner.feed(inputs)
        self._row = False
        if n_rows == 0:
            missing = self.program.inputs.keys() - inputs.keys()
            if missing:
                raise GraphError(f"step: need a value for {', '.join(sorted(missing))}; got none")
            inputs, row = as_rows(self.program.inputs, inputs)
            self.program.feed(inputs)
            self._row = bool(row)
            n_rows = self.program.n_rows
        self.program.n_rows = n_rows
        return n_rows

    def learner(self, optimizer: Updates) -> Learner:
        """Return the optimizer as the next step has it."""
        return optimizer.learner(self.program.store, self._only)

    def run(self, optimizer: Updates) -> list[Any]:
        """Make one step with the inputs fed last; return the outputs before the update."""
        learner = self.learner(optimizer)
        lr = optimizer.rates(learner.step, 1)
        for grad in self._unreached:  # another graph over this store may have written there
            grad[...] = 0
        n, train = self.program.n_rows, self.program.binding.train
        before = self.runner.read(n) if self._updated else []
        try:
            *_, error = self.program.at_best_pace("step", lambda n_threads: train(
                [], None, 0, n, n, self._loss, self._total, learner, lr, self._seed, n_threads,
            ))  # fmt: skip
        finally:
            optimizer.count_steps()
        if error is not None:
            raise error
        values: list[Any] = self.runner.read(n)
        for i in self._updated:
            values[i] = before[i]
        if self._row:
            return [plain(v[0]) if batched else v
                    for v, batched in zip(values, self._batched, strict=True)]  # fmt: skip
        return values
