"""What is visible of a graph: its vertices, and the groups around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.ir.node import Constant, Input, Node, Parameter
from cnn_core.options import shown
from cnn_core.viz.blocks import parts
from cnn_core.viz.fonts import clean, wrapped
from cnn_core.viz.labels import number, what

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph

Path = tuple[str, ...]
Collapse = bool | str | Iterable[str]


@dataclass(eq=False)
class Item:
    """A vertex of the picture: one node, or a group that is drawn as one box."""

    kind: str
    lines: tuple[str, ...]
    caption: str
    name: str
    inputs: list[Node]
    """The nodes whose values come in, one per operand, in order."""
    outputs: list[Node]
    """The nodes whose values go out: itself, or the nodes of a group that others use."""
    nodes: list[Node]
    """What it stands for, in topological order."""


@dataclass(eq=False)
class Block:
    """A framed group, or the whole picture, whose name is empty."""

    name: str
    nodes: list[Node]
    children: list[Item | Block] = field(default_factory=list)
    inputs: list[Node] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)
    path: Path = ()
    """The groups that it is: its own name last."""

    def items(self) -> Iterator[Item]:
        """Yield all vertices, those of inner groups too."""
        for child in self.children:
            if isinstance(child, Block):
                yield from child.items()
            else:
                yield child


class Model:
    """The visible vertices of ``graph`` in nested blocks, with ``collapse`` as in `Graph.draw`."""

    def __init__(self, graph: Graph, collapse: Collapse = ()) -> None:
        self.graph = graph
        self.outputs = set(graph.outputs)
        nodes = graph.nodes_topologically_sorted()
        self.users: dict[Node, list[Node]] = {node: [] for node in nodes}
        for node in nodes:
            for x in node.inputs:
                self.users[x].append(node)
        self._closed = closed_groups(nodes, collapse)
        self.root = self._block("", nodes, (), crossing=False)
        self.items = list(self.root.items())

    def is_end(self, node: Node) -> bool:
        """Tell whether a value leaves the graph here and goes nowhere else."""
        return node in self.outputs and not self.users[node]

    def _block(self, name: str, nodes: list[Node], path: Path, crossing: bool = True) -> Block:
        block = Block(name, nodes, path=path)
        if crossing:
            block.inputs, block.outputs = self._crossing(nodes)
        depth, count = len(path), Counter[Any]()
        found = parts(nodes, lambda n: n.group[depth] if len(n.group) > depth else n)
        total = Counter(key for key, _ in found)
        for key, members in found:
            if isinstance(key, Node):
                block.children.append(self._vertex(key))
                continue
            count[key] += 1
            title = clean(key, 40) + (f" ({count[key]})" if total[key] > 1 else "")
            inner = (*path, key)
            if inner in self._closed:
                block.children.append(self._box(title, "/".join((*path, title)), members))
            else:
                block.children.append(self._block(title, members, inner))
        return block

    def _crossing(self, nodes: Sequence[Node]) -> tuple[list[Node], list[Node]]:
        """Return the nodes whose values come in from outside, and those that others use."""
        inside = set(nodes)
        come = dict.fromkeys(x for n in nodes for x in n.inputs if x not in inside)
        go = [n for n in nodes if any(u not in inside for u in self.users[n])]
        return list(come), go

    def _box(self, title: str, name: str, nodes: list[Node]) -> Item:
        come, go = self._crossing(nodes)
        used = set(go)
        ends = [n for n in nodes if n in self.outputs and n not in used]
        size = f"{len(nodes)} node{'s' if len(nodes) > 1 else ''}"
        return Item("group", wrapped(title, 18), size, clean(name), come, [*go, *ends], nodes)

    def _vertex(self, node: Node) -> Item:
        name = clean(self.graph.name_of(node))
        for kind, cls in (("input", Input), ("parameter", Parameter)):
            if isinstance(node, cls):
                return Item(kind, (clean(name, 24),), "", name, [], [node], [node])
        if isinstance(node, Constant):
            text = node.name or (number(node.value.item()) if node.shape == () else "const")
            return Item("constant", (clean(text, 24),), "", name, [], [node], [node])
        kind = "output" if node in self.outputs else "gate"
        caption = clean(node.name, 24)
        return Item(kind, sign(node), caption, name, list(node.inputs), [node], [node])


def sign(node: Node) -> tuple[str, ...]:
    """Return what stands in a gate: the symbol of its class, else the name of the operation."""
    text = getattr(getattr(node, "gate", node), "symbol", "")
    if not text:
        return wrapped(clean(what(node).replace("_", " ")), 13)
    try:
        return (clean(text.format_map(_Fields(node)), 12),)
    except (ValueError, TypeError, LookupError, AttributeError):
        return (clean(text, 12),)


class _Fields:
    """The fields of a node by name, for the symbols that show an option."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __getitem__(self, key: str) -> Any:
        return getattr(self.node, key)


def closed_groups(nodes: Iterable[Node], collapse: Collapse, who: str = "draw") -> set[Path]:
    """Return the groups that ``collapse`` means; raise `OptionError` for a name that is none."""
    paths = dict.fromkeys(n.group[: i + 1] for n in nodes for i in range(len(n.group)))
    if isinstance(collapse, (bool, np.bool_)):
        return {path for path in paths if len(path) == 1} if collapse else set()
    given = [collapse] if isinstance(collapse, str) else collapse
    try:
        names = tuple(given)
    except TypeError:
        need = "collapse as True or names of groups"
        raise options.refuse(who, need, collapse) from None
    closed: set[Path] = set()
    for name in names:
        known = isinstance(name, str)
        found = {path for path in paths if known and name in (path[-1], "/".join(path))}
        if not found:
            known = ", ".join(dict.fromkeys("/".join(path) for path in paths)) or "none"
            raise OptionError(
                f"{who}: need groups of this graph to collapse (there are: {known}); got "
                f"{shown(name)}"
            )
        closed |= found
    return closed
