"""Model: a graph with named inputs and outputs, one store of parameters, and prediction."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Mapping
from os import PathLike, urandom
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_real, reach_of
from cnn_core.errors import CnnCoreError, GraphError, OptionError, ShapeError, StateError
from cnn_core.ir import labels
from cnn_core.ir.clone import cloned
from cnn_core.ir.group import plain
from cnn_core.ir.node import Input, Node, Parameter
from cnn_core.ir.order import parameters_of, topological_order, unique_names
from cnn_core.nn.prediction import Predicting
from cnn_core.options import shown
from cnn_core.state.params import ParamStore, store_of

if TYPE_CHECKING:
    from cnn_core.run.program import Program

RESERVED = frozenset({"w", "y", "loss"})
"""Names that a trainer gives to targets, sample weights and the loss."""

FIXED = frozenset({"layers", "dtype", "seed", "input_scale", "input_shift", "input_reach", "input",
                   "inputs", "layer_names", "name", "output", "outputs", "store"})  # fmt: skip
"""What programs are compiled from."""

PROPERTIES = frozenset({"input", "output", "core_output", "params", "n_params"})


class Model(Predicting):
    """A network with named inputs and outputs.

    ``outputs`` is a node or a dictionary of nodes, such as layers called on `Input`s make; each
    has a batch, and depends on an input.  ``inputs`` are all of them, in the order in which
    arrays are given without names; by default in the order in which the outputs meet them.
    ``dtype`` is float32 or float64, by default that of the parameters where they have numbers
    already, else float32.  ``seed`` starts the draw of the weights: the same seed gives the same
    weights; None draws one, and records it.

    A model is itself a layer: ``model(x)`` of nodes applies it, with its weights, to other inputs;
    ``name`` is what stands before the names of its parameters there, as in ``trunk.dense_0.w``.

    Raises `GraphError` for outputs that are no nodes of a batch or depend on no input,
    `OptionError` for names that are taken.

    >>> size, place = cnn.Input("size", (cnn.BATCH, 3)), cnn.Input("place", (cnn.BATCH, 2))
    >>> trunk = cnn.Dense(8, "relu")(cnn.Concat()([size, place]))
    >>> net = cnn.Model({"price": cnn.Dense(1)(trunk), "sold": cnn.Dense(2)(trunk)}, seed=0)
    >>> net
    <Model float32: size (B, 3), place (B, 2) -> price (B, 1), sold (B, 2)>
    >>> net.predict({"size": np.ones((5, 3)), "place": np.ones((5, 2))})["sold"].shape
    (5, 2)
    """

    def __init__(
        self, outputs: Node | Mapping[str, Node], *, inputs: Iterable[Input] | None = None,
        dtype: Any = None, seed: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        self.name = labels.checked("Model", name)
        named = outputs if isinstance(outputs, Mapping) else {"output": outputs}
        for name, node in named.items():
            options.name("Model: outputs", name)
            if not isinstance(node, Node) or not node.batched or node.dtype != "real":
                need = "nodes with a batch as outputs, of real numbers"
                raise GraphError(f"Model: need {need}; got {shown(node)} for {name!r}")
        if not named:
            raise GraphError("Model: need at least one output; got none")
        order = topological_order(named.values())
        labels.finish(order)
        found = [n for n in order if isinstance(n, Input)]
        self._seed(seed)
        self._set_up(dict(named), _in_order(found, inputs), dtype)
        self.is_single = not isinstance(outputs, Mapping)

    def _seed(self, seed: int | None) -> None:
        who = type(self).__name__
        drawn = int.from_bytes(urandom(4), "little")
        self.seed = drawn if seed is None else options.seed(who, seed, "a seed")

    def _set_up(self, outputs: dict[str, Node], inputs: list[Input], dtype: Any) -> None:
        """Check the graph, and give its parameters numbers and their place."""
        who = type(self).__name__
        if dtype is not None:
            dtype = options.real_dtype(who, dtype)
        nodes = topological_order(outputs.values())
        self.core = outputs  # over inputs that are scaled already, as they are when gathered
        self.__dict__["outputs"] = outputs
        self.inputs = {node.name: node for node in inputs}
        names = _checked_names(who, nodes, inputs)
        for name, node in outputs.items():
            if not any(isinstance(n, Input) for n in topological_order([node])):
                raise GraphError(f"{who}: need outputs that depend on an input; got {name!r}")
        found = [n for n in nodes if isinstance(n, Parameter)]
        if dtype is None and all(p.place is None for p in found):
            dtype = np.dtype("float32")
        self.store = store_of({p: names[p] for p in found}, dtype, who, self.seed)
        self.dtype = self.store.dtype
        scaling = np.array([self.input_scale, self.input_shift])
        as_real(scaling, self.dtype, who=who, name="input_scale and input_shift")
        self.input_reach = reach_of(self.dtype, self.input_scale, self.input_shift)
        """The largest magnitude of an input that stays within the dtype, also when scaled."""
        self.is_single = len(outputs) == 1
        self.lookups = _lookups(nodes, names)
        """What inputs of whole numbers may hold: the least and the most, and the node that asks."""
        self._program: Program | None = None
        self._sparse = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if name in PROPERTIES or (name in FIXED and name in self.__dict__):
            who = type(self).__name__
            raise options.refuse(f"{who}: {name}", "a new network for another value", value)
        object.__setattr__(self, name, value)

    # -- as a layer -----------------------------------------------------------------------

    @property
    def input(self) -> Input:
        """The only input."""
        return self._only("input", self.inputs)

    @property
    def output(self) -> Node:
        """The only output."""
        return self._only("output", self.outputs)

    @property
    def core_output(self) -> Node:
        """The only output over inputs that are scaled already, as they are when gathered."""
        return self._only("output", self.core)

    def _only(self, what: str, found: Mapping[str, Any]) -> Any:
        if len(found) > 1:
            raise OptionError(
                f"{type(self).__name__}: need a network of one {what}; got {', '.join(found)}"
            )
        return next(iter(found.values()))

    def apply(self, x: Any, name: str) -> Any:
        """Return the outputs' nodes for nodes in place of the inputs: see `__call__`."""
        nodes = self.by_input(x, name, "nodes")
        for key, node in nodes.items():
            own = self.inputs[key]
            if not isinstance(node, Node) or node.shape != own.shape or node.dtype != own.dtype:
                raise ShapeError(
                    f"{name}: need a node like {own!r} for {key!r}; got {shown(node)}"
                )
        given = {self.inputs[key]: node for key, node in nodes.items()}
        made = cloned(self.outputs.values(), given, name)
        return made[0] if self.is_single else dict(zip(self.outputs, made, strict=True))

    def __call__(self, x: Any) -> Any:
        """Return what `predict` returns for arrays; for nodes the nodes of the outputs.

        On nodes, in place of the inputs, it is a layer that shares the weights of this network.
        """
        parts = x.values() if isinstance(x, Mapping) else x if isinstance(x, (list, tuple)) else [x]
        if any(isinstance(node, Node) for node in parts):
            try:
                return self.apply(x, self._next_label())
            except CnnCoreError as error:
                error.args = (plain(str(error)), *error.args[1:])
                raise
        return self.predict(x)

    def _next_label(self) -> str:
        """Return a label for one more use: the name, with a number from the second time on."""
        if self.name is None:
            return labels.temporary(type(self).__name__.lower())
        times = self.__dict__["_times"] = self.__dict__.get("_times", 0) + 1
        return self.name if times == 1 else f"{self.name}@{times}"

    # -- parameters -----------------------------------------------------------------------

    @property
    def params(self) -> ParamStore:
        """The parameters: a mapping from names such as ``dense_0.w`` to views of shape (I, O)."""
        return self.store

    def set_params(self, values: Mapping[str, Any], *, strict: bool = False) -> None:
        """Overwrite the named parameters.  Nothing changes unless all names and shapes fit.

        ``strict`` asks for all parameters.  One alone: ``net.params["dense_0.w"] = array``.  Raises
        what `ParamStore.assign` does.

        >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2)
        >>> net.set_params({"dense_0.w": [[1], [2]], "dense_0.b": [0.5]}, strict=True)
        >>> net.predict([1, 1])
        array([3.5], dtype=float32)
        """
        self.store.assign(values, strict=options.flag("set_params", strict, option="strict"))

    def freeze(self, pattern: str = "*") -> None:
        """Let parameters stay as they are in training: those of this name or pattern.

        A pattern is such as ``"dense_0.*"`` or ``"*.b"``.  It holds for every network that has
        the same parameters.

        A pattern that matches nothing raises `OptionError`.

        >>> net = cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dense(1)], inputs=2, seed=0)
        >>> net.freeze("dense_0.*")
        >>> sorted(net.params.learning)
        ['dense_1.b', 'dense_1.w']
        """
        self.store.freeze(pattern)

    def unfreeze(self, pattern: str = "*") -> None:
        """Let parameters learn again, which a `freeze` had kept as they are; errors as there."""
        self.store.unfreeze(pattern)

    @property
    def n_params(self) -> int:
        """The number of trained values."""
        return sum(view.size for view in self.store.values())

    def summary(self) -> None:
        """Print one line for each layer, group or single operation, inputs first.

        Its name, what it is made of, the shape of what it gives, and how many parameters it has;
        those that several share count for the first.
        """
        from cnn_core.nn.summary import lines, total  # seldom asked for

        print("\n".join([*lines(self._parts()), total(self)]))

    def _parts(self) -> list[tuple[str, ...]]:
        """Return the rows of `summary`, after one of titles."""
        from cnn_core.nn.summary import parts

        return parts(self)

    def _repr_html_(self) -> str:
        from cnn_core.nn.summary import html

        return html(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a file, architecture and numbers, which `cnn_core.load` reads.

        The file is safetensors: the parameters under their names, and JSON for all else.  It is
        replaced as a whole: a crash at any instant leaves the old file or the new one.  Raises
        `OptionError`, naming the layer, for what a file cannot hold (gates, layers and functions
        of your own), and `OSError` where writing fails; then the old file is as it was.

        >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
        >>> net.save("net.safetensors")
        >>> bool(cnn.load("net.safetensors").predict([1, 2]) == net.predict([1, 2]))
        True
        """
        from cnn_core.io.networks import save  # not needed to train

        save(self, path)

    def save_torch(
        self, path: str | PathLike[str], names: Mapping[str, str] | None = None
    ) -> None:
        """Write the parameters to a file that PyTorch loads as a ``state_dict``.

        ``module.load_state_dict(safetensors.torch.load_file(path))`` takes it: weights of `Dense`
        are (out, in) there, and parameters are called weight, bias, running_mean, running_var.
        ``names`` gives layers the names of their modules, ``{"dense_0": "0", "dense_1": "2"}``;
        others keep their own.  A file is replaced as by `save`.
        """
        from cnn_core.io.torch_layout import save

        save(self, path, names)

    def load_torch(
        self, path: str | PathLike[str], names: Mapping[str, str] | None = None
    ) -> None:
        """Take the parameters from a ``state_dict`` of PyTorch, written as safetensors.

        ``names`` maps layers, or parameters, to modules, or tensors, of the file.  Without it
        those of equal names belong together; where there are none, layers and modules of a kind
        in their order, if the modules' names differ in numbers alone, or by their shapes, if no
        two are equal.  Raises `DataError`, and changes nothing, where that does not tell, or where
        anything is missing, unexpected or of another shape, which is listed;
        `OSError` where the file cannot be read.

        >>> net, other = (cnn.Sequential([cnn.Dense(1)], inputs=2, seed=seed) for seed in (0, 1))
        >>> net.save_torch("weights.safetensors", names={"dense_0": "fc"})    # fc.weight, fc.bias
        >>> other.load_torch("weights.safetensors", names={"dense_0": "fc"})
        >>> bool(other.predict([1, 2]) == net.predict([1, 2]))
        True
        """
        from cnn_core.io.torch_layout import load

        load(self, path, names)

    @property
    def classes(self) -> tuple[str | int, ...] | None:
        """What the classes are called, texts or whole numbers in the order of the outputs' columns;
        None: 0, 1, 2 ...

        For a network of one output: as many as it has columns, or two for a single column.  They
        are saved with it, and `Trainer.predict_classes` returns them.

        >>> net = cnn.Sequential([cnn.Dense(2, init="zeros", bias_init="zeros")], inputs=1)
        >>> net.params["dense_0.b"] = [0, 1]
        >>> net.classes = ["no", "yes"]
        >>> cnn.Trainer(net, loss="softmax_cross_entropy").predict_classes([[0.0]])
        array(['yes'], dtype='<U3')
        """
        return self.__dict__.get("_classes")

    @classes.setter
    def classes(self, labels: Iterable[str | int] | None) -> None:
        from cnn_core.nn.classes import checked  # most networks have no names for them

        self.__dict__["_classes"] = None if labels is None else checked(self, labels)

    # -- copies ---------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out what is compiled: it is made anew at the next prediction.

        The nodes come first, each after its operands: pickle then needs no deep recursion.
        """
        ends = [*self.outputs.values(), *self.core.values()]
        compiled = {"_program": None, "_plan": None, "_sparse": {}}
        state = {"_nodes": topological_order(ends), **self.__dict__, **compiled}
        return copyreg.__newobj__, (type(self),), state  # type: ignore[attr-defined]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Raise `StateError` or what `ParamStore.need` raises unless nodes and numbers agree."""
        who, store, dtype = type(self).__name__, state.get("store"), state.get("dtype")
        if not isinstance(store, ParamStore) or store.dtype != dtype:
            raise StateError(f"{who}: need parameters of {dtype}; got {shown(store)}")
        for key in ("outputs", "core", "inputs"):
            found = state.get(key)
            if not isinstance(found, dict) or not all(isinstance(n, Node) for n in found.values()):
                raise StateError(f"{who}: need the state of a network; got one without {key}")
            store.need(parameters_of(found.values()), who)
        self.__dict__.update(state)
        self.__dict__.pop("_nodes", None)

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name} {node.shape}" for name, node in self.inputs.items())
        outputs = ", ".join(f"{name} {node.shape}" for name, node in self.outputs.items())
        return f"<{type(self).__name__} {self.dtype}: {inputs} -> {outputs}>"


def _lookups(
    nodes: list[Node], names: Mapping[Node, str]
) -> dict[str, list[tuple[int, int, str]]]:
    found: dict[str, list[tuple[int, int, str]]] = {}
    for node in nodes:
        limits = getattr(node, "index_limits", None)
        if limits is not None and isinstance(node.inputs[1], Input):
            found.setdefault(node.inputs[1].name, []).append((*limits, names[node]))
    return found


def _in_order(found: list[Input], given: Iterable[Input] | None) -> list[Input]:
    """Return the inputs in the order that was given; raise where it is not all of them."""
    if given is None:
        return found
    inputs = list(options.items("Model", given, "inputs", "list"))
    for node in inputs:
        if node not in found:
            raise GraphError(f"Model: need inputs that an output depends on; got {shown(node)}")
    left = [n.name for n in found if n not in inputs]
    if left or len(set(inputs)) < len(inputs):
        got = f"none for {', '.join(left)}" if left else "one twice"
        raise GraphError(f"Model: need all inputs, each once; got {got}")
    return inputs


def _checked_names(who: str, nodes: list[Node], inputs: list[Input]) -> dict[Node, str]:
    """Return the names; raise where one is what a trainer adds, or is there twice."""
    taken = RESERVED.union(node.name for node in inputs)
    for node in nodes:
        label = node.name
        if node in inputs:
            if label in RESERVED or label.startswith("y:"):
                raise OptionError(
                    f"{who}: need names of inputs other than {', '.join(sorted(RESERVED))} and "
                    f"y:..., which targets, weights and the loss have; got {label!r}"
                )
            if not node.batched:
                raise GraphError(f"{who}: need inputs with a batch; got {node!r}")
        elif isinstance(node, Input):
            raise OptionError(
                f"{who}: need layers whose only input is {inputs[0].name!r}, the features; got the "
                f"input {label!r}"
            )
        elif label in taken:
            raise OptionError(
                f"{who}: need names of nodes other than {', '.join(sorted(taken))}, which the "
                f"inputs and the loss have; got a {type(node).__name__} named {label!r}"
            )
    return unique_names(nodes)
