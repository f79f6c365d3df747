"""What a page has of a graph: all nodes, or, of one too large to be drawn, folded groups as boxes.

A box that cannot be opened has the nodes whose values leave it.  Each takes what comes into the
box on its way, and the values that leave it there, as its operands.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from cnn_core.ir.node import Node
from cnn_core.viz.model import Item, Model
from cnn_core.viz.page.recorded import Frame


class Box:
    """A folded group: the nodes whose values leave it, with what each of them depends on."""

    def __init__(self, item: Item) -> None:
        ends = set(item.outputs)
        leaving = [node for node in item.nodes if node in ends]
        self.title = f"{item.caption} of {item.name}"
        self.inputs: dict[Node, tuple[Node, ...]] = {}
        self.uses: dict[Node, list[tuple[Node, int]]] = {}
        """Of what comes in or leaves: the nodes inside that use it, and as which operand."""
        self.givers: dict[Node, Node] = {}
        """Of the same: the first that depends on it, through which all of the box gives it its
        gradient.  What each of several adds would need a run for each."""
        bit = {x: 1 << i for i, x in enumerate((*item.inputs, *leaving))}
        inside: dict[Node, int] = {}
        for node in item.nodes:
            on = 0
            for i, x in enumerate(node.inputs):
                on |= bit.get(x) or inside[x]
                if x in bit:
                    self.uses.setdefault(x, []).append((node, i))
            inside[node] = on
            if node in ends and node.inputs:
                self.inputs[node] = tuple(x for x, one in bit.items() if on & one)
                for x in self.inputs[node]:
                    self.givers.setdefault(x, node)


@dataclass
class Shown:
    """The nodes of a page in topological order, with those that stand for a box."""

    nodes: list[Node]
    boxes: dict[Node, Box] = field(default_factory=dict)

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """Return the operands of a node as the page has them."""
        return self.boxes[node].inputs[node] if node in self.boxes else node.inputs

    def frame(self, frame: Frame, number: dict[Node, int]) -> Frame:
        """Return the numbers of these nodes, at one time or of one recorded step; ``number``
        counts the nodes of the whole graph."""
        kept = [number[node] for node in self.nodes]
        place = {i: k for k, i in enumerate(kept)}
        return replace(
            frame,
            values=[frame.values[i] for i in kept],
            gradients=[frame.gradients[i] for i in kept],
            contributions=[self._contributions(node, frame, number) for node in self.nodes],
            given={place[i]: array for i, array in frame.given.items()},
        )

    def _contributions(
        self, node: Node, frame: Frame, number: dict[Node, int]
    ) -> list[np.ndarray | None]:
        if node not in self.boxes:
            return frame.contributions[number[node]]
        box, found = self.boxes[node], []
        for x in box.inputs[node]:
            total = None
            for user, i in box.uses[x] if box.givers[x] is node else ():
                part = frame.contributions[number[user]][i]
                if part is not None:
                    total = part if total is None else total + part
            found.append(total)
        return found


def with_boxes(model: Model) -> Shown:
    """Return what a page has whose closed groups cannot be opened."""
    order = {node: i for i, node in enumerate(model.users)}
    found: list[Node] = []
    boxes: dict[Node, Box] = {}
    for item in model.items:
        found += item.outputs
        if item.kind == "group":
            box = Box(item)
            boxes |= dict.fromkeys(box.inputs, box)
    return Shown(sorted(found, key=order.__getitem__), boxes)
