"""reshape: y = x under another shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Node, Shape, as_node
from cnn_core.ir.shapes import row_size
from cnn_core.ir.view import View, strides_of


class Reshape(View):
    """y = x, the same numbers in the same order.  Kernel: src_c/ops/reshape.c."""

    op = "reshape"
    to: Any = ()

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (*self.inputs, self.to), {}

    def view(self, x: Shape) -> tuple[Shape, Sequence[int], int]:
        to = tuple(self.to) if np.iterable(self.to) else (self.to,)
        fits = all(n is BATCH or (options.is_whole(n) and (n > 0 or n == -1)) for n in to)
        free = [n for n in to if n is not BATCH and n == -1] if fits else []
        size = row_size(x)
        known = row_size(tuple(n for n in to if n is BATCH or n != -1)) if fits else 0
        batched = bool(to) and to[0] is BATCH
        if not fits or len(free) > 1 or batched != self.inputs[0].batched or BATCH in to[1:] or (
            size % known if free else size != known
        ):  # fmt: skip
            rows = "BATCH first, and rows of" if self.inputs[0].batched else "a shape with"
            raise ShapeError(
                f"{self.label}: need {rows} {size} elements, at most one length -1; got "
                f"{options.shown(to)} for "
                f"{self.inputs[0].label} {x}"
            )
        shape = tuple(n if n is BATCH else size // known if n == -1 else int(n) for n in to)
        return shape, strides_of(shape), 0


def reshape(x: Any, shape: Any, *, name: str = "") -> Node:
    """Return ``x`` under ``shape``: the same numbers in row-major order, as a copy.

    One length may be -1 and follows from the others.  The shape of a batched ``x`` starts with
    `BATCH`, and that of an unbatched one does not: rows stay rows.  The gradient is dy under the
    shape of ``x``.

    Raises `ShapeError` where the shape does not fit, `DtypeError` for integer nodes.
    Source: NumPy's ``reshape``.

    >>> x = cnn.Input("x", (cnn.BATCH, 2, 2))
    >>> graph = cnn.Graph(cnn.ops.reshape(x, (cnn.BATCH, -1)))
    >>> graph.forward(x=[[[1.0, 2.0], [3.0, 4.0]]])
    array([[1., 2., 3., 4.]])
    >>> graph.backward([[1.0, 0.0, 0.0, 5.0]])["x"]
    array([[[1., 0.],
            [0., 5.]]])
    """
    return Reshape((as_node(x),), name=name, to=shape)
