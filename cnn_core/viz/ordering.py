"""The order within layers, with few crossings: barycenters, then exchanges of neighbours."""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise

from cnn_core.viz.knots import Knot, Link

SWEEPS = 16
LARGE = 400
"""With more knots than this, fewer sweeps and no exchanges."""


def order_layers(layers: list[list[Knot]]) -> None:
    """Sort each layer so that few wires cross."""
    _start(layers)
    large = sum(map(len, layers)) > LARGE
    best, fewest = [list(layer) for layer in layers], crossings(layers)
    for sweep in range(4 if large else SWEEPS):
        forward = sweep % 2 == 0
        for layer in layers[1:] if forward else layers[-2::-1]:
            _sort_by_neighbours(layer, layers, forward)
        if not large:
            _exchange(layers)
        count = crossings(layers)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
        if fewest == 0:
            break
    for layer, found in zip(layers, best, strict=True):
        layer[:] = found


def _start(layers: list[list[Knot]]) -> None:
    """Order by a walk from the last results back through operands: no crossings in a tree."""
    place: dict[Knot, int] = {}
    for layer in reversed(layers):
        for root in layer:
            stack = [root]
            while stack:
                knot = stack.pop()
                if knot in place:
                    continue
                place[knot] = len(place)
                stack.extend(link.a for link in reversed(_by_port(knot.before)))
    for layer in layers:
        layer.sort(key=place.__getitem__)


def _by_port(links: list[Link]) -> list[Link]:
    return sorted(links, key=lambda link: link.yb)


def _sort_by_neighbours(layer: list[Knot], layers: list[list[Knot]], forward: bool) -> None:
    neighbours = layers[layer[0].layer + (-1 if forward else 1)]
    place = {knot: i for i, knot in enumerate(neighbours)}
    keys: dict[Knot, float] = {}
    for i, knot in enumerate(layer):
        if forward:
            found = [place[k.a] + k.ya / k.a.height for k in knot.before]
        else:
            found = [place[k.b] + k.yb / k.b.height for k in knot.after]
        # What has no neighbours there keeps its relative place.
        keys[knot] = sum(found) / len(found) if found else i / len(layer) * len(neighbours)
    layer.sort(key=keys.__getitem__)


def crossings(layers: list[list[Knot]]) -> int:
    """Return how many pairs of wires cross."""
    count = 0
    for layer, after in pairwise(layers):
        place = {knot: i for i, knot in enumerate(after)}
        ends = [
            (place[link.b], link.yb)
            for knot in layer
            for link in sorted(knot.after, key=lambda k: (k.ya, place[k.b], k.yb))
        ]
        seen: list[tuple[int, float]] = []
        for end in ends:
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count


def _exchange(layers: list[list[Knot]]) -> None:
    """Exchange neighbours while that takes crossings away."""
    place = {knot: i for layer in layers for i, knot in enumerate(layer)}
    better = True
    while better:
        better = False
        for layer in layers:
            ends = [([(place[k.a], k.ya) for k in knot.before],
                     [(place[k.b], k.yb) for k in knot.after]) for knot in layer]  # fmt: skip
            for i in range(len(layer) - 1):
                if _gain(ends[i], ends[i + 1]) > 0:
                    a, b = layer[i], layer[i + 1]
                    layer[i], layer[i + 1] = b, a
                    ends[i], ends[i + 1] = ends[i + 1], ends[i]
                    place[a], place[b] = i + 1, i
                    better = True


Ends = tuple[list[tuple[int, float]], list[tuple[int, float]]]


def _gain(a: Ends, b: Ends) -> int:
    """Return how many crossings go where ``b``, now below ``a``, moves above it."""
    return sum((upper > lower) - (upper < lower)
               for above, below in zip(a, b, strict=True) for upper in above for lower in below)
