"""split: the parts of x along one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import ShapeError
from cnn_core.ir.axes import one_axis
from cnn_core.ir.node import BATCH, Node, Shape, as_node, label_of
from cnn_core.ir.view import View, strides_of
from cnn_core.options import shown


class Split(View):
    """y = x[begin:end] along ``axis``, one of several parts.  Kernel: src_c/ops/split.c.

    ``part`` counts from 0; ``sections`` is a number of equal parts or a list of places to cut.
    """

    op = "split"
    sections: Any = 1
    part: int = 0
    axis: int = 0
    places: Sequence[tuple[int, int]] = ()  # `bounds`, which the parts share

    def view(self, x: Shape) -> tuple[Shape, Sequence[int], int]:
        axis = one_axis(self, self.axis, len(x))
        if not self.places:
            self.places = self.bounds()
        begin, end = self.places[self.part]
        strides = strides_of(x)
        return (*x[:axis], end - begin, *x[axis + 1 :]), strides, begin * strides[axis]

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        operands, options = super().arguments()
        return operands, {**options, "part": self.part}

    @classmethod
    def made_of(cls, operands: Sequence[Any], given: Mapping[str, Any], name: str) -> Node:
        parts: Any = super().made_of(operands, {k: v for k, v in given.items() if k != "part"}, "")
        part = parts[options.whole("split", given.get("part"), 0, len(parts) - 1, option="part")]
        part.__dict__["name"] = name
        return part

    def bounds(self) -> list[tuple[int, int]]:
        """Return (begin, end) of every part."""
        x = self.inputs[0]
        axis = one_axis(self, self.axis, len(x.shape))
        n = x.shape[axis]
        if n is BATCH:
            raise ShapeError(
                f"{self.label}: need another axis than the batch axis; got axis={self.axis} for "
                f"{x.label} {x.shape}"
            )
        if isinstance(self.sections, Integral):
            k = options.whole(self.label, self.sections, 1, option="sections")
            cuts = [i * (n // k) for i in range(k + 1)] if n % k == 0 else [0]
        else:
            cuts = [0, *(options.whole(self.label, i, 0, option="cut") for i in self.sections), n]
        if cuts[-1] != n or any(a >= b for a, b in pairwise(cuts)):
            raise ShapeError(
                f"{self.label}: need a number of parts that divides {n}, or places to cut that "
                f"rise from 1 to {n - 1}; got {shown(self.sections)} for axis {axis} of {x.label} "
                f"{x.shape}"
            )
        return list(pairwise(cuts))


def split(x: Any, sections: Any, axis: int = 0, *, name: str = "") -> list[Node]:
    """Return the parts of ``x`` along ``axis`` as a list of nodes, each a copy.

    ``sections`` is a number of equal parts, or a list of the places where to cut: ``[2, 5]``
    gives x[:2], x[2:5] and x[5:].  The batch axis cannot be cut.  The gradient is dy at the places
    of a part; those of all parts add up.  A ``name`` gets the number of the part.

    Raises `ShapeError` where the parts would not be equal or one would be empty, `OptionError`
    for an axis that ``x`` does not have and for ``sections`` that are no whole numbers,
    `DtypeError` for integer nodes.
    Source: NumPy's ``split``.

    >>> x = cnn.Input("x", (3,))
    >>> first, rest = cnn.ops.split(x, [1])
    >>> graph = cnn.Graph(10 * first + cnn.ops.sum(rest))
    >>> graph.forward(x=[1.0, 2.0, 3.0]), graph.backward([1.0])
    (array([15.]), {'x': array([10.,  1.,  1.])})
    """
    node = as_node(x)
    options.string(label_of(name, "split"), name, option="name")
    if np.iterable(sections):
        given = tuple(sections)
    else:
        given = options.whole(label_of(name, "split"), sections, 1, option="sections")
    first = Split((node,), name=f"{name}_0" if name else "", sections=given, axis=axis)
    return [first, *(
        Split((node,), name=f"{name}_{i}" if name else "", sections=given, part=i, axis=axis,
              places=first.places)
        for i in range(1, len(first.places))
    )]  # fmt: skip
