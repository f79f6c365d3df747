"""Every operation states the types of its operands; others are refused when a node is made."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES

import cnn_core as cnn
from cnn_core import BATCH, Input, ops
from cnn_core.errors import DtypeError
from cnn_core.ir.node import Node

WITH_MORE = {  # operands that may be left out, and of operations without a case
    "row_mean": lambda x, w: ops.row_mean(x, w),
    "softmax_cross_entropy": lambda x, w: ops.softmax_cross_entropy(
        Input("z", (BATCH, 3)), Input("t", (BATCH,), "int32"), weight=w),
    "metric_mean": lambda x, w: ops.metric_mean(x, w),
    "label_weight": lambda x, w: ops.label_weight(Input("t", (BATCH,), "int32"), w,
                                                  ignore_index=0),
    "dense": lambda x, w: ops.dense(Input("a", (2, 3)), Input("b", (3, 4)), Input("c", (4,))),
    "random_normal": lambda x, w: ops.random_normal((2,)),
    "random_uniform": lambda x, w: ops.random_uniform((2,)),
    "dropout": lambda x, w: ops.dropout(x),
    "gaussian_noise": lambda x, w: ops.gaussian_noise(x, 1.0),
    "row_coef": lambda x, w: ops.row_coef(w),
    "weight_grad": lambda x, w: ops.weight_grad([(Input("a", (2, 3)), Input("b", (2, 4)))]),
}  # fmt: skip


def made_by(case) -> list[Node]:
    """The nodes that a case is made of, but for its inputs."""
    found, stack = [], [case.build(**{n: node_of(n, s) for n, s in case.inputs.items()})]
    while stack:
        node = stack.pop()
        if node.op:
            found.append(node)
            stack.extend(node.inputs)
    return found


def node_of(name: str, spec: tuple) -> Input:
    kind = spec[0] if spec and isinstance(spec[0], str) else "rows"
    if kind in ("labels", "index"):
        return Input(name, (BATCH, *(spec[2] if kind == "index" else ())), "int32")
    if kind == "unbatched":
        return Input(name, spec[1])
    shape = {"rows": spec, "distribution": spec[1:2], "weight": ()}.get(kind)
    return Input(name, (BATCH, *(spec[1] if shape is None else shape)))


def again(node: Node, at: int, dtype: str) -> Node:
    """Make ``node`` anew with another dtype at operand ``at``."""
    other = Input("other", node.inputs[at].shape)
    other.__dict__["dtype"] = dtype
    inputs = [*node.inputs[:at], other, *node.inputs[at + 1 :]]
    built_in = ("inputs", "name", "group", "dtype", "shape", "saved", "saved_dtype")
    fields = {k: v for k, v in vars(node).items() if k not in built_in and k[0] != "_"}
    return type(node)(tuple(inputs), **fields)


def all_made() -> dict[str, Node]:
    """One node of each operation, that with the most operands."""
    x, w = Input("x", (BATCH,)), Input("w", (BATCH,))
    nodes = [n for case in CASES.values() for n in made_by(case)]
    nodes += [build(x, w) for build in WITH_MORE.values()]
    found: dict[str, Node] = {}
    for node in nodes:
        if node.op not in found or len(node.inputs) > len(found[node.op].inputs):
            found[node.op] = node
    return found


NODES = all_made()


def test_every_operation_is_among_them():
    assert set(ops.__all__) <= set(NODES)


@pytest.mark.parametrize("op", ops.__all__)
def test_an_operand_of_a_type_that_the_operation_does_not_state_is_refused(op):
    node = NODES[op]
    for at in range(len(node.inputs)):
        stated = node.operand_dtypes[min(at, len(node.operand_dtypes) - 1)]
        for dtype in ("real", "int32", "float64"):
            if dtype == stated or (stated == "any" and dtype != "float64"):
                continue
            with pytest.raises(DtypeError, match=rf"^{op}: need .*; got other with dtype {dtype}$"):
                again(node, at, dtype)


@pytest.mark.parametrize("at", range(3))
def test_dense_of_integers_is_refused(at):
    operands = [Input("x", (2, 3)), Input("w", (3, 3)), Input("b", (3,))]
    operands[at] = Input("i", operands[at].shape, "int32")
    with pytest.raises(DtypeError, match="dense: need real numbers; got i with dtype int32"):
        ops.dense(*operands)


def test_sums_of_a_metric_are_no_operand():
    sums = ops.metric_mean(Input("x", (BATCH,)))
    with pytest.raises(DtypeError, match="mul: need real numbers; got metric_mean with dtype floa"):
        sums * 2.0

    class Identity(cnn.Gate):
        def forward(self, x):
            return np.array(x)

    with pytest.raises(DtypeError, match="Identity: need real or int32 numbers; got metric_mean"):
        Identity(sums)
