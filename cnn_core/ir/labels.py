"""Labels: names of layers that are called on nodes before there is a graph to number them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from cnn_core import options
from cnn_core.ir.group import MARK
from cnn_core.ir.node import Node
from cnn_core.ir.order import networks_within

_MEANT = frozenset("*?[@")

_numbers = count()

pending: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The layers' `Use`s that began with a temporary label, by that."""


def temporary(kind: str) -> str:
    """Return a label that nothing else in this process has, until a graph gives a final one."""
    return f"{kind}{MARK}{next(_numbers)}"


def checked(who: str, name: Any) -> str | None:
    """Return the name of a layer or network, or None; raise `OptionError` for what is none."""
    if name is not None and not _MEANT.isdisjoint(options.name(who, name)):
        need = "a name without *, ?, [ and @, which patterns and layers used again have"
        raise options.refuse(who, need, name)
    return name


def is_temporary(label: str) -> bool:
    return MARK in label


def finish(nodes: Iterable[Node], given: Mapping[str, str] | None = None) -> None:
    """Give all layers of ``nodes``, in topological order, their labels: dense_0, dense_1 ...

    ``given`` are final labels for temporary ones; what has its label from another graph keeps it.
    """
    nodes = list(nodes)
    found = {label: None for node in nodes for label in node.group if MARK in label}
    if not found:
        return
    within = networks_within(nodes)
    taken = {_first(part) for node in nodes if node not in within
             for part in (node.name, *node.group[:1])}  # fmt: skip
    final, counts = dict(given or {}), {}
    for label in found:
        base = _first(label)
        if base not in final:
            use = pending.get(base)
            known = use is not None and not is_temporary(use.label)
            final[base] = use.label if known else numbered(base.split(MARK)[0], counts, taken)
    for node in nodes:
        own = node.__dict__
        own["name"] = _renamed(node.name, final)
        own["group"] = tuple([_renamed(label, final) for label in node.group])
    for label in found:
        use = pending.get(label)
        if use is not None:
            use.label = _renamed(use.label, final)


def numbered(kind: str, counts: dict[str, int], taken: Collection[str]) -> str:
    """Return the next name of a kind, ``dense_0``, that is not taken."""
    while True:
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        if f"{kind}_{number}" not in taken:
            return f"{kind}_{number}"


def _first(label: str) -> str:
    """Return the first part of a label: up to a dot, or an @ and the number of the use."""
    return label.split(".")[0].split("@")[0]


def _renamed(name: str, final: Mapping[str, str]) -> str:
    """Return a name whose first part, if that is temporary, is replaced by the final label."""
    if MARK not in name:
        return name
    first = _first(name)
    return final.get(first, first) + name[len(first) :]
