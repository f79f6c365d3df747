"""PyTorch's layout of weights: a network's numbers as a ``state_dict`` in safetensors, and back.

A layer is a module, its parameters are called weight, bias, running_mean and running_var there,
and the weights of a linear module are (out, in).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, OptionError
from cnn_core.io import files
from cnn_core.ir.node import Parameter
from cnn_core.ir.order import topological_order
from cnn_core.naming import hint
from cnn_core.nn.model import Model
from cnn_core.options import shown

WEIGHT, BIAS = "weight", "bias"
MATRIX, VECTOR, BATCH_NORM = "matrix", "vector", "batch norm"

ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "dense": (MATRIX, ("", WEIGHT, BIAS)),
    "batch_norm": (BATCH_NORM, ("", WEIGHT, BIAS, "running_mean", "running_var")),
    "layer_norm": (VECTOR, ("", WEIGHT, BIAS)),
    "rms_norm": (VECTOR, ("", WEIGHT)),
    "take": (MATRIX, (WEIGHT, "")),
}
"""What the operands of an operation are called in PyTorch, and what tells its modules from others.
"""

COUNT = "num_batches_tracked"
"""What BatchNorm has in PyTorch, and not here: written as 0, and not read."""


class Tensor(NamedTuple):
    """A parameter, as PyTorch has it."""

    module: str
    """The layer; the whole name where there is none."""
    leaf: str
    """Its name in the module; "" where it keeps its own."""
    kind: str
    turned: bool
    """Its axes are the other way round."""
    shape: tuple[int, ...]
    """In PyTorch."""


def save(net: Model, path: Any, names: Any) -> None:
    """Write the file: see `Model.save_torch`."""
    found = _tensors(net)
    keys = _keys(found, _checked(names, found, "save_torch"))
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in found.items():
        if keys[name] in arrays:
            raise OptionError(f"save_torch: need different names; got {keys[name]!r} twice")
        value = net.store[name]
        arrays[keys[name]] = value.T if tensor.turned else value
        if tensor.kind == BATCH_NORM:
            arrays[f"{keys[name].rpartition('.')[0]}.{COUNT}".lstrip(".")] = np.array(0)
    files.replace(path, arrays, {"format": "pt"}, "save_torch")


def load(net: Model, path: Any, names: Any) -> None:
    """Read the file: see `Model.load_torch`."""
    who = "load_torch"
    own = _tensors(net)
    given = _checked(names, own, who)
    there = files.tensors(path, who)
    there = {key: a for key, a in there.items() if key.rpartition(".")[2] != COUNT}
    keys = _keys(own, given)
    if not given and not any(key in there for key in keys.values()):
        keys = _keys(own, _by_order(own, there, f"{who}: {path}"))
    faults = [f"no {keys[name]} {t.shape}" for name, t in own.items() if keys[name] not in there]
    faults += [f"an unexpected {shown(key)} {there[key].shape}"
               for key in there if key not in keys.values()]  # fmt: skip
    faults += [f"{keys[name]} as {there[keys[name]].shape}, not {t.shape}"
               for name, t in own.items()
               if keys[name] in there and there[keys[name]].shape != t.shape]  # fmt: skip
    if faults:
        raise DataError(
            f"{who}: {path}: need the parameters of this network, in PyTorch's layout; got "
            f"{', '.join(faults)} (names={{layer: module}} says which belongs to which)"
        )
    values = {name: there[keys[name]] for name in own}
    net.store.assign({name: v.T if own[name].turned else v for name, v in values.items()}, who)


def _tensors(net: Model) -> dict[str, Tensor]:
    """Return all parameters by name, in the order in which the layers come."""
    found: dict[str, Tensor] = {}
    for node in topological_order(net.core.values()):
        kind, roles = ROLES.get(node.op, ("", ()))
        for operand, leaf in zip(node.inputs, roles, strict=False):
            if not leaf or not isinstance(operand, Parameter):
                continue
            name = net.store.name_of(operand)
            module, _, _ = name.rpartition(".")
            if module and name not in found:
                turned = node.op == "dense" and leaf == WEIGHT
                shape = operand.shape[::-1] if turned else operand.shape
                found[name] = Tensor(module, leaf, kind, turned, shape)
    for name, value in net.store.items():  # of one's own, or of a layer that PyTorch has not
        found.setdefault(name, Tensor(name, "", "", False, value.shape))
    return found


def _checked(names: Any, own: Mapping[str, Tensor], who: str) -> dict[str, str]:
    """Return the names that were given, each for a layer or a parameter of the network."""
    if names is None:
        return {}
    if not isinstance(names, Mapping):
        raise options.refuse(who, "names, a mapping from layers to modules", names)
    known = list(dict.fromkeys([*(t.module for t in own.values()), *own]))
    for name, other in names.items():
        if name not in known:
            raise OptionError(
                f"{who}: need names for layers or parameters among {', '.join(known)}; got "
                f"{shown(name)}{hint(name, known)}"
            )
        options.string(f"{who}: names[{name!r}]", other)
    return dict(names)


def _keys(own: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, str]:
    """Return what each parameter is called in the file."""
    keys = {}
    for name, tensor in own.items():
        module = names.get(tensor.module, tensor.module)
        made = ".".join(filter(None, (module, tensor.leaf)))
        keys[name] = names.get(name, made)
    return keys


def _by_order(
    own: Mapping[str, Tensor], there: Mapping[str, np.ndarray], who: str
) -> dict[str, str]:
    """Return the module of each layer, where names do not say it, among those of its kind.

    That is by their order where their names differ in numbers alone, else by their shapes where
    no two have the same.  Raises `DataError` where neither tells.
    """
    mine: dict[str, dict[str, Any]] = {}
    for tensor in own.values():
        if tensor.leaf:
            shapes = mine.setdefault(tensor.kind, {}).setdefault(tensor.module, {})
            shapes[tensor.leaf] = tensor.shape
    theirs: dict[str, dict[str, Any]] = {}
    for key, array in there.items():
        module, _, leaf = key.rpartition(".")
        theirs.setdefault(module, {})[leaf] = array.shape
    made: dict[str, str] = {}
    for kind, layers in mine.items():
        modules = sorted((m for m in theirs if _kind(theirs[m]) == kind), key=_natural)
        if len(modules) != len(layers):
            continue  # what is missing and unexpected will be listed
        if len({re.sub(r"[0-9]+", "0", m) for m in modules}) == 1:
            made |= dict(zip(layers, modules, strict=True))
            continue
        shapes = {repr(sorted(theirs[m].items())): m for m in modules}
        wanted = {repr(sorted(of.items())): layer for layer, of in layers.items()}
        if len(shapes) < len(modules) or len(wanted) < len(layers):
            raise DataError(
                f"{who}: need names={{layer: module}}, as neither names nor shapes tell which of "
                f"{', '.join(map(shown, modules))} belongs to {', '.join(layers)}; got none"
            )
        made |= {layer: shapes[of] for of, layer in wanted.items() if of in shapes}
    return made


def _kind(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if "running_mean" in shapes:
        return BATCH_NORM
    return {2: MATRIX, 1: VECTOR}.get(len(shapes.get(WEIGHT, ())), "")


def _natural(name: str) -> list[Any]:
    parts: Iterable[str] = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
