"""Graph: a computation whose every value and gradient can be looked at."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.errors import DtypeError, GraphError, OptionError, ShapeError, StateError
from cnn_core.graph.node import Input, Node, Parameter
from cnn_core.graph.params import ParamStore, real_dtype
from cnn_core.graph.program import Program, parameters_of
from cnn_core.graph.shapes import with_rows

if TYPE_CHECKING:
    from cnn_core.graph.check import GradientReport

Value = Any  # a float for a scalar node, else an array


class Graph:
    """A compiled computational graph: values forward, gradients backward.

    ``outputs`` is a node or a sequence of nodes.  ``dtype`` is float64 or float32.  ``training``
    keeps dropout at work; ``seed`` starts its masks.  ``params`` lets several graphs share the
    parameters of one store.

    >>> x, y, z = Input("x"), Input("y"), Input("z")
    >>> graph = Graph((x + y) * z)
    >>> graph.forward(x=-2.0, y=5.0, z=-4.0)
    -12.0
    >>> graph.backward()
    {'x': -4.0, 'y': -4.0, 'z': 3.0}
    """

    def __init__(
        self,
        outputs: Node | Sequence[Node],
        *,
        dtype: Any = "float64",
        training: bool = False,
        seed: int = 0,
        params: ParamStore | None = None,
    ) -> None:
        self._single = isinstance(outputs, Node)
        self.outputs: list[Node] = [outputs] if isinstance(outputs, Node) else list(outputs)
        for node in self.outputs:
            if not isinstance(node, Node):
                raise GraphError(f"Graph: need nodes as outputs; got {node!r}")
        if not self.outputs:
            raise GraphError("Graph: need at least one output; got none")
        self.dtype = real_dtype(dtype, "Graph")
        found = parameters_of(self.outputs)
        self.params = ParamStore(found, self.dtype) if params is None else params
        self._check_params(found)
        self._training, self._seed, self._counter = training, seed, 0
        self._lock = threading.RLock()
        self._compile(max_batch=1)

    def _check_params(self, parameters: list[Parameter]) -> None:
        if self.params.dtype != self.dtype:
            raise DtypeError(f"Graph: need params of {self.dtype}; got {self.params.dtype}")
        missing = [p.name for p in parameters if p.name not in self.params]
        if missing:
            raise GraphError(f"Graph: need params that hold {', '.join(missing)}; they do not")

    def _compile(self, max_batch: int) -> None:
        nodes = self.nodes_topologically_sorted()
        targets = [n for n in nodes if isinstance(n, (Input, Parameter)) and n.dtype == "real"]
        seeds = [n for n in dict.fromkeys(self.outputs) if n.dtype == "real"]
        self.program = Program(
            self.outputs, self.params, max_batch=max_batch, seeds=seeds, targets=targets,
            keep_all=True, training=self._training,
        )  # fmt: skip
        self._targets, self._seeds = targets, seeds
        self._by_name = {name: node for node, name in self.program.names.items()}
        self._ran_forward = self._ran_backward = False

    def nodes_topologically_sorted(self) -> list[Node]:
        """Return all nodes, each after the nodes that it depends on."""
        if hasattr(self, "program"):
            return list(self.program.nodes)
        from cnn_core.graph.order import topological_order

        return topological_order(self.outputs)

    def name_of(self, node: Node) -> str:
        """Return a node's name in this graph: its own, or its operation's with a number."""
        return self.program.names[self._node(node)]

    # -- running --------------------------------------------------------------------------

    def forward(self, *, check_finite: bool = False, **inputs: Any) -> Value:
        """Feed the inputs by name, compute all values and return the output.

        Scalars come back as float, arrays as new arrays, several outputs as a tuple.  An input
        that was fed before may be left out.  ``check_finite`` raises `DataError` naming the
        first node that makes a NaN or infinity.
        """
        with self._lock:
            self.feed(**inputs)
            self._counter += 1
            self.program.run_forward(
                seed=self._seed, counter=self._counter, check_finite=check_finite
            )
            self._ran_forward, self._ran_backward = True, False
            values = tuple(self.value(node) for node in self.outputs)
        return values[0] if self._single else values

    def feed(self, **inputs: Any) -> None:
        """Copy the inputs in without computing anything; for going node by node."""
        rows = max((self._rows(name, a) for name, a in inputs.items()), default=1)
        program = self.program
        missing = set(program.inputs) - set(inputs)
        if missing and (not self._ran_forward or rows > program.max_batch):
            raise GraphError(f"forward: need a value for {', '.join(sorted(missing))}; got none")
        stale = [n for n in missing if program.inputs[n].batched]
        if stale and rows != program.n_rows and any(program.inputs[n].batched for n in inputs
                                                    if n in program.inputs):  # fmt: skip
            raise ShapeError(
                f"forward: need {', '.join(sorted(stale))} anew for {rows} rows; fed last with "
                f"{program.n_rows}"
            )
        if rows > program.max_batch:
            self._compile(max_batch=max(rows, 2 * program.max_batch))
        self.program.feed({name: self._numbers(name, a) for name, a in inputs.items()})

    def _rows(self, name: str, array: Any) -> int:
        node = self.program.inputs.get(name)
        return len(array) if node is not None and node.batched and np.ndim(array) else 1

    def _numbers(self, name: str, value: Any) -> np.ndarray:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise DtypeError(f"input {name!r}: need real numbers; got dtype {array.dtype}")
        return array

    def backward(self, seed: Any = None) -> dict[str, Value]:
        """Compute all gradients of the output; return those of inputs and parameters by name.

        ``seed`` is the gradient given at the output, of its shape; by default 1, for a scalar
        output.  With several outputs, a dict from names or nodes to such gradients; outputs
        that it leaves out get 0.
        """
        if not self._ran_forward:
            raise StateError("backward: need forward first; got backward before any forward")
        with self._lock:
            for node, value in self._seed_values(seed).items():
                self.program.grad(node)[...] = value
            self.program.run_backward(seed=self._seed, counter=self._counter)
            self._ran_backward = True
            return {n.name: self.grad(n) for n in self._targets}

    def _seed_values(self, seed: Any) -> dict[Node, Any]:
        if not self._seeds:
            raise GraphError("backward: need a real output; the outputs are whole numbers")
        if seed is None:
            for node in self._seeds:
                if node.shape != ():
                    raise ShapeError(
                        f"backward: need a seed for {self.name_of(node)}, whose shape is "
                        f"{node.shape}; got none (only a scalar has the default 1)"
                    )
            return dict.fromkeys(self._seeds, 1.0)
        given = seed if isinstance(seed, Mapping) else {self._seeds[0]: seed}
        if not isinstance(seed, Mapping) and len(self._seeds) > 1:
            raise OptionError("backward: need seeds by output name, for several outputs; got one")
        values: dict[Node, Any] = dict.fromkeys(self._seeds, 0.0)
        for key, value in given.items():
            node = self._node(key)
            shape = with_rows(node.shape, self.program.n_rows)
            if node not in values or np.shape(value) != shape:
                raise ShapeError(
                    f"backward: need a seed of shape {shape} for output {self.name_of(node)}; got "
                    f"{np.shape(value)}"
                )
            values[node] = value
        return values

    def forward_node(self, node: Node | str) -> Value:
        """Compute one node from the present values of its inputs and return its value."""
        node = self._node(node)
        self.program.run_node(node, seed=self._seed, counter=self._counter)
        return self.value(node)

    def backward_node(self, node: Node | str) -> None:
        """Add to the gradients of one node's inputs what its own gradient gives them."""
        self.program.run_node(
            self._node(node), backward=True, seed=self._seed, counter=self._counter
        )

    # -- looking --------------------------------------------------------------------------

    def _node(self, node: Node | str) -> Node:
        found = self._by_name.get(node) if isinstance(node, str) else node
        if found is None or found not in self.program.names:
            raise GraphError(f"need a node of this graph; got {node!r}")
        return found

    def value(self, node: Node | str) -> Value:
        """Return the value of a node, given itself or by name: float or a new array."""
        return _plain(self.program.value(self._node(node)))

    def grad(self, node: Node | str) -> Value:
        """Return the gradient at a node: float or a new array; zero where none flows."""
        node = self._node(node)
        if not self._ran_backward:
            raise StateError(f"grad {self.name_of(node)!r}: need backward first")
        if node in self.program.lowered.grad:
            return _plain(self.program.grad(node))
        return _plain(np.zeros(with_rows(node.shape, self.program.n_rows), self.dtype))

    def check_gradients(self, *, n_directions: int = 5, seed: int = 0) -> GradientReport:
        """Compare every gradient with central differences at the values fed last.

        See `GradientReport`.  Needs float64.
        """
        if self.dtype != np.float64:
            raise DtypeError(f"check_gradients: need a graph of float64; got {self.dtype}")
        if not self._ran_forward:
            raise StateError("check_gradients: need forward first, for values to check at")
        from cnn_core.graph.check import check_gradients  # not needed to train

        return check_gradients(self, n_directions=n_directions, seed=seed)

    def __repr__(self) -> str:
        outputs = ", ".join(self.name_of(n) for n in self.outputs)
        return f"<Graph of {len(self.program.nodes)} nodes: {outputs}, {self.dtype}>"


def _plain(view: np.ndarray) -> Value:
    return view.item() if view.shape == () else view.copy()
