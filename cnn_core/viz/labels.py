"""What is written on an edge: the value above, the gradient below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.errors import StateError
from cnn_core.ir.node import BATCH, Input, Node, Parameter, State
from cnn_core.viz.fonts import clean

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph

SMALL = 4
"""Arrays of up to this many elements are written out where they fit into LIMIT characters."""
LIMIT = 24


@dataclass(frozen=True)
class Label:
    """The lines above and below an edge, and a sentence with more digits."""

    value: tuple[str, ...]
    gradient: tuple[str, ...]
    full: str


class Labels:
    """The labels of a graph's nodes, made when they are asked for.

    What has not been computed is left out: values before forward, gradients before backward, and
    the gradients of constants and of whole numbers at any time.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._found: dict[Node, Label] = {}
        self._with_gradient = with_gradient(graph.nodes_topologically_sorted())

    @staticmethod
    def title(graph: Graph, node: Node) -> str:
        """Return the name of a node and what it is."""
        return clean(f"{graph.name_of(node)}: {what(node)}")

    def __getitem__(self, node: Node) -> Label:
        if node not in self._found:
            self._found[node] = self._make(node)
        return self._found[node]

    def _make(self, node: Node) -> Label:
        graph = self._graph
        value = graph.value(node) if graph.has_values else None
        gradient = None
        if node in self._with_gradient and value is not None:
            try:
                gradient = graph.grad(node)
            except StateError:
                gradient = None
        shape = shape_text(node, value)
        above = _lines(value)
        if node.shape != () and not (above and above[0].startswith("[")):
            above = (shape, *above)
        full = [f"{graph.name_of(node)}: {what(node)}, shape {shape}"]
        full += [] if value is None else [f"value {_sentence(value)}"]
        full += [] if gradient is None else [f"gradient {_sentence(gradient)}"]
        return Label(above, _lines(gradient), clean(", ".join(full)))


def with_gradient(nodes: Iterable[Node]) -> set[Node]:
    """Return the nodes, given in topological order, that show a gradient: an input or a parameter
    that learns can be reached from them."""
    found: set[Node] = set()
    for node in nodes:
        leaf = isinstance(node, (Input, Parameter)) and not isinstance(node, State)
        if (leaf and node.dtype == "real") or any(
            x in found and node.is_differentiable(i) for i, x in enumerate(node.inputs)
        ):
            found.add(node)
    return found


def what(node: Node) -> str:
    """Return the operation of a node in words; a user's gate has the name of its class."""
    gate = getattr(node, "gate", None)
    return type(gate).__name__ if gate is not None else node.op or type(node).__name__.lower()


def shape_text(node: Node, value: Any = None) -> str:
    """Return the shape, such as ``(B=32, 128)``, or ``(B, 128)`` before forward."""
    lengths = [str(n) for n in node.shape]
    if node.batched and value is not None:
        # A row that was fed without its batch axis is shown without one.
        lengths[0] = f"{BATCH!r}={len(value) if np.ndim(value) == len(node.shape) else 1}"
    return f"({', '.join(lengths)})"


def number(x: float) -> str:
    """Return two decimals as in the lecture, or two digits of what is very small or large."""
    return f"{x:.2f}" if x == 0 or 0.095 <= abs(x) < 1e4 else _digits(x)


def _digits(x: float) -> str:
    """Return two or three digits that differ from 0."""
    small = 0 < abs(x) < 1e-3
    head, e, exponent = (f"{x:.1e}" if small else f"{x:.{2 if abs(x) < 1 else 3}g}").partition("e")
    return f"{head}e{int(exponent)}" if e else head


def _lines(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if np.ndim(value) == 0:
        return (number(value) if isinstance(value, float) else str(value),)
    return array_lines(np.asarray(value))


def array_lines(array: np.ndarray) -> tuple[str, ...]:
    """Return the numbers of a small array, else what sums it up, in short lines."""
    if array.size <= SMALL and array.ndim == 1:
        text = str([_Plain(x) for x in array.tolist()])
        if len(text) <= LIMIT:
            return (text,)
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        nan = int(np.isnan(array).sum())
        parts = [f"{nan} NaN"] * (nan > 0) + [f"{bad - nan} inf"] * (bad > nan)
        return (*parts, f"of {array.size}")
    low, high = array.min(), array.max()
    if low == high:
        return (f"all {_digits(float(low))}",)
    if array.dtype.kind in "iu":
        return f"min {low}", f"max {high}"
    with np.errstate(all="ignore"):  # float64 may overflow where all numbers are finite
        mean, std = array.mean(dtype=np.float64), array.std(dtype=np.float64)
    return f"mean {_digits(mean)}", f"std {_digits(std)}"


class _Plain:
    """A number that a list shows with few digits."""

    def __init__(self, x: float) -> None:
        self.x = x

    def __repr__(self) -> str:
        return _digits(self.x)


def _sentence(value: Any) -> str:
    if np.ndim(value) == 0:
        return f"{value:.8g}"
    array = np.asarray(value)
    return f"{' '.join(array_lines(array))}, min {array.min():.6g}, max {array.max():.6g}"
