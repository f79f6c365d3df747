"""Nodes as JSON, and back: each by its operation, its options and the numbers of its operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import DataError, OptionError
from cnn_core.io.files import KEY
from cnn_core.io.values import decode, encode
from cnn_core.ir.gate import GateNode
from cnn_core.ir.node import Constant, Input, Node, Parameter, State
from cnn_core.options import shown

PREFIX = f"{KEY}:"
"""What the names of arrays begin with that are no parameters."""

Arrays = dict[str, np.ndarray]


def encode_nodes(
    nodes: list[Node], name_of: Callable[[Parameter], str], arrays: Arrays
) -> list[dict[str, Any]]:
    """Return JSON for nodes, each after its operands; constants go into ``arrays``.

    Raises `OptionError` for what a file cannot hold.
    """
    number = {node: i for i, node in enumerate(nodes)}
    return [_encoded(node, number, name_of, arrays) for node in nodes]


def _encoded(
    node: Node, number: Mapping[Node, int], name_of: Callable[[Parameter], str], arrays: Arrays
) -> dict[str, Any]:
    made: dict[str, Any] = {"name": node.name, "group": list(node.group)}
    if isinstance(node, GateNode):
        raise OptionError(
            f"save: need operations of cnn_core; got the gate {node.label}, which is Python: "
            f"pickle keeps such networks"
        )
    if isinstance(node, Input):
        return {"op": "input", **made, "shape": encode(node.shape), "dtype": node.dtype}
    if isinstance(node, Parameter):
        return {"op": "state" if node.is_state else "parameter", **made, "of": name_of(node)}
    if isinstance(node, Constant):
        arrays[f"{PREFIX}constant:{number[node]}"] = node.value
        return {"op": "constant", **made, "dtype": node.dtype}
    operands, given = node.arguments()
    given = {k: encode(v, number.__getitem__) for k, v in given.items()}
    return {"op": node.op, **made, "operands": encode(operands, number.__getitem__),
            "options": given}  # fmt: skip


def decode_nodes(
    content: Any, arrays: Mapping[str, np.ndarray], numbers: Mapping[str, np.ndarray]
) -> tuple[list[Node], dict[str, Parameter]]:
    """Return the nodes that `encode_nodes` made this of, and the parameters by name.

    ``numbers`` are those of the parameters, each of which occurs once.  Raises whatever is wrong.
    """
    nodes: list[Node] = []
    placed: dict[str, Parameter] = {}
    for made in content:
        node = _decoded(made, nodes, arrays, numbers, placed)
        node.__dict__["group"] = tuple(options.names("group", made["group"]))
        nodes.append(node)
    lost = [name for name in numbers if name not in placed]
    if lost:
        raise DataError(f"need a node for each parameter; got none for {', '.join(lost)}")
    return nodes, placed


def _decoded(
    made: Mapping[str, Any], nodes: list[Node], arrays: Mapping[str, np.ndarray],
    numbers: Mapping[str, np.ndarray], placed: dict[str, Parameter],
) -> Node:  # fmt: skip
    op, name = made["op"], options.string("name", made["name"])
    if op == "input":
        return Input(name, decode(made["shape"], nodes), made["dtype"])
    if op == "constant":
        dtype = options.choice("Constant", made["dtype"], ("real", "int32"), option="dtype")
        return Constant(arrays[f"{PREFIX}constant:{len(nodes)}"], name, dtype=dtype)
    if op in ("parameter", "state"):
        key = made["of"]
        if key in placed or key not in numbers:
            raise DataError(f"need each parameter once; got {shown(key)}")
        value = numbers[key]
        cls = State if op == "state" else Parameter
        placed[key] = node = cls(name, shape=value.shape, init=lambda shape, rng: value)
        return node
    if op not in ops.__all__:
        raise DataError(f"need a known operation; got {shown(op)}")
    getattr(ops, op)  # reads the file of the operation
    given = {k: decode(v, nodes) for k, v in made["options"].items()}
    found: Any = Node.registry[op].made_of(decode(made["operands"], nodes), given, name)
    if type(found) is not Node.registry[op]:
        raise DataError(f"need {op} with its options; got {shown(found)}")
    return found
