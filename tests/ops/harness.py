"""check_op: everything that must hold for every operation.

- The value agrees with the NumPy reference, and gradients with its central differences.
- A kernel writes what it should, all of it, and nothing else, whatever the batch.
- It reads only what its node says it reads.
- Gradients are written or added as the step says.
- A row does not depend on the other rows; step by step gives the bits of the whole plan.
- A loss and its gradient in one pass agree with the two apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from bench import Bench, Patch, is_metric
from more_cases import RUN
from numeric import Arrays, as_reference, derivatives, draw_inputs, is_batched
from op_case import OpCase

from cnn_core import ops
from cnn_core._ext.core import PRODUCTS
from cnn_core.ir.node import Input, Node, Parameter

if TYPE_CHECKING:
    from faults.build import Splitter

RTOL = {"float32": 2e-5, "float64": 1e-12}
GRADIENT_RTOL = {"float32": 2e-5, "float64": 1e-6}
UNUSED_ROWS = 3


def norm(x: np.ndarray) -> float:
    return float(np.sqrt(np.sum(x * x)))


def assert_near(who: str, actual: Any, expected: Any, rtol: float, scale: float = 0.0) -> None:
    """Raise unless |actual - expected| <= rtol (|expected| + the largest |expected| + scale)."""
    tiny = np.finfo(np.asarray(actual).dtype).tiny  # smaller numbers are flushed to 0
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, f"{who}: shape {actual.shape}, not {expected.shape}"
    bound = rtol * (np.abs(expected) + np.abs(expected).max() + scale) + tiny
    bad = np.argwhere(~(np.abs(actual - expected) <= bound))
    if len(bad):
        at = tuple(map(int, bad[0]))
        raise AssertionError(f"{who}: {actual[at]!r} instead of {expected[at]!r} at {at}, one of "
                             f"{len(bad)} wrong of {actual.size}")  # fmt: skip


def assert_same_bits(who: str, one: Arrays, other: Arrays) -> None:
    for key, value in one.items():
        assert value.tobytes() == other[key].tobytes(), f"{who}: {key} differs"


def check_op(case: OpCase, dtype: str, rows: int, scale: float = 1.0, *, seed: int = 0,
             patch: Patch | None = None) -> None:  # fmt: skip
    """Raise `AssertionError` unless the operation of ``case`` does all that the module says.

    Odd ``rows`` make the unbatched inputs parameters, even ones inputs.
    """
    rng = np.random.default_rng([seed, rows])
    x = draw_inputs(case, rows, scale, rng, dtype)
    bench = Bench(case, dtype, rows + UNUSED_ROWS, rng, patch=patch,
                  unbatched=Parameter if rows % 2 else Input)  # fmt: skip
    bench.feed(x)
    point = as_reference(x)
    expected = np.asarray(case.reference(**point), np.float64)
    dy = rng.standard_normal(expected.shape).astype(dtype)

    bench.poison(dy)
    bench.run_watched()
    found = bench.results()
    # Sums in float64 are exact to float64 whatever the data are.
    assert_near("value", found["value"], expected, RTOL[str(found["value"].dtype)])
    _check_gradients(bench, point, found, dy, dtype)
    _check_whole_plan(bench, found, dy)
    _check_accumulate(bench, found, dy, dtype)
    _check_value_adds(bench, found, dtype)
    _check_rows_alone(bench, x, found, dy)
    _check_fused_loss(bench, x, dtype)
    if is_metric(bench.out):
        _check_sums(bench, x, scale)


def _check_gradients(bench: Bench, point: Arrays, found: Arrays, dy: np.ndarray,
                     dtype: str) -> None:  # fmt: skip
    case, eps = bench.case, np.finfo(np.float64).eps
    weights = dy.astype(np.float64)

    def f(at: Arrays) -> float:
        return float(np.sum(weights * case.reference(**at)))

    size = float(np.sum(np.abs(weights * case.reference(**point))))
    for name in bench.targets:
        g = found[f"d{name}"].astype(np.float64)
        assert np.isfinite(g).all(), f"gradient of {name}: not finite or not written"
        if case.inputs[name] == ("weight",) and point[name].sum() == 0:
            continue  # the mean jumps there
        for _ in range(3):
            v = bench.rng.standard_normal(g.shape)
            v /= norm(v)
            analytic = float(np.sum(g * v))
            # What rounding does to slopes of the size of 1 - y, and to the differences.
            least = GRADIENT_RTOL[dtype] * 0.1 * norm(g)
            least += 4 * np.finfo(dtype).eps * norm(weights)
            noise = 10 * eps * (size + np.sum(np.abs(g * point[name])))
            off = []
            for numeric, h in derivatives(case, point, name, v, f):
                allowed = GRADIENT_RTOL[dtype] * abs(numeric) + noise / h
                off.append(abs(analytic - numeric) - allowed)
                if off[-1] <= least:
                    break
            assert min(off) <= least, f"gradient of {name}: {analytic!r} is off by {min(off):.3g}"


def _check_whole_plan(bench: Bench, found: Arrays, dy: np.ndarray) -> None:
    bench.poison(dy)
    bench.program.run_forward(**RUN)
    bench.program.run_backward(**RUN)
    assert_same_bits("whole plan against step by step", bench.results(), found)


def _check_accumulate(bench: Bench, found: Arrays, dy: np.ndarray, dtype: str) -> None:
    """Every gradient step adds where it is told to, to whatever there was."""
    kept = [step.accumulate for step in bench.program.lowered.backward]
    for step in bench.program.lowered.backward:
        step.accumulate = True
    bench.rebuild()
    for _ in range(2):
        bench.poison(dy)
        start = {}
        for buffer in {s.operands[-1]: None for s in bench.program.lowered.backward}:
            if buffer is bench.program.lowered.grad[bench.out]:
                continue
            view = bench.program.view(buffer)
            is_target = any(buffer is bench.program.lowered.grad[n] for n in bench.targets.values())
            view[...] = bench.rng.standard_normal(view.shape) if is_target else 0
            start[buffer.source.name] = view.astype(np.float64)
        bench.run_watched()
        now = bench.results()
        for k in bench.targets:
            g = found[f"d{k}"].astype(np.float64)
            assert_near(f"accumulated gradient of {k}", now[f"d{k}"], start[k] + g, RTOL[dtype],
                        np.abs(g).max() + np.abs(start[k]).max())  # fmt: skip
    for step, flag in zip(bench.program.lowered.backward, kept, strict=True):
        step.accumulate = flag
    bench.rebuild()


def _check_value_adds(bench: Bench, found: Arrays, dtype: str) -> None:
    """The value of a case that says so is added, to whatever there was."""
    if not bench.case.adds:
        return
    step = bench.program.lowered.forward[-1]
    step.accumulate = 1
    bench.rebuild()
    for _ in range(2):
        bench.poison(None)
        value = bench.program.value(bench.out)
        start = value[...] = bench.rng.standard_normal(value.shape)
        bench.run_watched()
        assert_near("added value", value, start + found["value"], RTOL[dtype], 1.0)
    step.accumulate = 0
    bench.rebuild()


def _check_rows_alone(bench: Bench, x: Arrays, found: Arrays, dy: np.ndarray) -> None:
    """A row has the same bits alone as among others (products: nearly the same)."""
    ops = [n for n in bench.program.nodes if n.inputs]
    if not bench.out.batched or not all(n.rowwise and n.batched for n in ops):
        return
    if any(n.draws for n in bench.program.nodes):
        return  # random numbers depend on the place in the batch
    for r in {0, len(dy) - 1}:
        one = {k: a[r : r + 1] if is_batched(bench.case.inputs[k]) else a for k, a in x.items()}
        bench.feed(one)
        bench.poison(dy[r : r + 1])
        bench.program.run_forward(**RUN)
        bench.program.run_backward(**RUN)
        for key, value in bench.results().items():
            if key != "value" and not is_batched(bench.case.inputs[key[1:]]):
                continue
            _same_or_near(f"row {r} alone: {key}", bench, value, found[key][r : r + 1])
    bench.feed(x)


def _check_fused_loss(bench: Bench, x: Arrays, dtype: str) -> None:
    """The mean of a loss: value and gradient in one pass are those of two passes."""
    loss = bench.out
    if not getattr(loss, "has_fused_loss", False):
        return
    first = next(iter(bench.nodes))

    def mean(**nodes: Node) -> Node:
        weight = nodes.pop("fused_weight")
        return ops.row_mean(bench.case.build(**nodes), weight)

    case = replace(bench.case, build=mean, gradient=frozenset([first]),
                   inputs={**bench.case.inputs, "fused_weight": ("weight",)})  # fmt: skip
    rows = len(x[first])
    weight = bench.rng.uniform(0.1, 2, rows).astype(dtype)
    found = []
    for keep_all in (True, False):
        one = Bench(case, dtype, rows + UNUSED_ROWS, bench.rng, keep_all=keep_all,
                    patch=bench.patch)  # fmt: skip
        one.feed({**x, "fused_weight": weight})
        fused = any(step.which == -2 for step in one.steps)
        assert fused is not keep_all, "the loss head was to be fused, or not to be"
        one.poison(np.ones(()))
        one.run_watched()
        found.append(one.results())
    for key in found[0]:
        assert_near(f"fused loss: {key}", found[1][key], found[0][key], RTOL[dtype])


def _check_sums(bench: Bench, x: Arrays, scale: float) -> None:
    """A metric over two batches is the metric over all rows."""
    rows = len(next(iter(x.values())))
    bench.poison(None)
    bench.program.run_forward(**RUN)
    more = draw_inputs(bench.case, rows, scale, bench.rng, bench.program.dtype)
    bench.feed(more)
    bench.program.run_forward(**RUN)
    both = {k: np.concatenate([x[k], more[k]]) for k in x}
    expected = bench.case.reference(**as_reference(both))
    assert_near("sums of two batches", bench.results()["value"], expected, RTOL["float64"])


def check_split(case: OpCase, dtype: str, rows: int, splitter: Splitter, *, seed: int = 0,
                patch: Patch | None = None) -> None:  # fmt: skip
    """Raise unless steps that may be divided give the same whether they are or not."""
    rng = np.random.default_rng([seed, rows])
    x = draw_inputs(case, rows, 1.0, rng, dtype)
    bench = Bench(case, dtype, rows + UNUSED_ROWS, rng, patch=patch)
    bench.feed(x)
    dy = rng.standard_normal(np.shape(case.reference(**as_reference(x)))).astype(dtype)
    bench.poison(dy)
    bench.run_watched()
    whole = bench.results()
    for piece in (1, 3):
        bench.poison(dy)
        splitter.run(
            bench.program, piece,
            lambda first, last: bench.program.binding.run(first, last, bench.program.n_rows, **RUN),
        )  # fmt: skip
        for key, value in bench.results().items():
            _same_or_near(f"in pieces of {piece}: {key}", bench, value, whole[key])


def _same_or_near(who: str, bench: Bench, one: np.ndarray, other: np.ndarray) -> None:
    """Products may be added up in another order; all else has the same bits, but for -0."""
    if any(n.op in PRODUCTS for n in bench.program.nodes):
        assert_near(who, one, other, RTOL[str(one.dtype)], np.abs(other).max())
    else:
        assert np.array_equal(one, other), f"{who} differs"
