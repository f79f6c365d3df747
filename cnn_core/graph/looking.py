"""Looking: the part of a `Graph` that shows values and gradients, and goes node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DtypeError
from cnn_core.graph.walk import GRADIENTS, VALUES, Walk
from cnn_core.ir.node import Node

if TYPE_CHECKING:
    from cnn_core._ext.core import Lock
    from cnn_core.graph.check import GradientReport
    from cnn_core.graph.lean import Lean
    from cnn_core.run.program import Program

Value = Any  # a float for a scalar node, else an array


class Looking:
    """What a graph has computed, as a user sees it, and single steps of computing it."""

    program: Program
    _walk: Walk
    _lean: Lean
    _lock: Lock
    _seed: int
    _counter: int

    if TYPE_CHECKING:  # what a `Graph` has

        @property
        def dtype(self) -> np.dtype: ...
        def node(self, node: Node | str) -> Node: ...
        def _shown(self, node: Node, view: np.ndarray) -> Value: ...
        def _zeros(self, node: Node, n_rows: int) -> Value: ...

    @property
    def has_values(self) -> bool:
        """Whether all values have been computed from what was fed last."""
        walk = self.__dict__.get("_walk")  # which a graph has that was compiled
        return walk is not None and walk.stage >= VALUES

    @property
    def has_gradients(self) -> bool:
        """Whether all gradients have been computed from these values."""
        walk = self.__dict__.get("_walk")
        return walk is not None and walk.stage == GRADIENTS

    def value(self, node: Node | str) -> Value:
        """Return the value of a node, given itself or by name: float or a new array.

        Before anything is computed it is 0, see `has_values`.  Raises `GraphError` for a node of
        another graph or an unknown name.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> s = cnn.ops.add(x, y, name="s")
        >>> graph = cnn.Graph(s * x)
        >>> graph.forward(x=2.0, y=3.0), graph.value("s"), graph.value(x)
        (10.0, 5.0, 2.0)
        """
        node = self.node(node)
        if self._lean.lacks_value(node):
            self._lean.complete()
        return self._shown(node, self.program.value(node))

    def grad(self, node: Node | str) -> Value:
        """Return the gradient at a node: float or a new array; zero where none flows.

        Raises what `value` raises, and `StateError` before a `backward`, or the `backward_node` of
        all that add to it.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> s = cnn.ops.add(x, y, name="s")
        >>> graph = cnn.Graph(s * x)
        >>> graph.forward(x=2.0, y=3.0), graph.backward()
        (10.0, {'x': 7.0, 'y': 2.0})
        >>> graph.grad("s"), graph.grad(x)
        (2.0, 7.0)
        """
        node = self.node(node)
        self._walk.need_gradient(node)
        if self._lean.lacks_grad(node):
            self._lean.complete()
        if self.program.has_grad(node):
            return self._shown(node, self.program.grad(node))
        return self._zeros(node, self.program.n_rows)

    def check_gradients(self, *, n_directions: int = 5, seed: int = 0) -> GradientReport:
        """Compare every gradient with central differences at the values fed last.

        See `GradientReport`.  Needs float64.

        Raises `DtypeError` for float32, `StateError` before a `forward`.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> s = cnn.ops.add(x, y, name="s")
        >>> graph = cnn.Graph(s * x)
        >>> value = graph.forward(x=2.0, y=3.0)
        >>> report = graph.check_gradients()
        >>> report.ok, [(line.name, round(line.numeric, 6)) for line in report.lines]
        (True, [('x', 7.0), ('y', 2.0)])
        """
        if self.dtype != np.float64:
            raise DtypeError(f"check_gradients: need a graph of float64; got {self.dtype}")
        self._walk.need_values("check_gradients")
        self._lean.complete()
        n_directions = options.whole("check_gradients", n_directions, option="n_directions")
        seed = options.seed("check_gradients", seed, "a seed")
        from cnn_core.graph.check import check_gradients  # not needed to train

        return check_gradients(self, n_directions=n_directions, seed=seed)

    def forward_node(self, node: Node | str) -> Value:
        """Compute one node from the present values of its inputs and return its value.

        Raises `GraphError` for a node of another graph, `StateError` before a `feed`.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> s = cnn.ops.add(x, y, name="s")
        >>> graph = cnn.Graph(s * x)
        >>> graph.feed(x=2.0, y=3.0)
        >>> [graph.forward_node(node) for node in graph.nodes_topologically_sorted() if node.inputs]
        [5.0, 10.0]
        """
        node = self.node(node)
        self._lean.complete()
        with self._lock:
            self._walk.forward(node, seed=self._seed, counter=self._counter)
            return self.value(node)

    def backward_node(self, node: Node | str) -> None:
        """Give the gradients of one node's inputs what its own gradient contributes.

        In the order of `backward`, which is that of the nodes reversed, a whole walk makes what
        `backward` makes: the first contribution to a gradient is written, the others are added.

        Raises `StateError` unless all values are there, see `has_values`.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> s = cnn.ops.add(x, y, name="s")
        >>> graph = cnn.Graph(s * x)
        >>> value = graph.forward(x=2.0, y=3.0)
        >>> for node in reversed(graph.nodes_topologically_sorted()):
        ...     graph.backward_node(node)
        >>> graph.grad(x), graph.grad(y)
        (7.0, 2.0)
        """
        self._lean.complete()
        with self._lock:
            self._walk.backward(self.node(node), seed=self._seed, counter=self._counter)
