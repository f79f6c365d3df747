"""NamedNodes: the nodes of a graph, in order, and their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnn_core.errors import GraphError
from cnn_core.ir import labels
from cnn_core.ir.node import Input, Node
from cnn_core.ir.order import topological_order, unique_names
from cnn_core.options import shown


class NamedNodes:
    """What ``outputs``, a node or a sequence of nodes, depend on.

    Raises `GraphError` for anything but nodes, for cycles, and for two nodes of one name.
    """

    def __init__(self, outputs: Node | Sequence[Node]) -> None:
        self._single = isinstance(outputs, Node)
        if not self._single and not np.iterable(outputs):
            raise GraphError(f"Graph: need nodes as outputs; got {shown(outputs)}")
        self._outputs: list[Node] = [outputs] if isinstance(outputs, Node) else list(outputs)
        for node in self.outputs:
            if not isinstance(node, Node):
                raise GraphError(f"Graph: need nodes as outputs; got {shown(node)}")
        if not self.outputs:
            raise GraphError("Graph: need at least one output; got none")
        self._nodes = topological_order(self.outputs)
        labels.finish(self._nodes)
        self._names = unique_names(self._nodes)
        self._by_name = {name: node for node, name in self._names.items()}
        self._inputs = {n.name: n for n in self._nodes if isinstance(n, Input)}

    @property
    def outputs(self) -> list[Node]:
        """The output nodes."""
        return list(self._outputs)

    def nodes_topologically_sorted(self) -> list[Node]:
        """Return all nodes, each after the nodes that it depends on."""
        return list(self._nodes)

    def node(self, node: Node | str) -> Node:
        """Return the node with this name, or ``node`` itself if it is one of this graph.

        Nodes that were given no name are called after their operation, with a number: ``mul_0``.

        >>> graph = cnn.Graph(cnn.Input("x") * cnn.Input("y"))
        >>> graph.node("mul_0").inputs
        (<Input 'x' () shape=()>, <Input 'y' () shape=()>)
        """
        found = self._by_name.get(node) if isinstance(node, str) else node
        if not isinstance(found, Node) or found not in self._names:
            known = list(self._by_name)
            some = ", ".join(known[:12]) + (f" and {len(known) - 12} more" * (len(known) > 12))
            raise GraphError(f"graph: need one of its nodes ({some}); got {shown(node)}")
        return found

    def name_of(self, node: Node) -> str:
        """Return a node's name in this graph: its own, or its operation's with a number."""
        return self._names[self.node(node)]
