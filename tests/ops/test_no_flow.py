"""Where dy is 0, and in rows that count nothing, no operand matters: not even NaN or infinity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bench import Bench, leaf
from cases import CASES
from loss_cases import CROSS_ENTROPY, LOSSES
from metric_cases import METRICS
from more_cases import MORE_CASES, RUN
from numeric import draw_inputs, is_batched

from cnn_core import BATCH, Graph, Input, ops
from cnn_core._ext.core import PRODUCTS
from cnn_core.ir.order import topological_order

ALL = {**CASES, **MORE_CASES}
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, np.inf, -np.inf, np.nan]
ROWS, DTYPES = 17, ("float32", "float64")

SUMS = PRODUCTS | {"circular_convolution"}
"""Products add up many terms and look at none of them: 0 times infinity is NaN there."""

BOUNDED = {"tanh", "sigmoid", "silu", "mish", "gelu", "elu", "selu", "softplus", "abs"}
"""Their slopes are finite at every number, infinities included; only a NaN stays a NaN."""


def operations(case):
    nodes = {k: leaf(k, spec, Input) for k, spec in case.inputs.items()}
    return [n for n in topological_order([case.build(**nodes)]) if n.inputs]


OPERATIONS = {name: operations(case) for name, case in ALL.items()}
KINDS = {name: {n.op for n in nodes} for name, nodes in OPERATIONS.items()}
FLOWS = {name: case for name, case in ALL.items() if case.gradient and not KINDS[name] & SUMS}
ON_ROWS = [name for name in FLOWS if all(n.rowwise and n.batched for n in OPERATIONS[name])]


def spoil(x, rng, *, nan=True, rows=..., spare=()):
    """Return ``x`` with edges in the place of real numbers, in the given rows."""
    edges = EDGES if nan else EDGES[:-1]
    found = {k: np.array(a) for k, a in x.items()}
    for k, a in found.items():
        if a.dtype.kind == "f" and k not in spare:
            a[rows] = rng.choice(edges, a[rows].shape)
    return found


def run(bench, x, dy):
    bench.feed(x)
    bench.poison(dy)
    bench.program.run_forward(**RUN)
    bench.program.run_backward(**RUN)
    return bench.results()


@pytest.mark.parametrize("name", FLOWS)
def test_where_dy_is_0_the_gradient_is_0_whatever_the_slope(name):
    case, rng = FLOWS[name], np.random.default_rng(3)
    nan = not KINDS[name] & BOUNDED
    for dtype in DTYPES:
        bench = Bench(case, dtype, ROWS, rng)
        x = draw_inputs(case, ROWS, 1.0, rng, dtype)
        for _ in range(4):
            for key, value in run(bench, spoil(x, rng, nan=nan), 0.0).items():
                assert key == "value" or not value.any(), (key, dtype)


@pytest.mark.parametrize("name", ON_ROWS)
def test_rows_whose_dy_is_0_add_nothing_to_any_gradient(name):
    for dtype in DTYPES:
        check_dead_rows(name, dtype)


def check_dead_rows(name, dtype):
    case, rng = FLOWS[name], np.random.default_rng(4)
    bench = Bench(case, dtype, ROWS, rng)
    nan = not KINDS[name] & BOUNDED
    x = draw_inputs(case, ROWS, 1.0, rng, dtype)
    dy = rng.standard_normal(bench.program.view(bench.program.lowered.grad[bench.out]).shape)
    dead = np.arange(ROWS) % 3 == 1
    dy[dead] = 0
    single = [k for k, spec in case.inputs.items() if not is_batched(spec)]
    expected = run(bench, x, dy)
    found = run(bench, spoil(x, rng, nan=nan, rows=dead, spare=single), dy)
    for key, value in found.items():
        if key != "value":
            np.testing.assert_array_equal(value, expected[key], err_msg=f"{key}, {dtype}")


# -- rows that count nothing --------------------------------------------------------------------


PER_ROW = {name: case for name, case in {**LOSSES, **CROSS_ENTROPY}.items()
           if getattr(operations(case)[-1], "has_fused_loss", False)}  # fmt: skip


def weighted_mean(case):
    """Return the case of the weighted mean of a loss per row."""

    def build(row_weight, **nodes):
        return ops.row_mean(case.build(**nodes), row_weight)

    return replace(case, build=build, kink=None, inputs={**case.inputs, "row_weight": ("weight",)},
                   gradient=frozenset([next(iter(case.inputs))]))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", PER_ROW)
def test_a_row_of_weight_0_adds_nothing_to_a_loss(name, fused, dtype):
    case, rng = weighted_mean(PER_ROW[name]), np.random.default_rng(5)
    bench = Bench(case, dtype, 40, rng, keep_all=not fused)
    assert any(step.which == -2 for step in bench.steps) is fused
    x = draw_inputs(case, 40, 1.0, rng, dtype)
    expected = run(bench, x, 1.0)
    found = run(bench, spoil(x, rng, rows=x["row_weight"] == 0, spare=["row_weight"]), 1.0)
    assert np.isfinite(expected["value"])
    for key, value in found.items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


WEIGHTED = {k: c for k, c in METRICS.items() if ("weight",) in c.inputs.values()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WEIGHTED)
def test_a_row_of_weight_0_adds_nothing_to_a_metric(name, dtype):
    case, rng = WEIGHTED[name], np.random.default_rng(6)
    bench = Bench(case, dtype, 40, rng)
    x = draw_inputs(case, 40, 1.0, rng, dtype)
    (weight,) = (k for k, spec in case.inputs.items() if spec == ("weight",))
    expected = run(bench, x, None)["value"]
    assert np.isfinite(expected).all()
    for _ in range(3):
        junk = spoil(x, rng, rows=x[weight] == 0, spare=[weight])
        np.testing.assert_array_equal(run(bench, junk, None)["value"], expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [3, 100])  # in lanes, and along a row
def test_an_ignored_row_adds_nothing_whatever_its_logits_and_weight(classes, dtype):
    rng = np.random.default_rng(7)
    z, t = Input("z", (BATCH, classes)), Input("t", (BATCH,), "int32")
    w = Input("w", (BATCH,))
    loss = ops.softmax_cross_entropy(z, t, weight=w, ignore_index=-1)
    graph = Graph(loss, dtype=dtype)
    x = {"z": rng.standard_normal((30, classes)), "w": rng.uniform(0.5, 2, 30),
         "t": rng.integers(0, classes, 30).astype(np.int32)}  # fmt: skip
    x["t"][::3] = -1
    value = graph.forward(**x)
    expected = graph.backward()
    found = {k: a.copy() for k, a in x.items()}
    found["z"][::3], found["w"][::3] = rng.choice(EDGES, (10, classes)), np.nan
    assert graph.forward(**found) == value
    for key, gradient in graph.backward().items():
        np.testing.assert_array_equal(gradient, expected[key])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_of_rows_that_all_count_nothing_is_nan_and_its_gradient_0(dtype):
    rows, w = Input("rows", (BATCH,)), Input("w", (BATCH,))
    graph = Graph(ops.row_mean(rows, w), dtype=dtype)
    assert np.isnan(graph.forward(rows=np.array([1.0, np.nan, np.inf]), w=np.zeros(3)))
    assert not graph.backward()["rows"].any()
    assert not graph.grad("w").any()
