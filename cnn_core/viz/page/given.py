"""The options of a node, as the page's scripts read them."""

from __future__ import annotations

from inspect import signature
from typing import Any

from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.io.values import encode
from cnn_core.ir.gate import GateNode
from cnn_core.ir.node import Node


def options_of(node: Node) -> dict[str, Any]:
    """Return the options of a node as JSON, by the names that the function in `cnn_core.ops` has
    for them, whether they are given by name or by place.

    Leaves and gates in Python have none.
    """
    if not node.op or isinstance(node, GateNode):
        return {}
    operands, given = node.arguments()
    names = [p.name for p in signature(getattr(ops, node.op)).parameters.values()
             if p.kind is p.POSITIONAL_OR_KEYWORD]  # fmt: skip
    found = {**dict(zip(names, operands, strict=False)), **given}
    return {k: _encoded(v) for k, v in found.items() if not _holds_nodes(v)}


def _holds_nodes(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_holds_nodes, value))
    return isinstance(value, Node)


def _encoded(value: Any) -> Any:
    try:
        return encode(value)
    except OptionError:  # what no operation that the page computes has
        return None
