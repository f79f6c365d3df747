"""ParamStore: all parameters of a model in one flat buffer, their gradients in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from cnn_core.errors import DtypeError, GraphError, OptionError, ShapeError
from cnn_core.graph.node import Parameter

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


def real_dtype(dtype: Any, who: str) -> np.dtype:
    """Return ``dtype`` as a NumPy dtype; raise `DtypeError` unless float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(f"{who}: need dtype float32 or float64; got {dtype!r}") from error
    if found not in (np.float32, np.float64):
        raise DtypeError(f"{who}: need dtype float32 or float64; got {found}")
    return found


class ParamStore(Mapping[str, np.ndarray]):
    """The parameters of a model: a mapping from names to views, in one flat buffer.

    ``value`` and ``grad`` are the flat buffers, ``spans`` gives each name its (begin, end) in
    elements.  Each span starts on a multiple of 16 elements; what lies between the end of a
    parameter and the next span is zero and stays zero.  Programs and optimizers share a store.
    """

    def __init__(self, parameters: Iterable[Parameter], dtype: Any) -> None:
        self.dtype = real_dtype(dtype, "ParamStore")
        self.spans: dict[str, tuple[int, int]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        parameters = list(parameters)
        at = 0
        for p in parameters:
            if p.name in self.spans:
                raise GraphError(f"parameter {p.name!r}: need different names; got it twice")
            end = at + -(-prod(p.shape) // SPAN) * SPAN
            self.spans[p.name] = (at, end)
            self._shapes[p.name] = p.shape
            at = end
        self._allocate(at)
        for p in parameters:
            self._views[p.name][...] = p.value

    def _allocate(self, n: int) -> None:
        self.value, self.grad = aligned_zeros(n, self.dtype), aligned_zeros(n, self.dtype)
        self._views = {name: self.view(self.value, name) for name in self.spans}
        self.grads = {name: self.view(self.grad, name) for name in self.spans}

    def __getstate__(self) -> dict[str, Any]:
        """The values and their layout; gradients are passing."""
        kept = {"dtype": self.dtype, "spans": self.spans, "shapes": self._shapes}
        return {**kept, "value": self.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.dtype, self.spans, self._shapes = state["dtype"], state["spans"], state["shapes"]
        self._allocate(len(state["value"]))
        self.value[:] = state["value"]

    def view(self, flat: np.ndarray, name: str) -> np.ndarray:
        """Return the part of a flat buffer that belongs to ``name``, in its shape."""
        begin = self.spans[name][0]
        shape = self._shapes[name]
        return flat[begin : begin + prod(shape)].reshape(shape)

    def like(self) -> np.ndarray:
        """Return a new flat buffer of zeros, as long as the parameters."""
        return aligned_zeros(len(self.value), self.dtype)

    def assign(self, values: Mapping[str, Any], who: str = "set_params") -> None:
        """Overwrite the named parameters; all are checked before the first is changed."""
        checked = {}
        for name, value in values.items():
            if name not in self.spans:
                raise OptionError(f"{who}: need one of {', '.join(self.spans)}; got {name!r}")
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise DtypeError(f"{who}: {name}: need real numbers; got dtype {array.dtype}")
            if array.shape != self._shapes[name]:
                raise ShapeError(
                    f"{who}: {name}: need shape {self._shapes[name]}; got {array.shape}"
                )
            checked[name] = array.copy() if np.may_share_memory(array, self.value) else array
        for name, array in checked.items():
            self._views[name][...] = array

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._views[name]
        except KeyError:
            known = ", ".join(self.spans) or "none"
            raise KeyError(f"no parameter {name!r}; the parameters are {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name} {shape}" for name, shape in self._shapes.items())
        return f"<ParamStore {self.dtype}: {inside}>"
