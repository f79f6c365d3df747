"""Sequential: layers one after the other, their parameters, and prediction."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core._ext.gather import convert_rows, first_beyond
from cnn_core._ext.predictor import Predictor
from cnn_core.arrays import as_numbers, as_real, check_range, reach_of, refuse_mask
from cnn_core.data.arrays import as_features
from cnn_core.errors import DtypeError, OptionError, ShapeError, StateError
from cnn_core.graph.gate import Gate
from cnn_core.graph.node import BATCH, Input, Node, Parameter, check_shape, group
from cnn_core.graph.order import topological_order, unique_names
from cnn_core.graph.params import ParamStore, store_of
from cnn_core.graph.program import Program, parameters_of
from cnn_core.graph.schedule import MIN_FLOP
from cnn_core.graph.shapes import row_size
from cnn_core.graph.steps import COLUMNS
from cnn_core.graph.threads import get_num_threads, recompile_on_change
from cnn_core.nn.layers import Activation, Layer
from cnn_core.options import shown

BLOCK_ROWS, BLOCK_BYTES = 1024, 1 << 19
"""A prediction runs in blocks of rows: of about BLOCK_BYTES, and at least BLOCK_ROWS rows, ...

Each block copies the weights of a large layer once more."""

THREAD_ROWS = 256
"""... and at least so many for each thread, which copies them too ..."""

BLOCK_FLOP, LEAST_ROWS = 4e9, 64
"""... but what a thread computes within a twentieth of a second or so, lest Ctrl-C have to wait."""

RESERVED = frozenset({"x", "y", "w", "loss"})
"""Names of nodes that are no layers: features, targets, sample weights, the loss."""

FIXED = frozenset({"layers", "dtype", "seed", "input_scale", "input_shift", "input_reach", "input",
                   "layer_names", "output", "store"})  # fmt: skip
"""What programs are compiled from."""


class Sequential(Predictor):
    """A network: ``layers`` applied in order to rows of ``inputs`` elements.

    A layer is a `Layer` or a `Gate` of one input.
    ``inputs`` is the length of a row, or its shape.  ``dtype`` is float32 or float64.  ``seed``
    starts the draw of the weights: the same seed gives the same weights.  The network sees
    ``x * input_scale + input_shift``: with uint8 pixels, ``input_scale=1/255`` makes them 0 to 1
    as they are read, without a converted copy of the data.
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        inputs: int | tuple[int, ...],
        *,
        dtype: Any = "float32",
        seed: int = 0,
        input_scale: float = 1.0,
        input_shift: float = 0.0,
    ) -> None:
        layers = options.items("Sequential", layers, "layers", "list")
        self.layers = tuple(_as_layer(layer) for layer in layers)
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise OptionError(f"Sequential: need layers; got {shown(layer)}")
        if not self.layers:
            raise OptionError("Sequential: need at least one layer; got none")
        self.dtype = options.real_dtype("Sequential", dtype)
        self.input_scale = options.number("Sequential", input_scale, option="input_scale")
        self.input_shift = options.number("Sequential", input_shift, option="input_shift")
        scaling = np.array([self.input_scale, self.input_shift])
        as_real(scaling, self.dtype, who="Sequential", name="input_scale and input_shift")
        self.input_reach = reach_of(self.dtype, self.input_scale, self.input_shift)
        """The largest magnitude of an input that stays within the dtype, also when scaled."""
        self.input = Input("x", check_shape("Sequential: inputs", (BATCH, *_row_shape(inputs))))
        self.layer_names = _layer_names(self.layers)
        self.seed = options.seed("Sequential", seed, "a seed")
        before = [tuple(vars(layer)) for layer in self.layers]
        self._outputs, trained = self._build(np.random.default_rng(self.seed))
        if all(n is self.input or getattr(n, "training_only", False) for n in self._outputs):
            raise OptionError(f"Sequential: need a layer that computes; got {self.layers}")
        self.output: Node = self._outputs[-1]
        nodes = topological_order([self.output])
        _check_names(nodes, self.input)
        parameters = [n for n in nodes if isinstance(n, Parameter)]
        self.store = store_of(parameters, self.dtype, "Sequential")
        for layer, names in zip(self.layers, before, strict=True):
            layer.is_used = layer in trained
            layer.fix(names)
        self._program: Program | None = None

    def _build(self, rng: np.random.Generator) -> tuple[list[Node], list[Layer]]:
        """Return the nodes that the layers make, and the layers that have weights."""
        x: Node = self.input
        nodes: list[Node] = []
        trained: list[Layer] = []
        for layer, name in zip(self.layers, self.layer_names, strict=True):
            if layer.is_used or layer in trained:
                where = "this network" if layer in trained else "another network"
                raise OptionError(
                    f"Sequential: need a layer without weights for {name}; got {shown(layer)}, "
                    f"which has those of {where}: copy.deepcopy(layer) starts with fresh ones, and "
                    f"set_params then gives them the numbers of others"
                )
            with group(name):
                y = layer.build(x, name, rng)
            if _has_parameters(y, x):
                trained.append(layer)
            nodes.append(y)
            x = y
        return nodes, trained

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and name in self.__dict__:
            raise options.refuse(f"Sequential: {name}", "a new network for another value", value)
        object.__setattr__(self, name, value)

    # -- parameters -----------------------------------------------------------------------

    @property
    def params(self) -> ParamStore:
        """The parameters: a mapping from names such as ``dense_0.w`` to views of shape (I, O)."""
        return self.store

    def set_params(self, values: Mapping[str, Any], *, strict: bool = False) -> None:
        """Overwrite the named parameters.  Nothing changes unless all names and shapes fit.

        ``strict`` asks for all parameters.  One alone: ``net.params["dense_0.w"] = array``.
        """
        self.store.assign(values, strict=options.flag("set_params", strict, option="strict"))

    def freeze(self, pattern: str = "*") -> None:
        """Let parameters stay as they are in training: those of this name or pattern.

        A pattern is such as ``"dense_0.*"`` or ``"*.b"``.  It holds for every network that has
        the same parameters.
        """
        self.store.freeze(pattern)

    def unfreeze(self, pattern: str = "*") -> None:
        """Let parameters learn again, which a `freeze` had kept as they are."""
        self.store.unfreeze(pattern)

    @property
    def n_params(self) -> int:
        """The number of trained values."""
        return sum(view.size for view in self.store.values())

    # -- prediction -----------------------------------------------------------------------

    def __call__(self, x: Any) -> np.ndarray:
        return self.predict(x)

    def _prepare(self) -> None:
        """Compile the network for prediction, in blocks of rows that stay in the caches."""
        row_bytes = self.dtype.itemsize * (
            row_size(self.input.shape) + sum(row_size(n.shape) for n in self._outputs)
        )
        rows = max(BLOCK_ROWS, min(BLOCK_BYTES // row_bytes, 4 * BLOCK_ROWS),
                   THREAD_ROWS * get_num_threads())  # fmt: skip
        last = self.output
        while getattr(last, "training_only", False):
            (last,) = last.inputs
        program = Program([last], self.store, max_batch=rows, lent=True)
        self._program = program
        output = program.value_tensor(last)
        work = program.flop / rows
        direct = self.input_scale == 1 and self.input_shift == 0
        recompile_on_change(self)
        threads = program.use_threads(get_num_threads())
        schedule = program.schedule
        by_columns = schedule is not None and any(s[0] == COLUMNS for s in schedule.segments)
        fewest = max(1 if by_columns else 2, int(MIN_FLOP / work) + 1)
        most = int(threads * BLOCK_FLOP * 4 / self.dtype.itemsize / work) // 16 * 16
        rows = min(rows, max(most, LEAST_ROWS))
        self._set_plan(program.binding, program.input_tensor("x"), output, self.input.shape[1:],
                       self.output.shape[1:], self.dtype, rows, work, direct, threads, fewest,
                       program.calls_python)

    def _predict(self, x: Any, out: np.ndarray | None) -> np.ndarray:
        """Serve what `Predictor.predict` does not: conversions, other layouts, bad input."""
        given = x
        row_shape = self.input.shape[1:]
        x = as_numbers(x, who="predict", name="x")
        single = x.shape == row_shape
        rows, _ = as_features(
            x[None] if single else x, row_shape, who="predict", dtype=self.dtype, empty=True
        )
        shape = (len(rows), *self.output.shape[1:])
        result = self._check_out(out, shape[1:] if single else shape)
        if not len(rows):
            return result
        if first_beyond(rows, self.input_reach) >= 0:
            check_range(rows, "x", who="predict", dtype=self.dtype, reach=self.input_reach,
                        source=given)  # fmt: skip
        target = result if not np.may_share_memory(rows, result) else np.empty_like(result)
        self._predict_rows(rows, target)
        if target is not result:
            result[...] = target
        return result

    def _predict_rows(self, rows: np.ndarray, result: np.ndarray) -> None:
        program = self._program
        assert program is not None
        if rows.dtype == self.dtype and self.input_scale == 1 and self.input_shift == 0:
            self._predict_direct(rows.ctypes.data, result.ctypes.data, len(rows), rows.itemsize)
            return
        block = np.empty((min(len(rows), program.max_batch), *rows.shape[1:]), self.dtype)
        size = result.itemsize * (result.size // len(rows))
        for at in range(0, len(rows), len(block)):
            n = min(len(block), len(rows) - at)
            convert_rows(rows[at : at + n], block[:n], self.input_scale, self.input_shift)
            self._predict_direct(
                block.ctypes.data, result.ctypes.data + at * size, n, block.itemsize
            )

    def _check_out(self, out: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        if out is None:
            return np.empty(shape, self.dtype)
        refuse_mask(out, who="predict", name="out")
        if not isinstance(out, np.ndarray) or out.dtype != self.dtype:
            got = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
            raise DtypeError(f"predict: need out, an array of {self.dtype}; got {got}")
        if out.shape != shape or not out.flags.c_contiguous or not out.flags.writeable:
            raise ShapeError(
                f"predict: need out writable, C-contiguous, of shape {shape}; got {out.shape}, "
                f"strides {out.strides}, writable: {out.flags.writeable}"
            )
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out what is compiled: it is made anew at the next prediction.

        The nodes come first, each after its operands: pickle then needs no deep recursion.
        """
        state = {"_nodes": topological_order([self.output]), **self.__dict__, "_program": None}
        return copyreg.__newobj__, (type(self),), state  # type: ignore[attr-defined]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Raise `StateError` or what `ParamStore.need` raises unless nodes and numbers agree."""
        store, dtype = state.get("store"), state.get("dtype")
        if not isinstance(store, ParamStore) or store.dtype != dtype:
            raise StateError(f"Sequential: need parameters of {dtype}; got {options.shown(store)}")
        if not isinstance(state.get("output"), Node):
            raise StateError("Sequential: need the state of a network; got one without output")
        store.need(parameters_of([state["output"]]), "Sequential")
        self.__dict__.update(state)
        self.__dict__.pop("_nodes", None)
        x: Node = self.input
        for layer, y in zip(self.layers, self._outputs, strict=True):
            layer.is_used = _has_parameters(y, x)
            layer.fix()
            x = y

    # -- description ----------------------------------------------------------------------

    def summary(self) -> None:
        """Print one line per layer: name, output shape, number of parameters."""
        rows = [("layer", "output", "parameters"), ("x", str(self.input.shape), "")]
        for layer, name, node in zip(self.layers, self.layer_names, self._outputs, strict=True):
            count = sum(v.size for key, v in self.store.items() if key.startswith(f"{name}."))
            kind = getattr(layer, "activation", "")
            label = f"{name} ({kind})" if isinstance(kind, str) and kind else name
            rows.append((label, str(node.shape), f"{count:,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for i, row in enumerate(rows):
            print(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}")
            if i == 0:
                print("-" * (sum(widths) + 4))
        size = self.n_params * self.dtype.itemsize / 1024
        print(f"{self.n_params:,} parameters, {self.dtype}, {size:,.1f} KiB")

    def __repr__(self) -> str:
        layers, row = ", ".join(map(repr, self.layers)), self.input.shape[1:]
        inputs = row[0] if len(row) == 1 else row
        given = {"seed": (self.seed, 0), "input_scale": (self.input_scale, 1.0),
                 "input_shift": (self.input_shift, 0.0)}  # fmt: skip
        more = "".join(f", {k}={v!r}" for k, (v, default) in given.items() if v != default)
        return f"Sequential([{layers}], inputs={inputs}, dtype={str(self.dtype)!r}{more})"


def _has_parameters(y: Node, x: Node) -> bool:
    """Tell whether there are parameters among the nodes between ``x`` and ``y``."""
    stack, seen = [y], {x}
    while stack:
        node = stack.pop()
        if isinstance(node, Parameter):
            return True
        if node not in seen:
            seen.add(node)
            stack.extend(node.inputs)
    return False


def _as_layer(layer: Any) -> Any:
    """Return a layer as it is, and a gate as the layer that applies it."""
    return Activation(layer) if isinstance(layer, Gate) else layer


def _row_shape(inputs: Any) -> tuple[Any, ...]:
    if options.is_whole(inputs):
        return (int(inputs),)
    if isinstance(inputs, (tuple, list)):
        return tuple(inputs)
    raise options.refuse("Sequential", "inputs, a length or the shape of a row", inputs)


def _check_names(nodes: Iterable[Node], x: Input) -> None:
    """Raise where a node that layers made is called like what a trainer adds, or like another."""
    nodes = [node for node in nodes if node is not x]
    for node in nodes:
        if isinstance(node, Input):
            raise OptionError(
                f"Sequential: need layers whose only input is {x.name!r}, the features; got the "
                f"input {node.name!r}"
            )
        if node.name in RESERVED:
            raise OptionError(
                f"Sequential: need names of nodes other than {', '.join(sorted(RESERVED))}, which "
                f"the inputs and the loss have; got a {type(node).__name__} named {node.name!r}"
            )
    unique_names([x, *nodes])


def _layer_names(layers: list[Layer]) -> list[str]:
    """Return each layer's own name, or its kind and number: dense_0, dense_1, dropout_0 ..."""
    names: list[str] = []
    counts: dict[str, int] = {}
    for layer in layers:
        number = counts.get(layer.kind, 0)
        counts[layer.kind] = number + 1
        names.append(layer.name or f"{layer.kind}_{number}")
    taken = RESERVED.intersection(names)
    if taken:
        raise OptionError(
            f"Sequential: need layer names other than {', '.join(sorted(RESERVED))}, which the "
            f"inputs and the loss have; got {', '.join(sorted(taken))}"
        )
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        got = ", ".join(sorted(twice))
        raise OptionError(f"Sequential: need different layer names; got {got} twice")
    return names
