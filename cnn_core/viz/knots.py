"""Layers: which vertex, frame or passing wire stands in which column."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnn_core.ir.node import Node
from cnn_core.viz.cells import Cell, Port
from cnn_core.viz.placed import Placed

WIRE_HEIGHT = 10.0


@dataclass(eq=False)
class Knot:
    """What stands in a layer: a cell, a placed group, or a wire that passes through (neither)."""

    width: float
    height: float
    ins: list[Port]
    outs: list[Port]
    cell: Cell | None = None
    placed: Placed | None = None
    layer: int = 0
    x: float = 0.0
    y: float = 0.0
    before: list[Link] = field(default_factory=list)
    after: list[Link] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether this is only a wire on its way."""
        return self.cell is None and self.placed is None

    def out_y(self, source: Node) -> float:
        """Return where the wire of ``source`` leaves, from the top of the knot."""
        return next(port.y for port in self.outs if port.source is source)


@dataclass(eq=False)
class Link:
    """A wire from one layer to the next; the heights count from the tops of its knots."""

    source: Node
    a: Knot
    ya: float
    b: Knot
    yb: float
    reach: float = 0.0


def passing(source: Node, layer: int) -> Knot:
    """Return a knot for the wire of ``source`` passing through ``layer``."""
    port = Port(source, WIRE_HEIGHT / 2)
    return Knot(0.0, WIRE_HEIGHT, [port], [port], layer=layer)


class Layers:
    """The knots of one block in layers, with wires linked from layer to layer.

    ``entries`` are the nodes whose values come from outside, ``exits`` those whose values leave.
    """

    def __init__(self, knots: list[Knot], entries: list[Node], exits: list[Node]) -> None:
        self.entries = {source: passing(source, 0) for source in entries}
        self._from = {port.source: knot for knot in knots for port in knot.outs}
        self._from.update(self.entries)
        self._knots = knots
        self._assign()
        self.n = 1 + max(knot.layer for knot in knots)
        self.layers: list[list[Knot]] = [[] for _ in range(self.n)]
        for knot in (*self.entries.values(), *knots):
            self.layers[knot.layer].append(knot)
        self.exits: dict[Node, Knot] = {}
        self._link(exits)

    def _needs(self, knot: Knot) -> dict[Knot, None]:
        return dict.fromkeys(self._from[port.source] for port in knot.ins)

    def _assign(self) -> None:
        """Set the layers: as far left as the inputs allow, but private inputs close to their use.

        The longest path alone would put every weight of a deep network into the first column.
        """
        needs = {knot: self._needs(knot) for knot in self._knots}
        users: dict[Knot, list[Knot]] = {k: [] for k in (*self.entries.values(), *self._knots)}
        for knot, found in needs.items():
            for k in found:
                users[k].append(knot)
        waits = {knot: len(found) for knot, found in needs.items()}
        ready = [k for k in users if waits.get(k, 0) == 0]
        order: list[Knot] = []
        for knot in ready:  # grows while it is walked
            order.append(knot)
            for user in users[knot]:
                user.layer = max(user.layer, knot.layer + 1)
                waits[user] -= 1
                if waits[user] == 0:
                    ready.append(user)
        entries = set(self.entries.values())
        loose: set[Knot] = set()
        for knot in order:
            private = all(k in loose and len(users[k]) == 1 for k in needs.get(knot, ()))
            if private and knot not in entries:
                loose.add(knot)
        for knot in reversed(order):
            if knot in loose and users[knot]:
                knot.layer = min(user.layer for user in users[knot]) - 1

    def _link(self, exits: list[Node]) -> None:
        """Link every wire, through knots of its own in the layers that it crosses."""
        uses: dict[Node, list[tuple[Knot, Port]]] = {source: [] for source in self._from}
        for knot in self._knots:
            for port in knot.ins:
                uses[port.source].append((knot, port))
        for source, start in self._from.items():
            end = max((knot.layer for knot, _ in uses[source]), default=start.layer)
            end = self.n if source in exits else end
            at = {start.layer: start}
            for layer in range(start.layer + 1, end):
                at[layer] = passing(source, layer)
                self.layers[layer].append(at[layer])
                _join(source, at[layer - 1], at[layer], at[layer].ins[0])
            for knot, port in uses[source]:
                _join(source, at[knot.layer - 1], knot, port)
            if source in exits:
                self.exits[source] = at[self.n - 1]


def _join(source: Node, a: Knot, b: Knot, port: Port) -> None:
    link = Link(source, a, a.out_y(source), b, port.y, port.reach)
    a.after.append(link)
    b.before.append(link)
