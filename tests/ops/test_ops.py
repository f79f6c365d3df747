"""Every case of every operation: both dtypes, several batch sizes and scales; in pieces."""

from __future__ import annotations

import numpy as np
import pytest
from bench import Bench
from cases import CASES
from faults.build import Splitter, compile_splitter, compiler
from harness import check_op, check_split
from more_cases import MORE_CASES
from numeric import is_batched

from cnn_core import BATCH, Graph, Input, ops

ALL = {**CASES, **MORE_CASES}
DTYPES = ("float32", "float64")
ROWS = (1, 2, 5, 8, 17)


def sizes(name: str, dtype: str, *, usual: bool) -> list[tuple[int, float]]:
    """Return the numbers of rows and the scales for a case: the usual ones, or all others."""
    batched = any(is_batched(spec) for spec in ALL[name].inputs.values())
    return [(rows, scale) for rows in (ROWS if batched else ROWS[:2]) for scale in ALL[name].scales
            if usual == (dtype == "float64" or rows in (2, 17))]  # fmt: skip


def check_sizes(name: str, dtype: str, of: list[tuple[int, float]]) -> None:
    for rows, scale in of:
        try:
            check_op(ALL[name], dtype, rows, scale)
        except AssertionError as error:
            raise AssertionError(f"{name}, {dtype}, {rows} rows, {scale:g}: {error}") from error


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_operation(name, dtype):
    check_sizes(name, dtype, sizes(name, dtype, usual=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in ALL if sizes(n, "float32", usual=False)])
def test_operation_at_other_sizes(name):
    check_sizes(name, "float32", sizes(name, "float32", usual=False))


@pytest.fixture(scope="module")
def splitter(made_once):
    if compiler() is None:
        pytest.skip("there is no C compiler")
    return Splitter(made_once("split.so", compile_splitter))


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
