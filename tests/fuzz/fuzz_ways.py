"""Further ways in which a graph runs, to the same bits: on threads, and lean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import Graph, Parameter, ParamStore
from cnn_core._ext import core
from cnn_core.graph.lean import Lean
from cnn_core.run.threads import limit_threads, set_num_threads

if TYPE_CHECKING:
    from fuzz_check import Check


def need_same(who: str, one: Any, other: Any) -> None:
    assert np.asarray(one).tobytes() == np.asarray(other).tobytes(), f"{who}: other bits"


@contextmanager
def allowed_threads(n: int) -> Iterator[None]:
    limit_threads(n)
    try:
        yield
    finally:
        set_num_threads(None)


def need_bits_on_threads(check: Check, graph: Graph) -> None:
    """Divided among threads, forward and backward make the same bits."""
    reals = [v for v in check.case.values if v.node.dtype == "real"]
    before = {v: (graph.value(v.node), graph.grad(v.node)) for v in reals}
    _forget(check, graph)
    graph._runner = None  # the short way has one thread
    graph._lean._wanted = False
    graph._counter -= 1
    with allowed_threads(int(check.rng.integers(2, 5))):
        graph.forward(**check.case.feed)
        graph.backward({v.node: dy for v, dy in check.seeds.items()})
    check.seen["graphs on threads"] += graph.program.schedule is not None
    if core.gemm_mode() != "blas":
        for v in reals:
            need_same(f"{v.name} on threads", graph.value(v.node), before[v][0])
            need_same(f"gradient at {v.name} on threads", graph.grad(v.node), before[v][1])


def need_bits_when_lean(check: Check, graph: Graph) -> None:
    """Without keeping what nobody looks at: the same bits, also of what is made when somebody
    does, whatever has become of the parameters."""
    graph._lean = Lean(graph.program, graph._training, graph._seeds, graph._targets)
    if not graph._lean._wanted or core.gemm_mode() == "blas":
        return
    check.seen["lean"] += 1
    params, reals = graph.params, [v for v in check.case.values if v.node.dtype == "real"]
    seeds = {v.node: dy for v, dy in check.seeds.items()}
    before = {v: (graph.value(v.node), graph.grad(v.node)) for v in reals}
    late, made = check.rng.random() < 0.5, {}
    if check.rng.random() < 0.5:
        graph._lean._ways = [False]
    for lean in (True, False):
        if not lean:
            graph._lean._wanted = False
        start = {name: array.copy() for name, array in params.items()}
        graph._counter -= 1
        _forget(check, graph)
        with allowed_threads(int(check.rng.integers(1, 4))):
            outputs = graph.forward(**check.case.feed)
            if late:
                _move(params)
            found = graph.backward(seeds)
        if lean:
            moved = late and len(params) > 0
            assert graph._lean._missing or moved, "not lean"
        if not late:
            _move(params)
        grads = {name: array.copy() for name, array in params.grads.items()}
        now = {v: (graph.value(v.node), graph.grad(v.node)) for v in reals}
        for name, array in grads.items():
            need_same(f"gradient of {name} after a look", params.grads[name], array)
        for name, array in start.items():
            params[name][...] = array
        made[lean] = [*outputs, *found.values(), *(a for pair in now.values() for a in pair)]
        for v in reals if not late else ():
            if not isinstance(v.node, Parameter):
                need_same(f"{v.name}, lean: {lean}", now[v][0], before[v][0])
                need_same(f"gradient at {v.name}, lean: {lean}", now[v][1], before[v][1])
    for i, (one, other) in enumerate(zip(made[True], made[False], strict=True)):
        need_same(f"result {i}, lean", one, other)


def _forget(check: Check, graph: Graph) -> None:
    for v in check.case.values:
        if v.operands and v.node.dtype == "real":
            graph.program.value(v.node)[...] = np.nan
            if graph.program.has_grad(v.node):
                graph.program.grad(v.node)[...] = np.nan


def _move(params: ParamStore) -> None:
    for array in params.values():
        array[...] = np.abs(array) * 1.5 + 0.25
