"""ParamStore: all parameters of a model in one flat buffer, their gradients in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers, as_real
from cnn_core.errors import GraphError, OptionError, ShapeError, StateError
from cnn_core.graph.node import Parameter
from cnn_core.naming import hint
from cnn_core.options import shown

LINE = 64
"""Bytes: every buffer starts on such a boundary."""

SPAN = 16
"""Elements: every parameter starts at a multiple of this within the flat buffers."""


def aligned_zeros(n: int, dtype: Any) -> np.ndarray:
    """Return ``n`` zeros of ``dtype`` that start on a 64-byte boundary."""
    dtype = np.dtype(dtype)
    raw = np.zeros(n * dtype.itemsize + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + n * dtype.itemsize].view(dtype)


def spans_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, int]]:
    """Return where parameters of these shapes begin and end, one after the other."""
    spans, at = {}, 0
    for name, shape in shapes.items():
        end = at + -(-prod(shape) // SPAN) * SPAN
        spans[name], at = (at, end), end
    return spans


class ParamStore(Mapping[str, np.ndarray]):
    """The parameters of a model: a mapping from names to views, in one flat buffer.

    ``value`` and ``grad`` are the flat buffers, ``spans`` gives each name its (begin, end) in
    elements.  Each span starts on a multiple of 16 elements; what lies between the end of a
    parameter and the next span is zero and stays zero.  Programs and optimizers share a store.
    """

    dtype: np.dtype
    value: np.ndarray
    grad: np.ndarray
    spans: Mapping[str, tuple[int, int]]
    grads: Mapping[str, np.ndarray]

    def __init__(self, parameters: Iterable[Parameter], dtype: Any) -> None:
        dtype = options.real_dtype("ParamStore", dtype)
        parameters = options.items("ParamStore", parameters, "parameters", "list")
        shapes: dict[str, tuple[int, ...]] = {}
        for p in parameters:
            if not isinstance(p, Parameter):
                raise GraphError(f"ParamStore: need parameters; got {options.shown(p)}")
            if p.name in shapes:
                raise GraphError(f"parameter {p.name!r}: need different names; got it twice")
            shapes[p.name] = p.shape
        self._allocate(dtype, shapes)
        for p in parameters:
            self._views[p.name][...] = as_real(p.value, self.dtype, who=f"Parameter {p.name!r}")

    def _allocate(self, dtype: np.dtype, shapes: dict[str, tuple[int, ...]]) -> None:
        spans = spans_of(shapes)
        n = max((end for _, end in spans.values()), default=0)
        # Past __setattr__: programs hold addresses within these from now on.
        self.__dict__.update(
            dtype=dtype, value=aligned_zeros(n, dtype), grad=aligned_zeros(n, dtype),
            spans=MappingProxyType(spans), _shapes=shapes,
        )  # fmt: skip
        self.__dict__["_views"] = self._parts(self.value)
        self.__dict__["grads"] = MappingProxyType(self._parts(self.grad))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ and value is self.__dict__[name]:
            return  # store.grad *= 2 works in place, and puts the array back
        need = "it as it is, for programs run in this memory: write into store[name][...]"
        raise options.refuse(f"ParamStore: {name}", need, value)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __getstate__(self) -> dict[str, Any]:
        """The values and their layout; gradients are passing."""
        kept = {"dtype": self.dtype, "spans": dict(self.spans), "shapes": self._shapes}
        return {**kept, "value": self.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Raise `StateError` unless type, lengths and shapes agree."""
        _check_state(state)
        self._allocate(np.dtype(state["dtype"]), dict(state["shapes"]))
        self.value[:] = state["value"]

    def need(self, parameters: Iterable[Parameter], who: str) -> None:
        """Raise `GraphError` or `ShapeError` unless all ``parameters`` are here, in their shapes.

        A program reads and writes a parameter's memory as its node's shape says.
        """
        for p in options.items(who, parameters, "parameters", "list"):
            if not isinstance(p, Parameter):
                raise options.refuse(who, "parameters", p)
            if p.name not in self.spans:
                held = ", ".join(self) or "none"
                raise GraphError(f"{who}: need params that hold {p.name}; got {held}")
            if self._shapes[p.name] != p.shape:
                raise ShapeError(
                    f"{who}: need params in which {p.name} has its shape {p.shape}; got one of "
                    f"shape {self._shapes[p.name]}"
                )

    def view(self, flat: np.ndarray, name: str) -> np.ndarray:
        """Return the part of a flat buffer that belongs to ``name``, in its shape."""
        if not isinstance(name, str) or name not in self.spans:
            raise options.refuse("view", f"one of {', '.join(self.spans)}", name)
        if not isinstance(flat, np.ndarray) or flat.shape != self.value.shape:
            raise ShapeError(
                f"view: need a flat buffer of shape {self.value.shape}; got "
                f"{flat.shape if isinstance(flat, np.ndarray) else shown(flat)}"
            )
        return _part(flat, self.spans[name][0], self._shapes[name])

    def _parts(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        shapes = self._shapes
        return {name: _part(flat, at, shapes[name]) for name, (at, _) in self.spans.items()}

    def like(self) -> np.ndarray:
        """Return a new flat buffer of zeros, as long as the parameters."""
        return aligned_zeros(len(self.value), self.dtype)

    def assign(self, values: Mapping[str, Any], who: str = "set_params") -> None:
        """Overwrite the named parameters; all are checked before the first is changed."""
        if not isinstance(values, Mapping):
            raise options.refuse(who, "a mapping from names to arrays", values)
        checked = {}
        for name, value in values.items():
            if name not in self.spans:
                known = ", ".join(self.spans)
                raise OptionError(
                    f"{who}: need one of {known}; got {options.shown(name)}{hint(name, self.spans)}"
                )
            array = as_numbers(value, who=f"{who}: {name}")
            if array.shape != self._shapes[name]:
                raise ShapeError(
                    f"{who}: {name}: need shape {self._shapes[name]}; got {array.shape}"
                )
            array = as_real(array, self.dtype, who=f"{who}: {name}")
            checked[name] = array.copy() if np.may_share_memory(array, self.value) else array
        for name, array in checked.items():
            self._views[name][...] = array

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._views[name]
        except (KeyError, TypeError):  # TypeError: a name that cannot be hashed
            known = ", ".join(self.spans) or "none"
            raise KeyError(
                f"no parameter {shown(name)}; the parameters are {known}{hint(name, self.spans)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name} {shape}" for name, shape in self._shapes.items())
        return f"<ParamStore {self.dtype}: {inside}>"


def _part(flat: np.ndarray, begin: int, shape: tuple[int, ...]) -> np.ndarray:
    return flat[begin : begin + prod(shape)].reshape(shape)


def _check_state(state: Any) -> None:
    """Raise `StateError` unless ``state`` is one that `ParamStore.__getstate__` may have made."""
    kinds = {"dtype": np.dtype, "spans": Mapping, "shapes": Mapping, "value": np.ndarray}
    if not isinstance(state, Mapping) or not all(
        isinstance(state.get(key), kind) for key, kind in kinds.items()
    ):
        raise StateError(f"ParamStore: need the state of a store; got {options.shown(state)}")
    shapes, spans, value = state["shapes"], state["spans"], state["value"]
    whole = all(
        isinstance(name, str) and isinstance(shape, tuple)
        and all(options.is_whole(n) and n > 0 for n in shape)
        for name, shape in shapes.items()
    )  # fmt: skip
    if not whole or {k: tuple(v) for k, v in spans.items()} != spans_of(shapes):
        raise StateError(f"ParamStore: need spans that fit the shapes {shapes}; got {spans}")
    n = max((end for _, end in spans.values()), default=0)
    if state["dtype"] not in (np.float32, np.float64) or (
        value.dtype != state["dtype"] or value.shape != (n,)
    ):
        raise StateError(
            f"ParamStore: need {n} values of {state['dtype']}, float32 or float64; got "
            f"{value.dtype} of shape {value.shape}"
        )
