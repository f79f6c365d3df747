"""Topological order and names."""

from __future__ import annotations

from collections.abc import Iterable

from cnn_core.errors import GraphError
from cnn_core.ir.node import Node, Parameter


def topological_order(outputs: Iterable[Node]) -> list[Node]:
    """Return every node that ``outputs`` depend on, inputs before users.

    Iterative, so a chain of any length is fine.  A cycle raises `GraphError` naming its nodes.
    """
    order: list[Node] = []
    finished: set[Node] = set()
    open_nodes: dict[Node, None] = {}  # the path from an output to here, in order
    stack = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, leave = stack.pop()
        if leave:
            del open_nodes[node]
            finished.add(node)
            order.append(node)
        elif node in open_nodes:
            path = list(open_nodes)
            cycle = [*path[path.index(node) :], node]
            raise GraphError("graph has a cycle: " + " <- ".join(n.label for n in cycle))
        elif node not in finished:
            open_nodes[node] = None
            stack.append((node, True))
            stack.extend((i, False) for i in reversed(node.inputs) if i not in finished)
    return order


def unique_names(nodes: Iterable[Node]) -> dict[Node, str]:
    """Return a name for each node: its own, else the operation's with a number.

    The parameters of a network within another have the label that this one gives it before
    theirs: ``trunk.dense_0.w``.  Raises `GraphError` where two nodes were given the same name.
    """
    nodes = list(nodes)
    names: dict[Node, str] = {}
    taken: set[str] = set()
    within = networks_within(nodes)
    for node in nodes:
        if node.name:
            name = ".".join((*within.get(node, ()), node.name))
            if name in taken:
                hint = f": give a layer {node.group[0]!r} another name" if node.group else ""
                raise GraphError(f"graph: need different names; got two nodes named {name!r}{hint}")
            taken.add(name)
            names[node] = name
    counts: dict[str, int] = {}
    for node in nodes:
        stem = node.label
        while node not in names:
            k = counts.get(stem, 0)
            counts[stem] = k + 1
            if f"{stem}_{k}" not in taken:
                names[node] = f"{stem}_{k}"
    return names


def networks_within(nodes: Iterable[Node]) -> dict[Node, tuple[str, ...]]:
    """Return the labels of the networks that leaves come from, for those that do.

    A network applied as a layer is made once more, in a group, over the leaves that it has: they
    stand outside of that group.
    """
    found: dict[Node, tuple[str, ...]] = {}
    for node in nodes:
        for x in node.inputs:
            n = len(node.group) - len(x.group)
            if n > 0 and x.group and not x.inputs and node.group[n:] == x.group:
                found.setdefault(x, _joined(node.group[:n]))
    return found


def _joined(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return labels without those that the next repeats, as a layer within a layer has both, and
    without the numbers of what is used again."""
    groups = tuple([label.split("@")[0] for label in groups])
    following = (*groups[1:], "")
    return tuple([a for a, b in zip(groups, following, strict=True) if not b.startswith(f"{a}.")])


def parameters_of(outputs: Iterable[Node]) -> list[Parameter]:
    """Return the parameters that ``outputs`` depend on, in topological order."""
    return [n for n in topological_order(outputs) if isinstance(n, Parameter)]
