"""Walk: what of a graph has been computed, by whole runs or node by node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnn_core.compile.steps import Step
from cnn_core.errors import StateError
from cnn_core.ir.node import Node
from cnn_core.run.program import Program

NOTHING, FED, VALUES, GRADIENTS = range(4)


class Walk:
    """Goes through a program node by node, and knows what is there.

    ``stage`` says what is there as a whole: NOTHING, all inputs FED, all VALUES, all GRADIENTS.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.stage = NOTHING
        # What has run since the inputs were fed, forward and backward.
        self._run: tuple[set[Step], set[Step]] = (set(), set())
        self._n_step = program.n_forward, program.n_steps - program.n_forward
        self._given = dict.fromkeys(program.lowered.given, 1.0)  # as the program starts with
        self._seeds: Mapping[Node, Any] = self._given
        self._givers: dict[Node, list[Step]] | None = None
        self._first: dict[Step, list[Node]] = {}  # the seeds that a step is the first to add to
        several = set(self._given) if len(self._given) > 1 else set()
        for step in program.steps if several else ():
            for node in several.intersection(step.grads):
                self._first.setdefault(step, []).append(node)
                several.remove(node)

    def feed(self) -> None:
        """Take note that all inputs are there, and nothing else is."""
        self.stage = FED
        self._clear()

    def have_values(self) -> None:
        """Take note that a whole run has computed the values of what was just fed."""
        self.stage = VALUES
        if self._run[0] or self._run[1]:
            self._clear()

    def _clear(self) -> None:
        for run in self._run:
            run.clear()

    def have_gradients(self, seeds: Mapping[Node, Any] | None = None) -> None:
        """Take note that a whole run has computed the gradients from ``seeds``; None: from 1."""
        self.stage = GRADIENTS
        self._seeds = self._given if seeds is None else seeds

    def lose_gradients(self) -> None:
        """Take note that a whole run begins to overwrite the gradients."""
        self.stage = min(self.stage, VALUES)
        self._run[1].clear()

    def forward(self, node: Node, **options: Any) -> None:
        """Compute the value of one node."""
        self._need(FED, f"forward_node {self.program.names[node]!r}", "inputs fed")
        self._steps(node, 0, options)
        if self.stage == FED and len(self._run[0]) == self._n_step[0]:
            self.stage = VALUES

    def backward(self, node: Node, **options: Any) -> None:
        """Compute what the gradient at one node gives those of its inputs."""
        self._need(VALUES, f"backward_node {self.program.names[node]!r}", "all values")
        for step in self.program.lowered.node_steps[node][1] if self._first else ():
            for seed in self._first.get(step, ()):
                self.program.grad(seed)[...] = self._seeds[seed]
        self._steps(node, 1, options)
        if len(self._run[1]) == self._n_step[1]:
            self.stage = GRADIENTS

    def _steps(self, node: Node, phase: int, options: dict[str, Any]) -> None:
        self.program.run_node(node, backward=bool(phase), **options)
        self._run[phase].update(self.program.lowered.node_steps[node][phase])

    def _giving(self, node: Node) -> list[Step]:
        """Return the steps that add to the gradient at ``node``."""
        if self._givers is None:
            self._givers = {}
            for step in self.program.steps:
                for x in step.grads:
                    self._givers.setdefault(x, []).append(step)
        return self._givers.get(node, [])

    def need_values(self, who: str) -> None:
        """Raise `StateError` unless all values are there."""
        self._need(VALUES, who, "forward first")

    def need_gradient(self, node: Node) -> None:
        """Raise `StateError` unless all that goes into the gradient at ``node`` is there."""
        if self.stage == GRADIENTS:
            return
        program = self.program
        missing = [s.label for s in self._giving(node) if s not in self._run[1]]
        if self.stage < VALUES or missing or not self._run[1]:
            alone = f", or backward_node {missing[0]!r}" if missing else ""
            raise StateError(
                f"grad {program.names[node]!r}: need backward first{alone}; got {self._got()}"
            )

    def _need(self, stage: int, who: str, what: str) -> None:
        if self.stage < stage:
            raise StateError(f"{who}: need {what}; got {self._got()}")

    def _got(self) -> str:
        return ("nothing fed yet", "inputs without values", "values alone", "all")[self.stage]
