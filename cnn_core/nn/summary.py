"""Summaries: the parts of a network as a table."""

from __future__ import annotations

from collections.abc import Sequence

from cnn_core.ir.node import Constant, Input, Node, Parameter
from cnn_core.ir.order import topological_order, unique_names
from cnn_core.nn.model import Model


def lines(rows: Sequence[Sequence[str]], *, numbers: int = 1) -> list[str]:
    """Return a table, a rule below its first row; the last ``numbers`` columns go to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = len(widths) - numbers
    made = ["  ".join(f"{v:>{w}}" if i >= right else f"{v:<{w}}"
                      for i, (v, w) in enumerate(zip(row, widths, strict=True)))
            for row in rows]  # fmt: skip
    return [made[0], "-" * (sum(widths) + 2 * len(widths) - 2), *made[1:]]


def total(net: Model) -> str:
    """Return how large a network is."""
    size = net.n_params * net.dtype.itemsize / 1024
    return f"{net.n_params:,} parameters, {net.dtype}, {size:,.1f} KiB"


def html(net: Model) -> str:
    """Return what a notebook shows of a network."""
    from cnn_core import notebook  # seldom asked for

    return notebook.shown(type(net).__name__, total(net), html_table(net))


def html_table(net: Model) -> str:
    """Return the parts of a network as a table for notebooks."""
    from cnn_core import notebook

    head, *rows = net._parts()
    return notebook.table(head, rows, numbers=1)


def parts(net: Model) -> list[tuple[str, ...]]:
    """Return a row for each input and each layer, group or single node, after a first of titles.

    That is its name, with the outputs that it gives where there are several, what it is made of,
    the shape of its last node and its parameters; those that several share count for the first.
    """
    nodes = topological_order(net.core.values())
    names = unique_names(nodes)
    part = {node: node.group[0] if node.group else names[node] for node in nodes}
    made_of: dict[str, list[str]] = {}
    last: dict[str, Node] = {}
    count: dict[str, int] = {}
    counted: set[Node] = set()
    for node in nodes:
        if isinstance(node, (Parameter, Constant)):
            continue
        own = part[node]
        made_of.setdefault(own, [])
        last[own] = node
        for x in node.inputs:
            if isinstance(x, Parameter):
                size = 0 if x in counted else net.store[net.store.name_of(x)].size
                count[own] = count.get(own, 0) + size
                counted.add(x)
            elif not isinstance(x, Constant) and part[x] not in (own, *made_of[own]):
                made_of[own].append(part[x])
    given: dict[str, list[str]] = {}
    for output, node in net.core.items():
        given.setdefault(part[node], []).append(output)
    rows: list[tuple[str, ...]] = [("layer", "of", "output", "parameters")]
    for own, sources in made_of.items():
        size = "" if isinstance(last[own], Input) else f"{count.get(own, 0):,}"
        label = own if net.is_single else " ".join([own, *(f"-> {o}" for o in given.get(own, []))])
        rows.append((label, ", ".join(sources), str(last[own].shape), size))
    return rows
