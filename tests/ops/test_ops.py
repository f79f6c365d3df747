"""Every case of every operation: both dtypes, several batch sizes and scales; in pieces."""

from __future__ import annotations

import numpy as np
import pytest
from bench import Bench
from cases import CASES
from faults.build import Splitter, compiler
from harness import check_op, check_split
from more_cases import MORE_CASES
from numeric import is_batched

from cnn_core import BATCH, Graph, Input, ops

ALL = {**CASES, **MORE_CASES}
ROWS = (1, 2, 5, 8, 17)


def _runs():
    for name, case in ALL.items():
        batched = any(is_batched(spec) for spec in case.inputs.values())
        for dtype in ("float32", "float64"):
            for scale in case.scales:
                for rows in ROWS if batched else ROWS[:2]:
                    usual = dtype == "float64" or rows in (2, 17)
                    yield pytest.param(
                        name, dtype, rows, scale, id=f"{name}-{dtype}-{rows}-{scale:g}",
                        marks=() if usual else pytest.mark.slow,
                    )  # fmt: skip


@pytest.mark.parametrize(("name", "dtype", "rows", "scale"), list(_runs()))
def test_operation(name, dtype, rows, scale):
    check_op(ALL[name], dtype, rows, scale)


@pytest.fixture(scope="module")
def splitter(tmp_path_factory):
    if compiler() is None:
        pytest.skip("there is no C compiler")
    return Splitter(tmp_path_factory.mktemp("split"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_operation_in_pieces(name, dtype, splitter):
    check_split(ALL[name], dtype, 17, splitter)


SELU_AT_0 = 1.0507009873554805 * 1.6732632423543772
KINKS = {
    "relu": (lambda x: ops.relu(x), 0.0, 0.0),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.3), 0.0, 0.3),
    "elu": (lambda x: ops.elu(x, 0.5), 0.0, 0.5),
    "selu": (lambda x: ops.selu(x), 0.0, SELU_AT_0),
    "mae": (lambda x: ops.mae(x, x * 0.0, reduction="none"), 0.0, 0.0),
    "hinge": (lambda x: ops.hinge(x, x * 0.0 + 1.0, reduction="none"), 1.0, 0.0),
    "pinball": (lambda x: ops.pinball(x, x * 0.0, 0.3, reduction="none"), 0.0, 0.0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KINKS)
def test_the_subgradient_at_a_kink_is_the_documented_one(name, dtype):
    build, place, slope = KINKS[name]
    graph = Graph(build(Input("x", (BATCH, 1))), dtype=dtype)
    rows = np.shape(graph.forward(x=np.full((17, 1), place)))
    dx = graph.backward(np.ones(rows))["x"]
    np.testing.assert_allclose(dx, np.full((17, 1), slope), rtol=1e-6)


FOR_GRAPHS = """
add sub mul div neg power square sqrt abs exp log log1p reciprocal maximum minimum clip where
greater greater_equal less less_equal equal not_equal sum mean max min logsumexp norm matmul outer
transpose reshape concat stack split slice take cumsum softmax log_softmax cosine_similarity
circular_convolution scale shift
"""


def test_the_operations_for_graphs_exist():
    assert set(FOR_GRAPHS.split()) <= set(ops.__all__)


def test_every_operation_has_a_case():
    tested = set()
    for case in ALL.values():
        bench = Bench(case, "float64", 1, np.random.default_rng(0))
        tested |= {node.op for node in bench.program.nodes}
    assert tested >= set(ops.__all__)
