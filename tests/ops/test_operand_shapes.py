"""Operands of any shapes: a node or an error of the package, and what is made can run."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from test_operand_dtypes import NODES

from cnn_core import BATCH, Graph, Input, ops
from cnn_core.errors import CnnCoreError
from cnn_core.ir.node import Node
from cnn_core.ir.shapes import with_rows

SHAPES = [(), (1,), (3,), (BATCH,), (BATCH, 1), (BATCH, 3), (3, 3), (BATCH, 3, 3), (1, 3, 3),
          (BATCH, 1, 3)]  # fmt: skip
ROWS, MOST = 2, 200


def rebuilt(node: Node, shapes: tuple, axis: int | None) -> Node:
    inputs = [Input(f"i{k}", shape, x.dtype)
              for k, (x, shape) in enumerate(zip(node.inputs, shapes, strict=False))]  # fmt: skip
    built_in = ("inputs", "name", "group", "dtype", "shape", "saved", "saved_dtype", "rowwise")
    fields = {k: v for k, v in vars(node).items() if k not in built_in and k[0] != "_"}
    if axis is not None:
        fields["axis"] = axis
    return type(node)(tuple(inputs), **fields)


def combinations(n: int) -> list[tuple]:
    """All combinations of shapes for ``n`` operands, or some of them."""
    if n < 3:
        return list(product(SHAPES, repeat=n))
    rng = np.random.default_rng(n)
    return [tuple(SHAPES[i] for i in rng.integers(len(SHAPES), size=n)) for _ in range(MOST)]


def ran(node: Node) -> None:
    graph = Graph(node) if node.dtype != "float64" else Graph([node])
    feed = {x.name: np.zeros(with_rows(x.shape, ROWS)) for x in node.inputs}
    value = graph.forward(**feed)
    assert BATCH not in node.shape[1:]
    if node.dtype == "real":
        assert np.shape(value) == with_rows(node.shape, ROWS)


@pytest.mark.parametrize("op", ops.__all__)
def test_operands_of_any_shapes_make_a_node_that_runs_or_an_error_of_the_package(op):
    node, made, failures = NODES[op], 0, []
    n = 2 if op in ("concat", "stack", "weight_grad") else len(node.inputs)
    axes = (0, 1, -1) if hasattr(node, "axis") else (None,)
    for shapes, axis in product(combinations(n), axes):
        try:
            ran(rebuilt(node, shapes, axis))
            made += 1
        except CnnCoreError:
            pass
        except Exception as error:
            failures.append(f"{op} of {shapes}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)
    assert made or n not in (1, 2) or op in ("reshape", "split")  # their options fit one shape
