"""Random graphs of all operations agree with float64 NumPy, in every way that runs them.

``fuzz_values`` says what a graph is made of, ``fuzz_case`` how one is drawn, ``fuzz_check`` in
which ways it runs; the other files have a rule for each operation.  A message names the seed:
``python tests/fuzz/fuzz.py SEED`` prints and checks that graph.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_case import draw_case
from fuzz_check import check_all
from fuzz_values import RULES, Draw

from cnn_core import ops
from cnn_core._ext import core

OTHERS = [name for name in core.simd_names() if name != core.simd()]
FUZZ = Path(__file__).with_name("fuzz.py")
GRAPHS, BLOCK = 1000, 250

KINDS = """
float32 float64 training inference steps aliases
by_whole by_rows by_units by_columns other_rows_before
in_blocks block_memory
graphs_on_threads lean
added_gradients gradients_in_place joint_gradients fused_activations fused_losses shared_weights
"""
"""What every block of graphs has to exercise."""


@pytest.fixture(autouse=True)
def _warnings(recwarn):
    """More threads than cores warn."""


@pytest.mark.parametrize("first", range(0, GRAPHS, BLOCK))
def test_random_graphs(first):
    seen = check_all(first, first + BLOCK)
    assert [kind for kind in KINDS.split() if not seen[kind.replace("_", " ")]] == []
    assert [op for op in ops.__all__ if not seen[op]] == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 24_000, 500))
def test_very_many_random_graphs(first):
    check_all(first, first + 500)


def run(first: int, last: int, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(FUZZ), str(first), str(last)], text=True,
                          env={**os.environ, **environment}, capture_output=True)  # fmt: skip


@pytest.mark.parametrize("simd", OTHERS)
def test_random_graphs_on_other_instruction_sets(simd):
    done = run(3000, 3100, CNN_CORE_SIMD=simd)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.slow
@pytest.mark.parametrize("simd", OTHERS)
def test_many_random_graphs_on_other_instruction_sets(simd):
    done = run(4000, 5500, CNN_CORE_SIMD=simd)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.slow
def test_many_random_graphs_with_products_by_blas():
    done = run(7000, 7700, CNN_CORE_GEMM="blas")
    assert done.returncode == 0, done.stderr[-4000:]


def test_every_operation_has_a_rule():
    """How it is drawn, its value and its gradients: see `fuzz_values.Rule`."""
    assert {rule.op for rule in RULES.values()} - {"gate"} == set(ops.__all__)


def test_some_graphs_have_products_of_many_rows_with_few_columns():
    """Such were wrong where all tests were small."""
    large = [seed for seed in range(GRAPHS) if Draw(seed).large]
    products = [v for seed in large for v in draw_case(seed).values if v.rule and v.rule.chain]
    shapes = [(v.operands[0].runs[0].shape, v.runs[0].shape[-1:]) for v in products]
    assert sum(x[0] > 3000 and x[-1] > 20 and y <= (16,) for x, y in shapes) >= 3


def test_a_seed_always_gives_the_same_graph():
    for seed in range(20):
        one, other = draw_case(seed), draw_case(seed)
        assert str(one) == str(other)
        assert [v.runs[0].tobytes() for v in one.values] == [
            v.runs[0].tobytes() for v in other.values
        ]
