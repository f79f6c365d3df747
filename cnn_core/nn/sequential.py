"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import OptionError, StateError
from cnn_core.ir import labels
from cnn_core.ir.clone import cloned
from cnn_core.ir.node import BATCH, Input, Node, Parameter, check_shape
from cnn_core.ir.order import topological_order
from cnn_core.nn.layers import Layer
from cnn_core.nn.meaning import last_operation
from cnn_core.nn.model import RESERVED, Model
from cnn_core.nn.structure import as_layer
from cnn_core.options import shown


class Sequential(Model):
    """A network: y = f_n(... f_1(x scale + shift)), ``layers`` in order, of x (B, inputs).

    A layer is a `Layer`, a `Gate` of one input, or a network, whose weights are then shared; so
    are those of a layer that another network has, or that comes twice.
    ``inputs`` is the length of a row, or its shape.  ``dtype`` is float32 or float64, by default
    that of shared weights, else float32.  ``seed``
    starts the draw of the weights: the same seed gives the same weights; None draws one, and
    records it.  ``name`` is for a network within others, see `Model`.  The network sees ``x *
    input_scale + input_shift``: with uint8 pixels, ``input_scale=1/255`` makes them 0 to 1 as they
    are read, without a converted copy of the data.

    Raises `OptionError` for what is no layer, for names that come twice and for other bad options,
    `ShapeError` where a layer does not fit the one before.

    >>> net = cnn.Sequential([cnn.Dense(16, "relu"), cnn.Dropout(0.1), cnn.Dense(10)], inputs=784,
    ...                      input_scale=1 / 255, seed=0)
    >>> net.predict(np.full((3, 784), 255, np.uint8)).shape
    (3, 10)
    >>> net.predict(np.full(784, 255, np.uint8)).shape           # one row
    (10,)
    >>> net.n_params
    12730
    """

    def __init__(
        self,
        layers: Iterable[Any],
        inputs: int | tuple[int, ...],
        *,
        dtype: Any = None,
        seed: int | None = None,
        input_scale: float = 1.0,
        input_shift: float = 0.0,
        name: str | None = None,
    ) -> None:
        self.name = labels.checked("Sequential", name)
        layers = options.items("Sequential", layers, "layers", "list")
        once = {layer: as_layer(layer) for layer in layers if isinstance(layer, Model)}
        self.layers = tuple([once[layer] if isinstance(layer, Model) else as_layer(layer)
                             for layer in layers])  # fmt: skip
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise OptionError(f"Sequential: need layers; got {shown(layer)}")
        if not self.layers:
            raise OptionError("Sequential: need at least one layer; got none")
        if dtype is not None:
            dtype = options.real_dtype("Sequential", dtype)
        self.input_scale = options.number("Sequential", input_scale, option="input_scale")
        self.input_shift = options.number("Sequential", input_shift, option="input_shift")
        x = Input("x", check_shape("Sequential: inputs", (BATCH, *_row_shape(inputs))))
        self.layer_names = _layer_names(self.layers)
        self._seed(seed)
        unused = [layer for layer in self._all_layers() if layer._use is None]
        try:
            self._outputs = self._build(x, np.random.default_rng(self.seed))
            if last_operation(self._outputs[-1]) is x:
                raise OptionError(f"Sequential: need a layer that computes; got {self.layers}")
            last = self._outputs[-1]
            own = {layer._use.label: name
                   for layer, name in zip(self.layers, self.layer_names, strict=True)
                   if layer._use is not None and "@" not in name}  # fmt: skip
            labels.finish(topological_order([last]), own)
            self._set_up({"output": last}, [x], dtype)
        except BaseException:
            for layer in unused:
                layer._forget()
            raise
        if self._scales:
            scaled = ops.shift(ops.scale(x, self.input_scale), self.input_shift)
            self.__dict__["outputs"] = {"output": cloned([last], {x: scaled}, "")[0]}

    def _build(self, x: Node, rng: np.random.Generator) -> list[Node]:
        """Return the nodes that the layers make, one after the other."""
        nodes: list[Node] = []
        for layer, name in zip(self.layers, self.layer_names, strict=True):
            y = layer.apply(x, name, rng)
            for parameter in _parameters_between(x, y):
                parameter.draw(rng)
            nodes.append(y)
            x = y
        return nodes

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Raise `StateError` unless there is a node for each layer."""
        layers, made = state.get("layers"), state.get("_outputs")
        if not isinstance(layers, tuple) or not isinstance(made, list) or len(made) != len(layers):
            raise StateError(f"Sequential: need a node for each layer; got {shown(made)}")
        super().__setstate__(state)
        for layer, use in zip(self._all_layers(), self.__dict__.pop("_uses"), strict=True):
            layer.__dict__["_use"] = use
            layer.fix()

    def __reduce__(self) -> tuple[Any, ...]:
        new, cls, state = super().__reduce__()
        return new, cls, {**state, "_uses": [layer._use for layer in self._all_layers()]}

    def _all_layers(self) -> list[Layer]:
        """Return the layers, and those that they are made of."""
        return [part for layer in self.layers for part in layer.within()]

    # -- description ----------------------------------------------------------------------

    def summary(self) -> None:
        """Print one line per layer: name, output shape, number of parameters."""
        super().summary()

    def _parts(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("layer", "output", "parameters")]
        rows.append(("x", str(self.input.shape), ""))
        for layer, name, node in zip(self.layers, self.layer_names, self._outputs, strict=True):
            count = sum(v.size for key, v in self.store.items() if key.startswith(f"{name}."))
            kind = getattr(layer, "activation", "")
            label = f"{name} ({kind})" if isinstance(kind, str) and kind else name
            rows.append((label, str(node.shape), f"{count:,}"))
        return rows

    def __repr__(self) -> str:
        layers, row = ", ".join(map(repr, self.layers)), self.input.shape[1:]
        inputs = row[0] if len(row) == 1 else row
        given = {"input_scale": (self.input_scale, 1.0),
                 "input_shift": (self.input_shift, 0.0)}  # fmt: skip
        more = "".join(f", {k}={v!r}" for k, (v, default) in given.items() if v != default)
        more += "" if self.name is None else f", name={self.name!r}"
        more = f"dtype={str(self.dtype)!r}, seed={self.seed}{more}"
        return f"Sequential([{layers}], inputs={inputs}, {more})"


def _parameters_between(x: Node, y: Node) -> list[Parameter]:
    """Return the parameters of the nodes between ``x`` and ``y``, in topological order."""
    stack, seen, found = [y], {x}, []
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(reversed(node.inputs))
            if isinstance(node, Parameter):
                found.append(node)
    return found


def _row_shape(inputs: Any) -> tuple[Any, ...]:
    if options.is_whole(inputs):
        return (int(inputs),)
    if isinstance(inputs, (tuple, list)):
        return tuple(inputs)
    raise options.refuse("Sequential", "inputs, a length or the shape of a row", inputs)


def _layer_names(layers: tuple[Layer, ...]) -> list[str]:
    """Return each layer's own name, or its kind and number: dense_0, dense_1, dropout_0 ...

    A layer that has been used keeps its name; the second time in a row of layers it gets a number.
    """
    given = [layer.name if layer._use is None or labels.is_temporary(layer._use.label)
             else layer._use.label for layer in layers]  # fmt: skip
    _refuse_twice([(layer, name) for layer, name in zip(layers, given, strict=True) if name])
    taken = RESERVED.union({"x"}, [name for name in given if name])
    counts: dict[str, int] = {}
    times: dict[Layer, int] = {}
    names: list[str] = []
    for layer, name in zip(layers, given, strict=True):
        times[layer] = times.get(layer, 0) + 1
        if name is None and times[layer] == 1:
            name = labels.numbered(layer.kind, counts, taken)
        elif name is None:
            name = names[layers.index(layer)]
        else:
            counts[layer.kind] = counts.get(layer.kind, 0) + 1
        names.append(name if times[layer] == 1 else f"{name}@{times[layer]}")
    return names


def _refuse_twice(given: list[tuple[Layer, str]]) -> None:
    reserved = RESERVED.union({"x"}).intersection(name for _, name in given)
    if reserved:
        raise OptionError(
            f"Sequential: need layer names other than {', '.join(sorted(RESERVED | {'x'}))}, which "
            f"the inputs and the loss have; got {', '.join(sorted(reserved))}"
        )
    owner: dict[str, Layer] = {}
    for layer, name in given:
        if owner.setdefault(name, layer) is not layer:
            raise OptionError(f"Sequential: need different layer names; got {name} twice")
