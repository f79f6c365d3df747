"""Values as JSON, and back: numbers, names, shapes, nodes by number, and objects by their options.

Objects and functions are looked up in closed tables of this package: a file can name what there
is, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import isfinite
from types import FunctionType
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import DataError, OptionError
from cnn_core.ir.node import BATCH, Node
from cnn_core.nn import init
from cnn_core.nn.layers import Layer
from cnn_core.optim import schedules
from cnn_core.options import shown

FAMILIES: tuple[type, ...] = (Layer, init.constant, init.uniform, schedules.Fixed)
"""The bases of the classes whose objects may be options of others."""

OWN = "cnn_core."
"""What the modules of this package begin with."""

SPECIAL = {"batch": BATCH, "ellipsis": Ellipsis}

Number = Callable[[Node], int]


def _refuse_node(node: Node) -> int:
    raise OptionError(f"need an option that a file can hold; got {shown(node)}")


def encode(value: Any, number: Number = _refuse_node) -> Any:
    """Return ``value`` as JSON; ``number`` gives a node its number.

    Raises `OptionError` for what a file cannot hold: functions and objects of the user's own.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if options.is_whole(value):
        return int(value)
    if options.is_number(value):
        value = float(value)
        return value if isfinite(value) else {"float": str(value)}
    if isinstance(value, (tuple, list)):
        return [encode(v, number) for v in value]
    if isinstance(value, Node):
        return {"node": number(value)}
    if isinstance(value, slice):
        return {"slice": [encode(v) for v in (value.start, value.stop, value.step)]}
    for name, special in SPECIAL.items():
        if value is special:
            return {name: True}
    if isinstance(value, FunctionType):
        for where, module in _MODULES.items():
            if value.__name__ in _known(module) and getattr(module, value.__name__) is value:
                return {"function": f"{where}.{value.__name__}"}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"map": [[key, encode(v, number)] for key, v in value.items()]}
    if classes().get(type(value).__name__) is type(value):
        return encode_object(value, number)
    raise OptionError(f"need an option that a file can hold; got {shown(value)}")


def encode_object(
    value: Any, number: Number = _refuse_node, *, passing: Collection[str] = ()
) -> dict[str, Any]:
    """Return an object of a known class by its options.

    Those that are ``passing``, as they matter no more, are left out where a file cannot hold them.
    """
    if not type(value).__module__.startswith(OWN) or not hasattr(value, "described"):
        raise OptionError(f"need a class of cnn_core; got {type(value).__name__}")
    made = {}
    for name, option in value.described().items():
        try:
            made[name] = encode(option, number)
        except OptionError as error:
            if name not in passing:
                raise OptionError(f"{type(value).__name__}: {name}: {error}") from None
    return {"object": type(value).__name__, "options": made}


def decode(value: Any, nodes: list[Node]) -> Any:
    """Return what `encode` made JSON of; lists become tuples.  Raises `DataError`."""
    if isinstance(value, list):
        return tuple([decode(v, nodes) for v in value])
    if not isinstance(value, dict):
        return value
    kind = next(iter(value), None)
    if kind == "object" and set(value) == {"object", "options"}:
        return decode_object(value, nodes)
    if len(value) == 1:
        found = value[kind]
        if kind == "node":
            return nodes[index(found, len(nodes), "a node")]
        if kind == "float" and found in ("inf", "-inf", "nan"):
            return float(found)
        if kind == "slice" and isinstance(found, list) and len(found) == 3:
            return slice(*[decode(v, nodes) for v in found])
        if kind == "map" and isinstance(found, list):
            return {options.string("map", key): decode(v, nodes) for key, v in found}
        if kind in SPECIAL:
            return SPECIAL[kind]
        if kind == "function" and isinstance(found, str):
            where, _, name = found.partition(".")
            if where in _MODULES and name in _known(_MODULES[where]):
                return getattr(_MODULES[where], name)
    raise DataError(f"need a value of a known kind; got {shown(value)}")


def decode_object(value: Any, nodes: list[Node] | None = None, *, bases: Any = FAMILIES) -> Any:
    """Return an object of a class of this package that is derived from one of ``bases``."""
    if not isinstance(value, dict) or set(value) != {"object", "options"}:
        raise DataError(f"need an object and its options; got {shown(value)}")
    cls, given = classes(bases).get(str(value["object"])), value["options"]
    if cls is None or not isinstance(given, dict):
        known = ", ".join(sorted(classes(bases)))
        raise DataError(f"need one of {known}, with its options; got {shown(value['object'])}")
    return cls(**{name: decode(option, nodes or []) for name, option in given.items()})


def encode_objects(what: str, value: Any) -> Any:
    """Return None, an object, or a list or dictionary of them, as JSON; errors say of ``what``."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {"map": [[k, encode_objects(what, v)] for k, v in value.items()]}
    if isinstance(value, (tuple, list)):
        return [encode_objects(what, v) for v in value]
    try:
        return encode_object(value)
    except OptionError as error:
        raise OptionError(f"{what}: {error}") from None


def decode_objects(value: Any, base: type) -> Any:
    """Return what `encode_objects` made JSON of, all derived from ``base``; tuples become lists."""
    if value is None:
        return None
    if isinstance(value, list):
        return [decode_objects(v, base) for v in value]
    if isinstance(value, dict) and set(value) == {"map"}:
        return {options.string("map", k): decode_objects(v, base) for k, v in value["map"]}
    return decode_object(value, bases=(base,))


def index(value: Any, n: int, what: str) -> int:
    """Return a number from 0 to n - 1; raise `DataError` for any other."""
    if not options.is_whole(value) or not 0 <= value < n:
        raise DataError(f"need the number of {what}, below {n}; got {shown(value)}")
    return int(value)


def classes(bases: Iterable[type] = FAMILIES) -> dict[str, type]:
    """Return the classes of this package that are derived from these, by name."""
    return {cls.__name__: cls for base in bases for cls in _subclasses(base)
            if cls.__module__.startswith(OWN)}  # fmt: skip


def _subclasses(cls: type) -> Iterator[type]:
    yield cls
    for one in cls.__subclasses__():
        yield from _subclasses(one)


_MODULES: dict[str, Any] = {"ops": ops, "init": init}


def _known(module: Any) -> list[str]:
    if module is ops:
        return ops.__all__
    return [name for name, f in vars(init).items()
            if isinstance(f, FunctionType) and f.__module__ == init.__name__
            and not name.startswith("_")]  # fmt: skip


def pack(value: Any, arrays: dict[str, np.ndarray], name: str) -> Any:
    """Return a tree of dictionaries, lists, numbers and texts as JSON; arrays go into ``arrays``.

    They are called after their place in the tree, which ``name`` is.
    """
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Mapping):
        made = [[options.string(name, k), pack(v, arrays, f"{name}:{k}")] for k, v in value.items()]
        return {"map": made}
    if isinstance(value, (tuple, list)):
        return [pack(v, arrays, f"{name}:{i}") for i, v in enumerate(value)]
    return encode(value)


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the tree that `pack` made this of; tuples come back as lists.  Raises `DataError`."""
    if isinstance(value, list):
        return [unpack(v, arrays) for v in value]
    if isinstance(value, dict) and len(value) == 1:
        if "array" in value:
            return arrays[value["array"]]
        if "map" in value:
            return {options.string("map", k): unpack(v, arrays) for k, v in value["map"]}
    return decode(value, [])
