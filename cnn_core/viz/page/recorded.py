"""What a graph has computed, as plain arrays: values, gradients, and what each path adds to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.compile.steps import JOINT, Step
from cnn_core.errors import StateError
from cnn_core.ir.node import Node
from cnn_core.ir.shapes import with_rows
from cnn_core.viz.labels import with_gradient

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph
    from cnn_core.run.program import Program

Path = tuple[int, int]
"""A node by its number, and which of its operands: the gradient flows from one to the other."""


@dataclass
class Frame:
    """The numbers of a graph at one time, by the numbers of its nodes in topological order.

    Arrays have their batch axis, also those of a single row that was fed without one.
    """

    values: list[np.ndarray]
    gradients: list[np.ndarray | None]
    """None where nothing can be reached that has a gradient, and before `Graph.backward`."""
    contributions: list[list[np.ndarray | None]]
    """By node and operand: what the node adds to the gradient of that operand."""
    given: dict[int, np.ndarray] = field(default_factory=dict)
    """The gradients that come from outside: those of the outputs."""


def frame_of(graph: Graph) -> Frame:
    """Return all numbers of ``graph``, which stays as it is.

    What a path adds is what the kernel of its node writes: where several paths add to a gradient,
    the steps that do so run once more, one by one, each over zeros.  In the order of `paths_of`
    they add up to the gradient, to the bit; where products of matrices add to one gradient, to
    rounding, since each goes on with the multiply-adds of the one before.  Raises `StateError`
    before `Graph.forward`.
    """
    graph._walk.need_values("frame_of")
    graph._lean.complete()
    nodes, program = graph.nodes_topologically_sorted(), graph.program
    with graph._lock:
        values = [program.value(node).copy() for node in nodes]
        found: list[list[np.ndarray | None]] = [[None] * len(node.inputs) for node in nodes]
        frame = Frame(values, [None] * len(nodes), found)
        shown = with_gradient(nodes)
        for i, node in enumerate(nodes):
            if node in shown and _is_there(graph, node):
                frame.gradients[i] = _gradient(graph, node)
        if not graph.has_gradients:
            return frame
        number = {node: i for i, node in enumerate(nodes)}
        for node, seed in graph._walk._seeds.items():
            if node in shown:
                shape = frame.values[number[node]].shape
                given = np.broadcast_to(np.asarray(seed, graph.dtype), shape)
                frame.given[number[node]] = given.copy()
        _add_contributions(graph, frame, number)
    return frame


def _is_there(graph: Graph, node: Node) -> bool:
    try:
        graph._walk.need_gradient(node)
    except StateError:
        return False
    return True


def _gradient(graph: Graph, node: Node) -> np.ndarray:
    program = graph.program
    if program.has_grad(node):
        return program.grad(node).copy()
    return np.zeros(with_rows(node.shape, program.n_rows), graph.dtype)


def paths_of(graph: Graph) -> list[Path]:
    """Return all paths of gradients in the order in which `Graph.backward` adds them up."""
    number = {node: i for i, node in enumerate(graph.nodes_topologically_sorted())}
    return [(number[step.node], i) for step in _gradient_steps(graph.program)
            for i in _operands(step)]  # fmt: skip


def _gradient_steps(program: Program) -> Iterator[Step]:
    return (step for step in program.steps if step.grads)


def _operands(step: Step) -> tuple[int, ...]:
    """Return to which operands of its node a step gives a gradient."""
    if step.which == JOINT:
        return tuple(int(i) for i in step.attrs[-len(step.grads) :])
    return (step.which,)


def _add_contributions(graph: Graph, frame: Frame, number: dict[Node, int]) -> None:
    program = graph.program
    givers = Counter(x for step in _gradient_steps(program) for x in step.grads)
    givers.update(x for x in graph._walk._given if program.has_grad(x))
    for step in _gradient_steps(program):
        into = frame.contributions[number[step.node]]
        several = any(givers[x] > 1 for x in step.grads)
        arrays = _made_again(graph, step) if several else [program.grad(x) for x in step.grads]
        for i, array in zip(_operands(step), arrays, strict=True):
            into[i] = array.copy()


def _made_again(graph: Graph, step: Step) -> list[np.ndarray]:
    """Return what one gradient step makes, of each of its operands alone."""
    program, node = graph.program, step.node
    if step.which == JOINT:  # a gate, which may have one operand several times
        shapes = [program.grad(x).shape for x in step.grads]
        run = program.code.gate_runs[node]
        made: Any = run.backward(_operands(step), [program.grad(node).copy()], shapes)
        return [np.array(array, graph.dtype) for array in made]
    (target,) = step.grads
    gradient = program.grad(target)
    before = gradient.copy()
    gradient[...] = 0
    try:
        at = program.code.step_index[step]
        program.binding.run(at, at + 1, program.n_rows, seed=graph._seed, counter=graph._counter)
        return [gradient.copy()]
    finally:
        gradient[...] = before
