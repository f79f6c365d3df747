"""take: y = x[..., index, ...], entries of one axis picked by number."""

from __future__ import annotations

from math import prod
from typing import Any

from cnn_core import options
from cnn_core.ir.axes import need_batch_first
from cnn_core.ir.indices import as_index, picked_axis
from cnn_core.ir.node import BATCH, Node, as_node, label_of


class Take(Node):
    """y = x[..., index, ...].  index int32, in the place of ``axis``.  Kernel: src_c/ops/take.c."""

    op = "take"
    differentiable = (True, False)
    operand_dtypes = ("real", "int32")
    grad_reads = "x"
    axis: int = 0
    from_end: bool = True

    def infer_shape(self) -> None:
        x, index = self.inputs
        at = picked_axis(self, self.axis)
        row = index.shape[1:] if x.batched and index.batched else index.shape
        self.shape = need_batch_first(self, (*x.shape[:at], *row, *x.shape[at + 1 :]))
        before = [n for n in x.shape[:at] if n is not BATCH]
        self._sizes = prod(before), x.shape[at], prod(x.shape[at + 1 :])

    def attrs(self) -> tuple[float | int, ...]:
        """Return the elements before the axis within a row of x, on it, and behind it."""
        return *self._sizes, int(self.from_end)

    @property
    def index_limits(self) -> tuple[int, int]:
        """The least and the most that an index may be."""
        n = self._sizes[1]
        return -n if self.from_end else 0, n - 1

    def n_unit(self, wrt: int) -> int:
        if wrt != 0:
            return 0
        before, n, _ = self._sizes
        return before if before > 1 else n


def take(x: Any, index: Any, axis: int = 0, *, from_end: bool = True, name: str = "") -> Node:
    """Return the entries ``index`` of ``axis`` of x: NumPy's ``take``, in every row of a batch.

    ``index`` is an int32 node, or whole numbers that never change, from -V to V - 1 for an axis
    of length V; negative ones count from the end; with ``from_end=False`` they
    are refused when the graph runs.  Its axes stand in the place of ``axis``:

    ==================  ==================  ====  =========================================
    x                   index               axis  result
    ==================  ==================  ====  =========================================
    (V, ...)            (K, ...)            0     (K, ..., ...): the lookup of embeddings
    (V, ...)            (B, K, ...)         0     (B, K, ..., ...): the same for a batch
    (P, V, ...)         (K, ...)            1     (P, K, ..., ...)
    (B, V, ...)         (K, ...)            1     (B, K, ..., ...): the same numbers in all rows
    (B, V, ...)         (B, K, ...)         1     (B, K, ..., ...): each row by its own numbers
    (B, V)              (B,)                1     (B,): one number per row
    ==================  ==================  ====  =========================================

    The gradient of an entry of ``x`` is the sum of dy over the places that picked it, in their
    order, 0 where none did.  An index outside the axis raises `LabelError`, at once for numbers,
    when the graph runs for a node.

    Raises `ShapeError` for a scalar ``x``, for the batch axis and where the batch would not come
    first, `OptionError` for an axis that ``x`` does not have, `DtypeError` unless ``index`` is
    int32.

    >>> q, action = cnn.Input("q", (cnn.BATCH, 3)), cnn.Input("action", (cnn.BATCH,), "int32")
    >>> graph = cnn.Graph(cnn.ops.take(q, action, axis=1))  # one number of each row
    >>> graph.forward(q=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], action=[2, 0])
    array([3., 4.])
    >>> graph.backward([1.0, 1.0])["q"]
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    from_end = options.flag(label_of(name, "take"), from_end, option="from_end")
    inputs = (as_node(x), as_index(index, label_of(name, "take")))
    return Take(inputs, name=name, axis=axis, from_end=from_end)
