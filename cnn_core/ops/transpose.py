"""transpose: y = x with its axes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_core.errors import OptionError
from cnn_core.ir.axes import several_axes
from cnn_core.ir.node import Node, Shape, as_node
from cnn_core.ir.view import View, strides_of
from cnn_core.options import shown


class Transpose(View):
    """y = x with its axes in another order.  Kernel: src_c/ops/transpose.c."""

    op = "transpose"
    symbol = "xᵀ"
    axes: Sequence[int] | None = None

    def view(self, x: Shape) -> tuple[Shape, Sequence[int], int]:
        order = self._order(len(x))
        strides = strides_of(x)
        return tuple(x[i] for i in order), [strides[i] for i in order], 0

    def _order(self, n_dim: int) -> tuple[int, ...]:
        if self.axes is None:
            first = int(self.inputs[0].batched)
            return (*range(first), *reversed(range(first, n_dim)))
        x = self.inputs[0]
        given = tuple(self.axes) if np.iterable(self.axes) else (self.axes,)
        if len(given) != n_dim:
            raise OptionError(
                f"{self.label}: need all {n_dim} axes of {x.label} {x.shape}; got "
                f"{shown(self.axes)}"
            )
        return several_axes(self, given, n_dim) if given else ()


def transpose(x: Any, axes: Sequence[int] | None = None, *, name: str = "") -> Node:
    """Return ``x`` with axis i of the result being axis ``axes[i]`` of ``x``.

    Without ``axes`` the order is reversed; a batch axis always stays first.  The result is a
    copy.  The gradient is dy with the axes back in order.

    Raises `OptionError` unless ``axes`` names every axis once, `ShapeError` where the batch axis
    would not stay first, `DtypeError` for integer nodes.
    Source: NumPy's ``transpose``.

    >>> x = cnn.Input("x", (2, 3))
    >>> graph = cnn.Graph(cnn.ops.transpose(x))
    >>> graph.forward(x=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    array([[1., 4.],
           [2., 5.],
           [3., 6.]])
    >>> graph.backward([[1.0, 0.0], [0.0, 0.0], [5.0, 0.0]])["x"]
    array([[1., 0., 5.],
           [0., 0., 0.]])
    """
    return Transpose((as_node(x),), name=name, axes=axes)
