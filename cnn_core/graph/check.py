"""Numerical against analytic gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnn_core.ir.node import Node

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph

ENTRIES = 64
"""Arrays of up to this many elements are checked entry by entry, larger ones along directions."""


@dataclass(frozen=True)
class GradientLine:
    """The check of one input or parameter: the worst of its entries or directions."""

    name: str
    shape: tuple[int, ...]
    where: str
    analytic: float
    numeric: float
    error: float
    reached: bool


@dataclass(frozen=True)
class GradientReport:
    """The result of `Graph.check_gradients`: one `GradientLine` per input and parameter.

    The error is |analytic - numeric|, less what rounding makes of the numeric one, over
    max(|analytic|, |numeric|, 1e-8 times the largest gradient in the graph, 1e-12); infinite where
    either is NaN or infinite.  ``ok`` says that the worst is below 1e-6.
    """

    lines: tuple[GradientLine, ...]

    @property
    def worst(self) -> float:
        return max((line.error for line in self.lines), default=0.0)

    @property
    def ok(self) -> bool:
        return bool(self.worst < 1e-6)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        head = f"{'name':<16} {'shape':<12} {'worst at':<16} {'analytic':>14} {'numeric':>14} error"
        rows = [head]
        for x in self.lines:
            note = "" if x.reached else "  (the output does not depend on it)"
            rows.append(
                f"{x.name:<16} {x.shape!s:<12} {x.where:<16} {x.analytic:>14.6g} "
                f"{x.numeric:>14.6g} {x.error:.1e}{note}"
            )
        rows.append(self._verdict())
        return "\n".join(rows)

    def _repr_html_(self) -> str:
        from cnn_core import notebook  # seldom asked for

        rows = [(x.name, x.shape, x.where if x.reached else "the output does not depend on it",
                 f"{x.analytic:.6g}", f"{x.numeric:.6g}", f"{x.error:.1e}")
                for x in self.lines]  # fmt: skip
        head = ("name", "shape", "worst at", "analytic", "numeric", "error")
        table = notebook.table(head, rows, numbers=3)
        return notebook.shown("GradientReport", self._verdict(), table)

    def _verdict(self) -> str:
        return "all gradients agree" if self.ok else f"WRONG: worst error {self.worst:.1e}"


def check_gradients(graph: Graph, *, n_directions: int, seed: int) -> GradientReport:
    """Compare analytic gradients with central differences of fourth order."""
    with graph._lock:
        try:
            return _check(graph, n_directions, seed)
        except BaseException:  # Ctrl-C as well: the values may be those of a shifted input
            graph._walk.feed()
            raise


def _check(graph: Graph, n_directions: int, seed: int) -> GradientReport:
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(np.shape(graph.value(n))) for n in graph._seeds]
    for node, weight in zip(graph._seeds, weights, strict=True):
        scalar = len(graph._seeds) == 1 and node.shape == ()
        graph.program.grad(node)[...] = 1.0 if scalar else weight
    if len(graph._seeds) == 1 and graph._seeds[0].shape == ():
        weights = [np.ones(())]
    # The same dropout masks serve all evaluations.
    run = {"seed": graph._seed, "counter": graph._counter}
    graph._walk.lose_gradients()
    graph.program.run_backward(**run)
    graph._walk.have_gradients(dict(zip(graph._seeds, weights, strict=True)))
    gradients = {n: np.array(graph.grad(n)) for n in graph._targets}
    scale = max((_largest(g) for g in gradients.values()), default=0.0)

    def output() -> float:
        graph.program.run_forward(**run)
        pairs = zip(graph._seeds, weights, strict=True)
        return float(sum(np.sum(graph.program.value(n) * w) for n, w in pairs))

    lines = []
    for node in graph._targets:
        reached = graph.program.has_grad(node)
        candidates = _directions(gradients[node].shape, n_directions, rng)
        tried = [
            _compare(graph, node, where, v, _slope(gradients[node], v), output, scale)
            for where, v in candidates
        ]
        where, analytic, numeric, error = max(tried, key=lambda t: t[3])
        shape = gradients[node].shape
        name = graph.name_of(node)
        lines.append(GradientLine(name, shape, where, analytic, numeric, error, reached))
    output()
    return GradientReport(tuple(lines))


def _largest(gradient: np.ndarray) -> float:
    return float(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0))


def _slope(gradient: np.ndarray, v: np.ndarray) -> float:
    """Return the derivative along ``v``; an infinite entry that v leaves alone does not matter."""
    return float(np.sum(gradient[v != 0] * v[v != 0]))


def _directions(shape: tuple[int, ...], n: int, rng: np.random.Generator) -> list:
    """Return (label, unit array): every entry of a small array, else random directions."""
    size = int(np.prod(shape))
    if size <= ENTRIES:
        found = []
        for i in range(size):
            v = np.zeros(shape)
            v.flat[i] = 1
            at = np.unravel_index(i, shape) if shape else ()
            found.append((str(tuple(int(k) for k in at)) if at else "", v))
        return found
    drawn = [rng.standard_normal(shape) for _ in range(n)]
    return [(f"direction {i}", v / np.linalg.norm(v)) for i, v in enumerate(drawn)]


def _compare(graph: Graph, node: Node, where: str, v: np.ndarray, analytic: float,
             output: Callable[[], float],
             scale: float) -> tuple[str, float, float, float]:  # fmt: skip
    """Return (where, analytic, numeric, relative error) of the derivative along ``v``."""
    home = graph.program.value(node)  # of a parameter: where it lies in the store
    start = home.copy()
    h = 1e-3 * max(1.0, float(np.linalg.norm(start)) / start.size**0.5)
    best = (where, analytic, np.inf, np.inf)
    # Rounding errors grow and truncation errors fall with a smaller step: the best of three.
    for step in (h, h / 10, h / 100):
        values = []
        try:
            for k in (-2, -1, 1, 2):
                home[...] = start + k * step * v
                values.append(output())
        finally:
            home[...] = start
        numeric = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        # What the rounding of the outputs alone can make of the difference quotient.
        noise = 16 * np.finfo(np.float64).eps * max(map(abs, values)) / step
        floor = max(abs(analytic), abs(numeric), 1e-8 * scale, 1e-12)
        error = max(0.0, abs(analytic - numeric) - noise) / floor
        if not np.isfinite(analytic - numeric):
            error = np.inf
        if error < best[3] or best[3] == np.inf:
            best = (where, analytic, numeric, error)
    return best
