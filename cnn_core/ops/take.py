"""take: y = x[index], entries of axis 0 picked by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core.errors import DtypeError, LabelError, ShapeError
from cnn_core.graph.axes import need_batch_first
from cnn_core.graph.node import Constant, Node, as_node


class Take(Node):
    """y = x[index].  x (V, ...), index int32, y (index..., ...).  Kernel: src_c/ops/take.c."""

    op = "take"
    differentiable = (True, False)
    operand_dtypes = ("real", "int32")
    grad_reads = "x"

    def infer_shape(self) -> None:
        x, index = self.inputs
        if not x.shape or x.batched:
            raise ShapeError(
                f"{self.label}: need x (V, ...) without a batch axis; got {x.label} {x.shape} and "
                f"{index.label} {index.shape}"
            )
        if isinstance(index, Constant):
            self._need_in_range(index.value, x)
        self.shape = need_batch_first(self, (*index.shape, *x.shape[1:]))

    def _need_in_range(self, index: np.ndarray, x: Node) -> None:
        wrong = (index < 0) | (index >= x.shape[0])
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            where = f" at {at}" if at else ""
            raise LabelError(
                f"{self.label}: need indices from 0 to {x.shape[0] - 1}; got {int(index[at])}"
                f"{where} for {x.label} {x.shape}"
            )

    def n_unit(self, wrt: int) -> int:
        return self.inputs[0].shape[0] if wrt == 0 else 0


def take(x: Any, index: Any, *, name: str = "") -> Node:
    """Return ``x[index]``: x (V, ...), ``index`` int32 of any shape, result (index..., ...).

    The lookup of embeddings, along axis 0.  ``index`` is a node, or whole numbers that never
    change.  The gradient of an entry of ``x`` is the sum of dy over the places that picked it, 0
    where none did.  Indices count from 0 and must be below V: anything else raises `LabelError`,
    at once for numbers, when the graph runs for a node.

    Raises `ShapeError` for a scalar or batched ``x``, `DtypeError` unless ``index`` is int32.
    """
    return Take((as_node(x), _as_index(index, name or "take")), name=name)


def _as_index(index: Any, who: str) -> Node:
    """Return ``index`` if it is a node, else a constant of int32 that holds it."""
    if isinstance(index, Node):
        return index
    node = Constant(index, dtype="int32")
    kind = np.asarray(index).dtype
    if kind.kind not in "iu":
        raise DtypeError(f"{who}: need whole numbers as indices; got dtype {kind}")
    return node
