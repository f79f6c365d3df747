"""take: y = x[index], entries of axis 0 picked by number."""

from __future__ import annotations

from typing import Any

from cnn_core.errors import DtypeError, ShapeError
from cnn_core.graph.axes import need_batch_first
from cnn_core.graph.node import Node, as_node
from cnn_core.graph.row_loss import need_real


class Take(Node):
    """y = x[index].  x (V, ...), index int32, y (index..., ...).  Kernel: src_c/ops/take.c."""

    op = "take"
    differentiable = (True, False)
    grad_reads = "x"

    def infer_shape(self) -> None:
        need_real(self, 0)
        x, index = self.inputs
        if index.dtype != "int32":
            raise DtypeError(
                f"{self.label}: need int32 indices, such as Input(name, shape, 'int32'); got "
                f"{index.label} with dtype {index.dtype}"
            )
        if not x.shape or x.batched:
            raise ShapeError(
                f"{self.label}: need x (V, ...) without a batch axis; got {x.label} {x.shape} and "
                f"{index.label} {index.shape}"
            )
        self.shape = need_batch_first(self, (*index.shape, *x.shape[1:]))

    def n_unit(self, wrt: int) -> int:
        return self.inputs[0].shape[0] if wrt == 0 else 0


def take(x: Any, index: Node, *, name: str = "") -> Node:
    """Return ``x[index]``: x (V, ...), ``index`` int32 of any shape, result (index..., ...).

    The lookup of embeddings, along axis 0.  The gradient of an entry of ``x`` is the sum of dy
    over the places that picked it, 0 where none did.  Indices count from 0 and must be below V:
    anything else raises `LabelError` when the graph runs.

    Raises `ShapeError` for a scalar or batched ``x``, `DtypeError` unless ``index`` is int32.
    """
    return Take((as_node(x), as_node(index)), name=name)
