"""Long steps are cut into pieces, between which Ctrl-C is answered."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Input, Parameter, ops
from cnn_core.compile.schedule import pieces
from cnn_core.compile.steps import UNITS, WHOLE
from cnn_core.ir.order import parameters_of
from cnn_core.run.program import Program
from cnn_core.state.params import ParamStore


def compiled(build, rows: int) -> Program:
    out = build()
    nodes = parameters_of([out])
    return Program([out], ParamStore(nodes, "float32"), max_batch=rows, seeds=[out],
                   targets=nodes, keep_all=True)  # fmt: skip


def products() -> object:
    w = Parameter("w", np.zeros((1024, 1024)))
    h = ops.matmul(ops.dense(Input("x", (BATCH, 1024)), w), Parameter("v", np.zeros((1024, 512))))
    return ops.sum(ops.tanh(h))


def batch_of_products() -> object:
    a, b = Input("a", (BATCH, 250, 250)), Input("b", (BATCH, 250, 250))
    w = Parameter("w", np.zeros((250, 250)))
    return ops.sum(ops.matmul(ops.matmul(a, w), b))


@pytest.mark.parametrize("build", [products, batch_of_products])
def test_pieces_of_products_have_some_ten_milliseconds_of_work_but_no_few_rows(build):
    program = compiled(build, 4000)
    found = pieces(program.steps, 4000, program.flop)
    for step, n in zip(program.steps, found, strict=True):
        if step.split == WHOLE:
            assert n == 0
        elif step.op in ("dense", "matmul"):
            assert n % 16 == 0
            assert n >= (128 if step.split == UNITS else 192)
            assert n <= 1024


def test_short_runs_have_none():
    program = compiled(products, 4)
    assert pieces(program.steps, 4, program.flop) is None
