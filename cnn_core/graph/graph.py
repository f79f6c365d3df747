"""Graph: a computation whose every value and gradient can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core._ext.core import Lock, Runner
from cnn_core.arrays import as_numbers
from cnn_core.errors import DtypeError, GraphError, OptionError, ShapeError
from cnn_core.graph.lean import Lean
from cnn_core.graph.looking import Looking, Value
from cnn_core.graph.pictures import Pictured
from cnn_core.graph.recording import Recorded
from cnn_core.graph.step_program import StepProgram
from cnn_core.graph.walk import NOTHING, Walk
from cnn_core.ir.named import NamedNodes
from cnn_core.ir.node import Input, Node, Parameter, State
from cnn_core.ir.order import parameters_of
from cnn_core.ir.shapes import with_rows
from cnn_core.options import shown
from cnn_core.run.feeding import as_rows, check_inputs, check_leaves, check_seeds, plain
from cnn_core.run.program import Program, what_stops_gradients
from cnn_core.state.blocks import Place
from cnn_core.state.params import ParamStore, store_of

if TYPE_CHECKING:
    from cnn_core.graph.step_program import Updates

FLOP_WORTH_THE_GIL = 1e6
"""Below this much arithmetic, giving up the GIL and taking it back costs more than it gives."""

BUSY = "graph: need one call at a time; got one from within its own run, by a gate or a schedule"


class Graph(Recorded, Pictured, Looking, NamedNodes):
    """A compiled computational graph: values forward, gradients backward.

    ``outputs`` is a node or a sequence of nodes.  ``dtype`` is float64 or float32; by default that
    of the parameters, where a network or a graph has them already, else float64.  ``training``
    keeps dropout at work; ``seed`` starts its masks.

    The numbers of a parameter have one place, which all networks and graphs with it share: what
    one learns the others see.  ``params``, a `ParamStore`, gives the graph numbers of its own,
    or lets several graphs share those of one store, by name.

    Values of scalars are floats, all others new arrays of ``dtype``.  Raises `GraphError` for a
    cycle, for a name that two nodes have and for what is no node.

    >>> x, y, z = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
    >>> graph = cnn.Graph((x + y) * z)
    >>> graph.forward(x=-2.0, y=5.0, z=-4.0)
    -12.0
    >>> graph.backward()
    {'x': -4.0, 'y': -4.0, 'z': 3.0}

    A graph of a network's output has the network's own numbers:

    >>> net = cnn.Sequential([cnn.Dense(2, "tanh"), cnn.Dense(1)], inputs=3, seed=0)
    >>> inside = cnn.Graph(net.output)
    >>> bool(np.allclose(inside.forward(x=[1, 2, 3]), net.predict([1, 2, 3])))
    True
    >>> inside.value("dense_0").shape
    (2,)
    """

    def __init__(
        self,
        outputs: Node | Sequence[Node],
        *,
        dtype: Any = None,
        training: bool = False,
        seed: int = 0,
        params: ParamStore | None = None,
    ) -> None:
        super().__init__(outputs)
        if dtype is not None:
            dtype = options.real_dtype("Graph", dtype)
        self._training = options.flag("Graph", training, option="training")
        self._seed, self._counter = options.seed("Graph", seed, "a seed"), 0
        self._params = self._find_params(params, dtype)
        self._row = False  # a single row without a batch axis was fed last
        self._lock, self._compiling = Lock(BUSY), Lock()
        self._stepping: StepProgram | None = None
        reals = [n for n in self._nodes if n.dtype == "real"]
        leaves = (Input, Parameter)
        self._targets = [n for n in reals if isinstance(n, leaves) and not isinstance(n, State)]
        self._seeds = [n for n in dict.fromkeys(self.outputs)
                       if n.dtype == "real" and n.has_gradient]  # fmt: skip
        self._scalar_seeds = all(n.shape == () for n in self._seeds)

    @property
    def dtype(self) -> np.dtype:
        """float64 or float32."""
        return self._params.dtype

    @property
    def params(self) -> ParamStore:
        """The parameters, a mapping from names to arrays."""
        return self._params

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is compiled, and what it has computed.

        The nodes come first, each after its operands: pickle then needs no deep recursion.
        """
        compiled = {"program", "_walk", "_no_gradient", "_runner", "_lean", "_stepping", "_lock",
                    "_compiling", "_recording"}  # fmt: skip
        rest = {k: v for k, v in vars(self).items() if k not in compiled}
        return {"_nodes": rest.pop("_nodes"), **rest}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._compiling, self._stepping = Lock(BUSY), Lock(), None
        self._find_params(self._params, None)

    def _find_params(self, given: Any, dtype: np.dtype | None) -> ParamStore:
        """Return the store that holds all parameters, in their shapes and of ``dtype``."""
        parameters = parameters_of(self.outputs)
        if given is None:
            named = {p: self._names[p] for p in parameters}
            return store_of(named, dtype, "Graph", self._seed)
        if not isinstance(given, ParamStore):
            raise OptionError(f"Graph: need params, a ParamStore; got {options.shown(given)}")
        if dtype is not None and given.dtype != dtype:
            raise DtypeError(f"Graph: need params of {dtype}; got {given.dtype}")
        given.need(parameters, "Graph")
        return given

    def __getattr__(self, name: str) -> Any:
        """Compile the graph when it is first asked to run: `step` alone does not need it."""
        if name not in ("program", "_walk", "_no_gradient", "_runner", "_lean"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        with self._compiling:
            if name not in self.__dict__:
                self._compile(max_batch=1)
        return self.__dict__[name]

    def _compile(self, max_batch: int) -> None:
        program = Program(
            self.outputs, self.params, max_batch=max_batch, seeds=self._seeds,
            targets=self._targets, keep_all=True, training=self._training,
        )  # fmt: skip
        self.program, self._walk = program, Walk(program)
        self._no_gradient = what_stops_gradients(program, self._targets)
        self._runner = self._make_runner()
        self._lean = Lean(program, self._training, self._seeds, self._targets)

    def _make_runner(self) -> Runner | None:
        """Return the short way; None where a run should give up the GIL, or calls Python."""
        program = self.program
        if program.flop > FLOP_WORTH_THE_GIL or program.calls_python:
            return None
        inputs = {name: program.input_tensor(name) for name in program.inputs}
        reached = dict.fromkeys(n for n in self._targets if program.has_grad(n))
        gradients = dict.fromkeys([self._names[n] for n in self._targets], -1)
        gradients.update((self._names[n], program.grad_tensor(n)) for n in reached)
        zeros = {self._names[n]: partial(self._unreached, n)
                 for n in self._targets if n not in reached}  # fmt: skip
        return Runner(
            program, program.binding, self._lock, inputs,
            [program.value_tensor(n) for n in self.outputs],
            [program.grad_tensor(n) for n in self._seeds], gradients, zeros, program.n_forward,
            self._seed,
        )  # fmt: skip

    def _zeros(self, node: Node, n_rows: int) -> Value:
        return self._shown(node, np.zeros(with_rows(node.shape, n_rows), self.dtype))

    def _shown(self, node: Node, view: np.ndarray) -> Value:
        """Return what a user sees of a node's value or gradient: float or a new array."""
        return plain(view[0] if self._row and node.batched else view)

    def _unreached(self, node: Node, n_rows: int) -> Value:
        """Return zeros; for a parameter also where an optimizer looks for its gradient."""
        if isinstance(node, Parameter):
            self.params.grads[self.params.name_of(node)][...] = 0
        return self._zeros(node, n_rows)

    # -- running --------------------------------------------------------------------------

    def forward(self, *, check_finite: bool = False, **inputs: Any) -> Value:
        """Feed the inputs by name, compute all values and return the output.

        Scalars come back as float, arrays as new arrays, several outputs as a tuple.  An input
        that was fed before may be left out.  ``check_finite`` raises `DataError` naming the
        input or parameter that holds a NaN or infinity, or the first node that makes one.

        A single row may be fed without its batch axis, as in `Sequential.predict`: (I,) into
        (B, I), all batched inputs alike.  Values and gradients then have no batch axis either,
        here, in `backward`, `value` and `grad`, until the next `forward` or `feed`.

        Raises `GraphError` for inputs that are missing or unknown, `ShapeError`, `DtypeError` and
        `LabelError` for what an input does not take.

        >>> x = cnn.Input("x", (cnn.BATCH, 2))
        >>> graph = cnn.Graph([cnn.ops.exp(x), cnn.ops.sum(x)])
        >>> graph.forward(x=[[0, 0], [0, 1]])
        (array([[1.        , 1.        ],
               [1.        , 2.71828183]]), 1.0)
        """
        short = None
        if self._runner is not None and check_finite is False:
            try:
                short = self._runner.forward(inputs, self._counter + 1)
            except BaseException:
                self._walk.feed()  # a run that stopped halfway
                raise
        if short is None:
            values = self._forward(inputs, check_finite)
        else:
            values = short
            self._counter += 1
            self._row = False
            self._walk.have_values()
        return values[0] if self._single else tuple(values)

    def _forward(self, inputs: dict[str, Any], check_finite: bool) -> list[Value]:
        check_finite = options.flag("forward", check_finite, option="check_finite")
        with self._lock:
            self._feed(inputs)
            if check_finite:
                check_leaves(self.program)
            self._counter += 1
            self._lean.run_forward(
                seed=self._seed, counter=self._counter, check_finite=check_finite
            )
            self._walk.have_values()
            return [self.value(node) for node in self.outputs]

    def feed(self, **inputs: Any) -> None:
        """Copy the inputs in without computing anything; for going node by node.

        Raises what `forward` raises for inputs.  See `forward_node`.
        """
        self._lean.complete()
        self._feed(inputs)

    def _feed(self, inputs: dict[str, Any]) -> None:
        program = self.program
        inputs, row = as_rows(program.inputs, inputs)
        checked, rows = check_inputs(program.inputs, inputs, self.dtype)
        missing = program.inputs.keys() - inputs.keys()
        larger = rows is not None and rows > program.max_batch
        if missing and (self._walk.stage == NOTHING or larger):
            raise GraphError(f"forward: need a value for {', '.join(sorted(missing))}; got none")
        stale = sorted(n for n in missing if program.inputs[n].batched)
        if stale and rows not in (None, program.n_rows):
            raise ShapeError(
                f"forward: need {', '.join(stale)} anew for {rows} rows; fed last with "
                f"{program.n_rows}"
            )
        if larger:
            self._compile(max_batch=max(rows, 2 * program.max_batch))  # type: ignore[type-var]
        self.program.feed({n.name: array for n, array in checked.items()})
        self._row = self._row if row is None else row
        self._lean.forget()
        self._walk.feed()

    def _rows(self, name: str, array: Any) -> int:
        node = self._inputs.get(name)
        if node is None or not node.batched:
            return 1
        shape = as_numbers(array, who=f"input {name!r}").shape
        return shape[0] if len(shape) == len(node.shape) else 1

    def backward(self, seed: Any = None) -> dict[str, Value]:
        """Compute all gradients of the output; return those of inputs and parameters by name.

        ``seed`` is the gradient given at the output, of its shape; by default 1, for a scalar
        output.  With several outputs, a dict from names or nodes to such gradients; outputs
        that it leaves out get 0.

        Raises `StateError` before a `forward`, `ShapeError` for a seed of another shape, or for
        none where the output is no scalar, `GraphError` where an operation lets no gradient
        through.

        >>> x = cnn.Input("x", (3,))
        >>> graph = cnn.Graph(x * x)
        >>> y = graph.forward(x=[1, 2, 3])
        >>> graph.backward([1, 0, 10])["x"]
        array([ 2.,  0., 60.])
        """
        self._walk.need_values("backward")
        if self._no_gradient:
            raise GraphError(self._no_gradient)
        if seed is None and self._runner is not None and self._scalar_seeds and not self._row:
            found = self._runner.backward(self.program.n_rows, self._counter)
            if found is not None:
                self._walk.have_gradients()
                return found
        with self._lock:
            seeds = self._set_seeds(seed)
            self._walk.lose_gradients()
            self._lean.run_backward(seeds, seed=self._seed, counter=self._counter)
            self._walk.have_gradients(seeds)
            program = self.program
            return {self._names[n]: self.grad(n) if program.has_grad(n)
                    else self._unreached(n, program.n_rows) for n in self._targets}  # fmt: skip

    def _set_seeds(self, seed: Any) -> dict[Node, Any]:
        names = {node: self.name_of(node) for node in self._seeds}
        rows = None if self._row else self.program.n_rows
        seeds = check_seeds(names, seed, rows, self.node, self.dtype)
        for node, value in seeds.items():
            self.program.grad(node)[...] = value
        return seeds

    def step(self, optimizer: Updates, /, **inputs: Any) -> Value:
        """Feed all inputs, make one step of ``optimizer`` and return what `forward` returns.

        The first output, a scalar, is minimised over all parameters that it depends on; dropout
        is at work.  The values returned are those before the update.  Other parameters of a
        store that several graphs share stay as they are, to the bit, and so does the optimizer's
        state of them (see `Optimizer.apply` for what that means for the count of steps).  This
        is `forward`, `backward` and ``optimizer.apply(graph.params, only=those)`` in one call
        into C, over a plan of its own that keeps nothing: `value` and `grad` go on to show what
        `forward` and `backward` made last, but for the parameters and their gradients, which lie
        in ``params``.

        Raises what `forward` raises, and `GraphError` where there is nothing to learn.

        >>> w, b = cnn.Parameter("w", [[0.0]]), cnn.Parameter("b", [0.0])
        >>> x, t = cnn.Input("x", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
        >>> graph = cnn.Graph(cnn.ops.mse(cnn.ops.dense(x, w, b), t))
        >>> adam = cnn.Adam(lr=0.1)
        >>> losses = [graph.step(adam, x=[[0], [1], [2]], t=[[1], [3], [5]]) for _ in range(300)]
        >>> w.value.round(2), b.value.round(2)
        (array([[2.]]), array([1.]))
        """
        with self._lock:
            if not hasattr(optimizer, "learner"):
                raise OptionError(f"step: need an optimizer such as Adam(); got {shown(optimizer)}")
            rows = max((self._rows(name, a) for name, a in inputs.items()), default=1)
            former = self._stepping
            if former is None or rows > former.program.max_batch or former.roles != Place.changes:
                if former is not None and rows > former.program.max_batch:
                    rows = max(rows, 2 * former.program.max_batch)
                self._stepping = StepProgram(
                    self.outputs, self._names, self.params, self._lock, max_batch=rows,
                    seed=self._seed,
                )  # fmt: skip
            self._stepping.feed(inputs)
            recording, program = self._recording, self._stepping
            values = (program.run(optimizer) if recording is None
                      else recording.step(program, optimizer, inputs))  # fmt: skip
        return values[0] if self._single else tuple(values)

    def __repr__(self) -> str:
        outputs = ", ".join(self.name_of(n) for n in self.outputs)
        return f"<Graph of {len(self._nodes)} nodes: {outputs}, {self.dtype}>"
