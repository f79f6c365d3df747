"""Heights: where the knots of each layer stand, in their order, with wires as level as can be."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from cnn_core.viz.knots import Knot, Link

GAP, WIRE_ROOM = 14.0, 4.0
ROUNDS, LARGE = 24, 1500


def set_heights(layers: list[list[Knot]]) -> None:
    """Set ``y`` of all knots: no two of a layer closer than a gap, all at 0 or below it."""
    for layer in layers:
        y = 0.0
        for knot, gap in zip(layer, [*_gaps(layer), 0.0], strict=True):
            knot.y = y
            y += knot.height + gap
        for knot in layer:
            knot.y -= (y + knot.height) / 2 if layer else 0
    settling = [_Layer(layer) for layer in layers]
    rounds = ROUNDS if sum(map(len, layers)) < LARGE else 6
    for i in range(rounds):
        for layer in settling[1:]:
            layer.settle(forward=True, backward=False)
        for layer in settling[-2::-1]:
            layer.settle(forward=i >= rounds // 2, backward=True)
    for layer in settling:
        layer.settle(forward=True, backward=True)
    _straighten(layers)
    top = min(knot.y for layer in layers for knot in layer)
    for layer in layers:
        for knot in layer:
            knot.y -= top


def _gaps(layer: list[Knot]) -> list[float]:
    """Return the room between neighbours."""
    return [_gap(a, b) for a, b in pairwise(layer)]


def _gap(a: Knot, b: Knot) -> float:
    return (GAP, GAP / 2, WIRE_ROOM)[a.passes + b.passes]


class _Layer:
    """The knots of a layer, and where wires pull each: at whom, how much higher, how strongly."""

    def __init__(self, knots: list[Knot]) -> None:
        self._knots = knots
        self._before = [[(link.a, link.ya - link.yb, _stiffness(link)) for link in knot.before]
                        for knot in knots]  # fmt: skip
        self._after = [[(link.b, link.yb - link.ya, _stiffness(link)) for link in knot.after]
                       for knot in knots]  # fmt: skip
        self._offsets = [0.0]
        for knot, gap in zip(knots, _gaps(knots), strict=False):
            self._offsets.append(self._offsets[-1] + knot.height + gap)

    def settle(self, *, forward: bool, backward: bool) -> None:
        """Move the knots as close as their order allows to where wires want them."""
        wanted, weights = [], []
        for i, knot in enumerate(self._knots):
            total = weight = 0.0
            for pulls in (self._before[i] * forward, self._after[i] * backward):
                for other, dy, stiffness in pulls:
                    total += (other.y + dy) * stiffness
                    weight += stiffness
            wanted.append((total / weight if weight else knot.y) - self._offsets[i])
            weights.append(weight or 0.05)
        for knot, place, offset in zip(self._knots, _rising(wanted, weights), self._offsets,
                                       strict=True):  # fmt: skip
            knot.y = place + offset


def _straighten(layers: list[list[Knot]]) -> None:
    """Make each wire that passes several layers level where its lanes allow, at one of its ends."""
    room: dict[Knot, tuple[Knot | None, Knot | None]] = {}
    for layer in layers:
        for above, knot, below in zip([None, *layer], layer, [*layer[1:], None], strict=False):
            room[knot] = above, below
    for layer in layers:
        for knot in layer:
            if knot.passes and not (knot.before and knot.before[0].a.passes):
                _level(knot, room)


def _level(first: Knot, room: dict[Knot, tuple[Knot | None, Knot | None]]) -> None:
    chain = [first]
    while len(ahead := [k.b for k in chain[-1].after if k.b.passes]) == 1:
        chain.append(ahead[0])
    low, high = -inf, inf
    for knot in chain:
        above, below = room[knot]
        if above is not None:
            low = max(low, above.y + above.height + _gap(above, knot))
        if below is not None:
            high = min(high, below.y - knot.height - _gap(knot, below))
    ends = [k.a.y + k.ya - k.yb for k in first.before]
    ends += [k.b.y + k.yb - k.ya for k in chain[-1].after if not k.b.passes]
    if low <= high and ends:
        # The end that the lane can reach; of two, that closer to where the wire lies now.
        y = min(ends, key=lambda y: (abs(y - min(max(y, low), high)), abs(y - first.y)))
        for knot in chain:
            knot.y = min(max(y, low), high)


def _stiffness(link: Link) -> float:
    """Return how much a wire resists a bend: most where it only passes."""
    return (1.0, 2.0, 8.0)[link.a.passes + link.b.passes]


def _rising(wanted: list[float], weights: list[float]) -> list[float]:
    """Return the rising numbers that are closest to ``wanted`` in weighted squares.

    Neighbours that are out of order are pooled into their mean until none are.
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for y, w in zip(wanted, weights, strict=True):
        n = 1
        while pools and pools[-1][0] > y:
            y0, w0, n0 = pools.pop()
            y, w, n = (y * w + y0 * w0) / (w + w0), w + w0, n + n0
        pools.append((y, w, n))
    return [y for y, _, n in pools for _ in range(n)]
