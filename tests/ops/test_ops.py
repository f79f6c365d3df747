"""Every case of every operation: both dtypes, several batch sizes and scales; in pieces."""

from __future__ import annotations

import os

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
ONE_SCALE = "CNN_CORE_ONE_SCALE" in os.environ
"""Where every access to memory is watched: other numbers touch the same."""


def sizes(name: str, dtype: str, *, usual: bool) -> list[tuple[int, float]]:
    """Return the numbers of rows and the scales for a case: the usual ones, or all others.

    Usual are, at the first scale, all numbers of rows in float64 and an even and an odd one in
    float32; at others, where no other memory is touched, fewer.
    """
    batched = any(is_batched(spec) for spec in ALL[name].inputs.values())
    scales = ALL[name].scales
    found = []
    for rows in ROWS if batched else ROWS[:2]:
        for scale in scales[:1] if ONE_SCALE else scales:
            often = (2, 17) if dtype == "float32" else ROWS
            seldom = (2, 17) if not batched else (17,) if dtype == "float32" else (5, 17)
            if usual == (rows in (often if scale == scales[0] else seldom)):
                found.append((rows, scale))
    return found


def check_sizes(name: str, dtype: str, of: list[tuple[int, float]]) -> None:
    for rows, scale in of:
        try:
            check_op(ALL[name], dtype, rows, scale)
        except AssertionError as error:
            raise AssertionError(f"{name}, {dtype}, {rows} rows, {scale:g}: {error}") from error


@pytest.mark.parametrize("name", ALL)
def test_operation(name):
    for dtype in DTYPES:
        check_sizes(name, dtype, sizes(name, dtype, usual=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_operation_at_other_sizes(name):
    for dtype in DTYPES:
        check_sizes(name, dtype, sizes(name, dtype, usual=False))


@pytest.fixture(scope="module")
def splitter(made_once):
    if compiler() is None:
        pytest.skip("there is no C compiler")
    return Splitter(made_once("split.so", compile_splitter))


@pytest.mark.parametrize("name", ALL)
def test_operation_in_pieces(name, splitter):
    for dtype in DTYPES:
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
