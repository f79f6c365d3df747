"""Random graphs go into JSON and come back the same, node by node."""

from __future__ import annotations

import json

from fuzz_case import draw_case

from cnn_core import ops
from cnn_core.io.nodes import decode_nodes, encode_nodes
from cnn_core.ir.gate import GateNode
from cnn_core.ir.node import Constant, Node, Parameter
from cnn_core.ir.order import topological_order


def told(nodes: list[Node]) -> list[tuple]:
    """Return what there is to say of nodes, operands by their numbers."""
    number = {node: i for i, node in enumerate(nodes)}
    passing = {"inputs", "last_run", "place", "_start", "_init", "value"}
    return [(type(n), [number[x] for x in n.inputs],
             {k: v for k, v in vars(n).items() if k not in passing}) for n in nodes]  # fmt: skip


def test_every_operation_comes_back_from_json():
    seen = set()
    for seed in range(400):
        nodes = topological_order(draw_case(seed).nodes)
        if any(isinstance(node, GateNode) for node in nodes):
            continue
        names = {n: f"p{i}" for i, n in enumerate(nodes) if isinstance(n, Parameter)}
        arrays = {}
        text = json.dumps(encode_nodes(nodes, names.__getitem__, arrays), allow_nan=False)
        values = {name: p.value for p, name in names.items()}
        again, _ = decode_nodes(json.loads(text), arrays, values)
        assert told(again) == told(nodes), f"seed {seed}"
        for a, b in zip(nodes, again, strict=True):
            assert not isinstance(a, (Parameter, Constant)) or (a.value == b.value).all()
        seen.update(node.op for node in nodes)
    assert set(ops.__all__) <= seen
