"""metric_top_k: y += (sum_r w_r hit_r, sum_r w_r)."""

from __future__ import annotations

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.row_loss import need_labels
from cnn_core.ir.running_sums import RunningSums

_NO_LABEL = -(2**63)  # no int32 equals it


class MetricTopK(RunningSums):
    """hit_r: the label's score is among the k largest.  z (B, C), t (B,) int32, y (2,) float64.

    Kernel: src_c/ops/metric_top_k.c.
    """

    op = "metric_top_k"
    operand_dtypes = ("real", "int32", "real")
    k: int = 1
    ignore_index: int | None = None

    def check(self) -> None:
        need_labels(self)
        n_class = self.inputs[0].shape[1]
        if options.whole(self.label, self.k, 1, option="k") > n_class:
            raise OptionError(f"{self.label}: need k <= {n_class}, the classes; got {self.k}")
        if self.ignore_index is not None:
            self.ignore_index = options.int32(self.label, self.ignore_index, option="ignore_index")

    def attrs(self) -> tuple[float | int, ...]:
        return (int(self.k), _NO_LABEL if self.ignore_index is None else int(self.ignore_index))


def metric_top_k(
    z: Node,
    t: Node,
    k: int,
    *,
    weight: Node | None = None,
    ignore_index: int | None = None,
    name: str = "",
) -> Node:
    """Return the running sums of the share of rows whose label has one of the k largest scores.

    ``z`` (B, C), ``t`` (B,) int32, ``weight`` (B,) or 1; y (2,) float64 grows by
    (sum w hit, sum w) with every run, and `finish` makes the share of it.  Of equal scores the
    first class counts as larger; a row of NaN has no hit.  A label that is ``ignore_index``
    counts nothing; any other outside [0, C) raises `LabelError` when the graph runs.
    It has no gradient.

    Raises `ShapeError`, `DtypeError`, or `OptionError` unless 1 <= k <= C.

    >>> z, t = cnn.Input("z", (cnn.BATCH, 3)), cnn.Input("t", (cnn.BATCH,), "int32")
    >>> y = cnn.ops.metric_top_k(z, t, 2)
    >>> sums = cnn.Graph(y).forward(z=[[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]], t=[1, 2])
    >>> sums, y.finish(sums)
    (array([1., 2.]), 0.5)
    """
    inputs = (z, t) if weight is None else (z, t, weight)
    return MetricTopK(tuple(as_node(i) for i in inputs), name=name, k=k, ignore_index=ignore_index)
