"""Labels: names of layers that are called on nodes before there is a network to number them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from cnn_core.ir.node import Node

_numbers = count()

pending: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The layers' `Use`s that have a temporary label."""


def temporary(kind: str) -> str:
    """Return a label that nothing else in this process has, until a network gives a final one."""
    return f"{kind}#{next(_numbers)}"


def is_temporary(label: str) -> bool:
    return "#" in label


def finish(nodes: Iterable[Node]) -> None:
    """Give all layers of ``nodes``, in topological order, their labels: dense_0, dense_1 ..."""
    nodes = list(nodes)
    taken = {part for node in nodes for label in (node.name, *node.group)
             for part in (label, label.split("@")[0], label.split(".")[0])}  # fmt: skip
    counts: dict[str, int] = {}
    final: dict[str, str] = {}
    for node in nodes:
        for label in node.group:
            base = label.split("@")[0]
            if is_temporary(base) and base not in final:
                final[base] = numbered(base.split("#")[0], counts, taken)
    for node in nodes if final else ():
        own = node.__dict__
        own["name"], own["group"] = _renamed(node.name, final), tuple(
            _renamed(label, final) for label in node.group
        )  # fmt: skip
    for base, label in final.items():
        use = pending.pop(base, None)
        if use is not None:
            use.label = label


def numbered(kind: str, counts: dict[str, int], taken: Collection[str]) -> str:
    """Return the next name of a kind, ``dense_0``, that is not taken."""
    while True:
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        if f"{kind}_{number}" not in taken:
            return f"{kind}_{number}"


def _renamed(name: str, final: dict[str, str]) -> str:
    """Return a name whose first part, up to a dot or an @, is replaced by the final label."""
    if "#" not in name:
        return name
    end = min((at for at in (name.find("."), name.find("@")) if at >= 0), default=len(name))
    return final.get(name[:end], name[:end]) + name[end:]
