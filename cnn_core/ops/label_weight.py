"""label_weight: y_r = 0 where the label t_r is the ignored one, else w_r."""

from __future__ import annotations

from cnn_core import options
from cnn_core.errors import ShapeError
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import need_row_weights


class LabelWeight(Node):
    """y_r = 0 where t_r is ``ignore_index``, else w_r.  t (B,) int32, w (B,) or absent, y (B,).

    Kernel: src_c/ops/label_weight.c.
    """

    op = "label_weight"
    differentiable = (False, True)
    operand_dtypes = ("int32", "real")
    grad_reads = "x"
    by_rows = True
    ignore_index: int = -100

    def infer_shape(self) -> None:
        t = self.inputs[0]
        self.ignore_index = options.int32(self.label, self.ignore_index, option="ignore_index")
        if len(t.shape) != 1:
            raise ShapeError(f"{self.label}: need labels (B,); got {t.label} {t.shape}")
        need_row_weights(self, 1, t.shape)
        self.shape = t.shape

    def attrs(self) -> tuple[float | int, ...]:
        return (int(self.ignore_index),)


def label_weight(
    labels: Node, weight: Node | None = None, *, ignore_index: int, name: str = ""
) -> Node:
    """Return row weights that leave out ignored labels: 0 where t_r is ``ignore_index``, else w_r.

    ``labels`` (B,) int32; ``weight`` (B,) gives w, without it 1; result (B,).

    It has no gradient.

    Raises `ShapeError` unless both have shape (B,), `DtypeError` unless labels are int32,
    `OptionError` for an index that is not an integer.

    >>> t = cnn.Input("t", (cnn.BATCH,), "int32")
    >>> cnn.Graph(cnn.ops.label_weight(t, ignore_index=-1)).forward(t=[0, -1, 2])
    array([1., 0., 1.])
    """
    inputs = (labels,) if weight is None else (labels, weight)
    return LabelWeight(tuple(as_node(x) for x in inputs), name=name, ignore_index=ignore_index)
