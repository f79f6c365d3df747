"""slice: y = x[key]."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from cnn_core import options
from cnn_core.errors import LabelError, OptionError, ShapeError
from cnn_core.ir.node import BATCH, Node, Shape, as_node
from cnn_core.ir.view import View, strides_of
from cnn_core.options import shown


class Slice(View):
    """y = x[key], key as in NumPy's basic slicing.  Kernel: src_c/ops/slice.c."""

    op = "slice"
    symbol = "x[i]"
    key: Any = ()

    def view(self, x: Shape) -> tuple[Shape, Sequence[int], int]:
        shape: list[Any] = []
        strides: list[int] = []
        start, axis, step = 0, 0, strides_of(x)
        for k in self._full_key(x):
            if k is None:
                shape.append(1)
                strides.append(0)
                continue
            n = x[axis]
            if n is BATCH:
                self._need_all_rows(k)
                shape.append(BATCH)
                strides.append(step[axis])
            elif isinstance(k, builtins.slice):
                begin, end, by = self._bounds(k, axis, n)
                shape.append(len(range(begin, end, by)))
                strides.append(by * step[axis])
                start += begin * step[axis]
            else:
                start += self._index(k, axis, n) * step[axis]
            axis += 1
        return tuple(shape), strides, start

    def _full_key(self, x: Shape) -> list[Any]:
        """Return the key with one entry for every axis: the ellipsis and the rest filled in."""
        key = list(self.key) if isinstance(self.key, tuple) else [self.key]
        for k in key:
            other = k is None or k is Ellipsis or isinstance(k, builtins.slice)
            if not (other or options.is_whole(k)):
                raise OptionError(
                    f"{self.label}: need integers, slices, ... and None in [] (lookups are "
                    f"`take`); got {shown(k)} for {self._who()}"
                )
        dots = [i for i, k in enumerate(key) if k is Ellipsis]
        missing = len(x) - sum(k is not None and k is not Ellipsis for k in key)
        if len(dots) > 1 or missing < 0:
            raise ShapeError(
                f"{self.label}: need at most {len(x)} indices and one ... for {self._who()}; got "
                f"{options.shown(key)}"
            )
        at = dots[0] if dots else len(key)
        return [*key[:at], *[builtins.slice(None)] * missing, *key[at + 1 :]]

    def _who(self) -> str:
        return f"{self.inputs[0].label} {self.inputs[0].shape}"

    def _need_all_rows(self, k: Any) -> None:
        if not isinstance(k, builtins.slice) or k not in (
            builtins.slice(None), builtins.slice(None, None, 1), builtins.slice(0, None),
        ):  # fmt: skip
            raise ShapeError(
                f"{self.label}: need : on the batch axis, whose length is known only when data "
                f"comes; got {shown(k)} for {self._who()}"
            )

    def _bounds(self, k: builtins.slice, axis: int, n: int) -> tuple[int, int, int]:
        try:
            begin, end, by = k.indices(n)
        except (TypeError, ValueError) as error:
            raise OptionError(
                f"{self.label}: need whole numbers or None in a slice, and a step other than zero; "
                f"got {shown(k)} for {self._who()}"
            ) from error
        if not len(range(begin, end, by)):
            raise ShapeError(
                f"{self.label}: need at least one element of axis {axis}; got {shown(k)} for "
                f"{self._who()}"
            )
        return begin, end, by

    def _index(self, k: int, axis: int, n: int) -> int:
        if not -n <= k < n:
            raise LabelError(
                f"{self.label}: need an index from {-n} to {n - 1} on axis {axis}; got "
                f"{options.shown(k)} for "
                f"{self._who()}"
            )
        return int(k) % n


def slice(x: Any, key: Any, *, name: str = "") -> Node:
    """Return ``x[key]`` as a copy: integers, slices with any step, ``...`` and None (a new axis).

    What is left out of ``key`` is taken whole, and so must be the batch axis.  The gradient is dy
    at the places that are taken, else 0.  ``x[1:, ::-1]`` on a node is the same.
    Source: NumPy's basic indexing.

    Raises `LabelError` for an index out of range, `ShapeError` where nothing would be left or
    rows of the batch are picked, `OptionError` for other kinds of keys (for lookups see `take`),
    `DtypeError` for integer nodes.

    >>> x = cnn.Input("x", (4,))
    >>> graph = cnn.Graph(cnn.ops.slice(x, np.s_[::2]))  # the same as x[::2]
    >>> graph.forward(x=[1.0, 2.0, 3.0, 4.0])
    array([1., 3.])
    >>> graph.backward([1.0, 5.0])
    {'x': array([1., 0., 5., 0.])}
    """
    return Slice((as_node(x),), name=name, key=key)
