"""Compiling takes time in proportion to the graph, whatever its shape."""

from __future__ import annotations

import gc
import time

import pytest

from cnn_core import Graph, Input, Parameter, ops
from cnn_core.run.program import Program


def stacked(n: int):
    return ops.mean(ops.stack([Input(f"x{i}") * 2.0 for i in range(n)]))


def joined(n: int):
    return ops.mean(ops.concat([Input(f"x{i}", (2,)) for i in range(n)]))


def parameters(n: int):
    return ops.mean(ops.stack([Parameter(f"p{i}", 1.0) for i in range(n)]))


def outputs(n: int):
    return [ops.tanh(Input(f"x{i}")) for i in range(n)]


def parts(n: int):
    return ops.split(ops.tanh(Input("x", (n,))), n)


def slices(n: int):
    x = ops.tanh(Input("x", (n,)))
    return ops.mean(ops.stack([x[i] * 2.0 for i in range(n)]))


def compile_all(build, n: int) -> None:
    """Build and compile for every purpose."""
    graph = Graph(build(n))
    assert graph.program.n_steps
    Program(graph.outputs, graph.params, seeds=graph.outputs[:1], targets=graph._targets)


def walk(build, n: int) -> None:
    """Go through the graph node by node."""
    graph = Graph(build(n))
    graph.feed(**{i.name: [1.0] * i.shape[0] if i.shape else 1.0 for i in graph._inputs.values()})
    nodes = graph.nodes_topologically_sorted()
    for node in nodes:
        graph.forward_node(node)
    for node in reversed(nodes):
        graph.backward_node(node)
        graph.grad(node)


def ratio(what, build) -> float:
    """Return how many times as long four times the nodes take."""
    seconds = []
    gc.collect()
    gc.disable()  # it would count for more and more
    try:
        for n in (400, 400, 1600, 1600):
            start = time.process_time()
            what(build, n)
            seconds.append(time.process_time() - start)
    finally:
        gc.enable()
    return min(seconds[2:]) / min(seconds[:2])


@pytest.mark.parametrize("build", [stacked, joined, parameters, outputs, parts, slices])
def test_four_times_the_operands_take_about_four_times_as_long(build):
    assert ratio(compile_all, build) < 8  # in proportion to the square it would be 16


def test_walking_through_four_times_the_nodes_takes_about_four_times_as_long():
    assert ratio(walk, outputs) < 8


@pytest.mark.parametrize("op", [ops.stack, ops.concat])
def test_a_gradient_of_joined_operands_knows_none_of_them(op):
    graph = Graph(ops.sum(op([Input(f"x{i}", (2,)) for i in range(50)])))
    gradients = [s for s in graph.program.lowered.backward if s.op == op.__name__]
    assert len(gradients) == 50
    assert sum(len(s.operands) for s in gradients) == 150
