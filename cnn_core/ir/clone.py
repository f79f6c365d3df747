"""Clone: a graph once more, over other inputs and the same parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cnn_core.ir.node import Node
from cnn_core.ir.order import topological_order

_MADE_ANEW = frozenset({"inputs", "name", "group", "shape", "dtype", "saved", "_made", "last_run"})


def cloned(outputs: Iterable[Node], given: Mapping[Node, Node], name: str) -> list[Node]:
    """Return ``outputs`` as they would be with the nodes ``given`` in place of others.

    What depends on those is made once more, with ``name`` before its name and its groups in that
    group, unless it is empty; all else, parameters above all, is the same node.  Raises what the
    nodes raise where shapes do not fit.
    """
    outputs = list(outputs)
    found = dict(given)
    for node in topological_order(outputs):
        inputs = tuple(found.get(x, x) for x in node.inputs)
        if node not in found and inputs != node.inputs:
            found[node] = _again(node, inputs, name)
    return [found.get(node, node) for node in outputs]


def _again(node: Node, inputs: tuple[Node, ...], name: str) -> Node:
    fields = {k: v for k, v in vars(node).items() if k not in _MADE_ANEW}
    own = f"{name}.{node.name}" if name and node.name else node.name
    new = object.__new__(type(node))
    Node.__init__(new, inputs, name=own, **fields)
    new.__dict__["group"] = (*new.group, *((name,) if name else ()), *node.group)
    return new
