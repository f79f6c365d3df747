"""metric_accuracy: y += (sum_r w_r right_r, sum_r w_r)."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import BATCH, Node, as_node, label_of
from cnn_core.ir.row_loss import need_same_rows
from cnn_core.ir.running_sums import RunningSums
from cnn_core.ir.shapes import row_size
from cnn_core.ops.metric_top_k import metric_top_k


class MetricAccuracy(RunningSums):
    """right_r: the scores of row r fall where its targets do.  z, t (B, ...), y (2,) float64.

    Kernel: src_c/ops/metric_accuracy.c.
    """

    op = "metric_accuracy"
    operand_dtypes = ("real", "any", "real")
    k: int = 0
    threshold: float = 0.0
    middle: float = 0.5

    def check(self) -> None:
        z, t = self.inputs[:2]
        if t.dtype != "int32":
            need_same_rows(self)
            if self.k > row_size(z.shape):
                raise OptionError(
                    f"{self.label}: need k <= {row_size(z.shape)}, the scores of a row; "
                    f"got {self.k}"
                )
            return
        if z.shape not in ((BATCH,), (BATCH, 1)) or t.shape != (BATCH,):
            raise ShapeError(
                f"{self.label}: need scores (B,) or (B, 1) and labels (B,); got {z.label} "
                f"{z.shape} and {t.label} {t.shape}"
            )

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        operands, options = super().arguments()
        several = self.inputs[0].shape not in ((BATCH,), (BATCH, 1))
        return operands, {**options, "k": max(self.k, 1), "columns": several and self.k == 0}

    def attrs(self) -> tuple[float | int, ...]:
        return (int(self.k), float(self.threshold), float(self.middle))


def metric_accuracy(
    z: Node,
    t: Node,
    *,
    weight: Node | None = None,
    ignore_index: int | None = None,
    columns: bool = False,
    k: int = 1,
    threshold: float = 0.0,
    middle: float = 0.5,
    name: str = "",
) -> Node:
    """Return the running sums of the share of rows that the scores ``z`` get right.

    ``t`` int32 (B,) with z (B, C), C >= 2: the largest score is that of the label.
    ``t`` real (B, C): the largest of t is where one of the ``k`` largest scores is; with
    ``columns=True`` every column is a yes-or-no question of its own, right where
    (z > threshold) == (t > middle), and a row counts by the share of its columns that are right.
    One score to a row, z (B,) or (B, 1): always yes or no; t real, or int32 0 and 1.  The largest
    of equal scores is the first; NaN is never right.

    ``weight`` (B,) or 1; y (2,) float64 grows by (sum w right, sum w) with every run, and
    `finish` makes the share of it.  A label that is ``ignore_index`` counts nothing; any other
    label out of range raises `LabelError` when the graph runs.  It has no gradient.

    Raises `ShapeError` where the shapes do not fit, `OptionError` for ``ignore_index`` without
    labels of 2 or more classes, `DtypeError` for an integer z.  Source: scikit-learn's
    ``accuracy_score``.

    >>> z, t = cnn.Input("z", (cnn.BATCH, 2)), cnn.Input("t", (cnn.BATCH,), "int32")
    >>> y = cnn.ops.metric_accuracy(z, t)
    >>> sums = cnn.Graph(y).forward(z=[[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]], t=[0, 1, 1])
    >>> sums, round(y.finish(sums), 4)
    (array([2., 3.]), 0.6667)
    """
    who = label_of(name, "metric_accuracy")
    columns = options.flag(who, columns, option="columns")
    z, t = as_node(z), as_node(t)
    one_score = z.shape in ((BATCH,), (BATCH, 1))
    if t.dtype == "int32" and not one_score:
        return metric_top_k(z, t, k, weight=weight, ignore_index=ignore_index, name=name)
    if ignore_index is not None:
        raise OptionError(
            f"{who}: need int32 labels and scores (B, C) for ignore_index; "
            f"got {t.label} {t.shape} and {z.label} {z.shape}"
        )
    inputs = (z, t) if weight is None else (z, t, as_node(weight))
    k = options.whole(who, k, 1, option="k")
    return MetricAccuracy(
        inputs, name=name, k=0 if columns or one_score else k,
        threshold=options.number(who, threshold, option="threshold"),
        middle=options.number(who, middle, option="middle"),
    )  # fmt: skip
