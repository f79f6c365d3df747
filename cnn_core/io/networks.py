"""Networks as files: every node by its operation and options, every number under its name."""

from __future__ import annotations

import copyreg
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import cnn_core
from cnn_core import options
from cnn_core.errors import DataError, OptionError
from cnn_core.io import files
from cnn_core.io.nodes import PREFIX, Arrays, decode_nodes, encode_nodes
from cnn_core.io.values import decode, decode_object, encode, encode_object, index
from cnn_core.ir.node import Input, Node, Parameter
from cnn_core.ir.order import topological_order
from cnn_core.nn.layers import Layer, Use
from cnn_core.nn.model import Model
from cnn_core.nn.sequential import Sequential
from cnn_core.nn.structure import Nested, Residual
from cnn_core.options import shown
from cnn_core.state.blocks import FROZEN, Block
from cnn_core.state.params import ParamStore, store_of

DRAWING = ("init", "bias_init")
"""Options of layers that say how to draw numbers, which there are."""


def save(net: Model, path: Any) -> None:
    """Write a network to a file: see `Model.save`."""
    arrays, content = described(net)
    files.write(path, arrays, {"kind": "network", "version": cnn_core.__version__, **content})


def load(path: Any) -> Any:
    """Return the network, or the learner, of a file: see `cnn_core.load`."""
    saved = files.read(path, "load")
    with files.damage("load", saved.path):
        content = saved.content
        if content["kind"] == "table":
            from cnn_core.tabular.saved import learner_of

            return learner_of(saved.arrays, content)
        if content["kind"] == "training":
            if "missing" in content:
                raise DataError(f"need a network that a file can hold; got {content['missing']}")
            content = content["network"]
        return network_of(saved.arrays, content)


# -- to JSON ------------------------------------------------------------------------------


def described(net: Model) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of a network, and JSON for all else.

    Raises `OptionError` for what a file cannot hold, such as a gate or a layer of one's own.
    """
    nets = list(_with_nested(net))
    nodes = topological_order(node for each in nets for node in _ends(each))
    number = {node: i for i, node in enumerate(nodes)}
    arrays: Arrays = {}
    for name, value in net.store.items():
        if name.startswith(PREFIX):
            raise OptionError(f"save: need names of parameters without {PREFIX!r}; got {name!r}")
        arrays[name] = value
    content = {
        "nodes": encode_nodes(nodes, net.store.name_of, arrays),
        "blocks": [_names_in(net.store, block) for block in net.store.blocks],
        "frozen": [name for name in net.store if net.store.role(name) == FROZEN],
        "dtype": str(net.dtype),
        "networks": [_network(each, number, nets) for each in nets],
    }  # fmt: skip
    return arrays, content


def _with_nested(net: Model) -> Iterator[Model]:
    """Yield the networks among the layers of a network, innermost first, and itself."""
    seen: dict[Model, None] = {}
    stack = [(net, False)]
    while stack:
        one, leave = stack.pop()
        if leave:
            seen[one] = None
        elif one not in seen:
            stack.append((one, True))
            inner = one._all_layers() if isinstance(one, Sequential) else []
            stack.extend((layer.model, False) for layer in reversed(inner)
                         if isinstance(layer, Nested))  # fmt: skip
    yield from seen


def _ends(net: Model) -> list[Node]:
    made = net._outputs if isinstance(net, Sequential) else []
    return [*net.outputs.values(), *net.core.values(), *made]


def _names_in(store: ParamStore, block: Block) -> list[str]:
    """Return the parameters of a block in the order in which they lie there."""
    places = {name: store.place(name) for name in store}
    own = [name for name, place in places.items() if place.block is block]
    return sorted(own, key=lambda name: places[name].begin)


def _network(net: Model, number: Mapping[Node, int], nets: list[Model]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "outputs": {k: number[n] for k, n in net.outputs.items()},
        "core": {k: number[n] for k, n in net.core.items()},
        "inputs": [number[n] for n in net.inputs.values()],
        "single": net.is_single, "seed": net.seed, "name": net.name,
        "classes": None if net.classes is None else list(net.classes),
    }  # fmt: skip
    if not isinstance(net, Sequential):
        return made
    own = list(dict.fromkeys(net.layers))
    return {
        **made, "layers": [_layer(layer, number, nets) for layer in own],
        "order": [own.index(layer) for layer in net.layers],
        "layer_names": list(net.layer_names), "made": [number[n] for n in net._outputs],
        "scale": encode(net.input_scale), "shift": encode(net.input_shift),
    }  # fmt: skip


def _layer(layer: Layer, number: Mapping[Node, int], nets: list[Model]) -> dict[str, Any]:
    use = layer._use
    parameters = {} if use is None else {k: number[p] for k, p in use.parameters.items()}
    made: dict[str, Any] = {"label": "" if use is None else use.label, "parameters": parameters}
    if isinstance(layer, Nested):
        return {**made, "network": nets.index(layer.model), "name": layer.name}
    if isinstance(layer, Residual):
        parts = [_layer(part, number, nets) for part in layer.layers]
        return {**made, "residual": parts, "name": layer.name}
    try:
        return {**made, **encode_object(layer, passing=DRAWING)}
    except OptionError as error:
        raise OptionError(
            f"save: {made['label']}: {error}; Model(net.output) is the same network without its "
            f"layers, and can be saved"
        ) from None


# -- and back -----------------------------------------------------------------------------


def network_of(arrays: Mapping[str, np.ndarray], content: Mapping[str, Any]) -> Model:
    """Return the network that `described` made this of; raise whatever is wrong with it."""
    dtype = options.real_dtype("dtype", content["dtype"])
    numbers = _numbers(arrays, content, dtype)
    nodes, placed = decode_nodes(content["nodes"], arrays, numbers)
    for names in content["blocks"]:
        if names:
            store_of({placed[name]: name for name in names}, dtype, "load", 0)
    nets: list[Model] = []
    for each in content["networks"]:
        nets.append(_network_of(each, nodes, nets, dtype))
    net = nets[-1]
    if set(net.store) != set(numbers):
        got = ", ".join(sorted(set(net.store) ^ set(numbers)))
        raise DataError(f"need the parameters of the network; got others: {got}")
    for name in content["frozen"]:
        net.freeze(name)
    return net


def _numbers(
    arrays: Mapping[str, np.ndarray], content: Mapping[str, Any], dtype: np.dtype
) -> dict[str, np.ndarray]:
    """Return the parameters by name, each once, of the network's dtype."""
    names = [name for block in content["blocks"] for name in block]
    lost = [name for name in names if name not in arrays]
    odd = [f"{name} as {arrays[name].dtype}" for name in names
           if name in arrays and arrays[name].dtype != dtype]  # fmt: skip
    if lost or odd or len(set(names)) < len(names):
        got = ", ".join([*(f"no {name}" for name in lost), *odd]) or "one twice"
        raise DataError(f"need {dtype} for {', '.join(names)}; got {got}")
    return {name: arrays[name] for name in names}


def _network_of(
    made: Mapping[str, Any], nodes: list[Node], nets: list[Model], dtype: np.dtype
) -> Model:
    def at(i: Any) -> Node:
        return nodes[index(i, len(nodes), "a node")]

    outputs = {options.name("outputs", k): at(i) for k, i in made["outputs"].items()}
    core = {k: at(made["core"][k]) for k in outputs}
    inputs = [at(i) for i in made["inputs"]]
    if not all(isinstance(n, Input) and n.batched for n in inputs) or not outputs:
        raise DataError(f"need inputs with a batch, and an output; got {shown(inputs)}")
    cls = Sequential if "layers" in made else Model
    net: Any = copyreg.__newobj__(cls)  # type: ignore[attr-defined]
    own = net.__dict__
    own["name"] = None if made["name"] is None else options.name("load", made["name"])
    own["seed"] = options.seed("load", made["seed"], "a seed")
    if cls is Sequential:
        found = [_layer_of(each, nodes, nets) for each in made["layers"]]
        own["layers"] = tuple([found[index(i, len(found), "a layer")] for i in made["order"]])
        own["layer_names"] = list(options.names("layer_names", made["layer_names"]))
        own["_outputs"] = [at(i) for i in made["made"]]
        own["input_scale"] = options.number("input_scale", decode(made["scale"], nodes))
        own["input_shift"] = options.number("input_shift", decode(made["shift"], nodes))
        if not len(own["layers"]) == len(own["layer_names"]) == len(own["_outputs"]) > 0:
            raise DataError("need a name and a node for each layer; got others")
    net._set_up(core, inputs, dtype)
    own.update(outputs=outputs, is_single=options.flag("single", made["single"]))
    if made["classes"] is not None:
        net.classes = made["classes"]
    return net


def _layer_of(made: Mapping[str, Any], nodes: list[Node], nets: list[Model]) -> Layer:
    layer: Any
    if "network" in made or "residual" in made:
        name = None if made["name"] is None else options.name("layer", made["name"])
        if "network" in made:
            layer = Nested(nets[index(made["network"], len(nets), "a network")], name=name)
        else:
            layer = Residual([_layer_of(part, nodes, nets) for part in made["residual"]], name=name)
    else:
        layer = decode_object({k: made[k] for k in ("object", "options")}, nodes, bases=(Layer,))
    use = Use(options.string("label", made["label"]))
    for key, i in made["parameters"].items():
        p = nodes[index(i, len(nodes), "a parameter")]
        if not isinstance(p, Parameter):
            raise DataError(f"need a parameter as {use.label}.{key}; got {shown(p)}")
        use.parameters[options.name("parameters", key)] = p
    layer.__dict__["_use"] = use
    layer.fix()
    return layer
