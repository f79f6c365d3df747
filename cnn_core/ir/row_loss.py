"""The base of losses: one value per row of predictions and targets."""

from __future__ import annotations

from typing import Any, ClassVar

from cnn_core import options
from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Node, Shape


class RowLoss(Node):
    """y_r = f(p_r, t_r), shape (B,), from the elements of a row of predictions and of targets.

    A mean over the batch is a node of its own, so that the rows of a loss divide among threads.
    Without a batch axis the first axis holds the rows, whose number is then fixed.
    """

    differentiable = (True, True)
    grad_reads = "x"
    by_rows = True

    has_fused_loss: ClassVar[bool] = True
    """The C operation has a `fused_loss`: value and gradient in one pass."""

    def infer_shape(self) -> None:
        need_same_rows(self, fixed=True)
        self.shape = self.inputs[0].shape[:1]

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        operands, options = super().arguments()
        return operands, {**options, "reduction": "none"}


def _same_lead(p: Node, t: Node, fixed: bool) -> bool:
    """Tell whether both have the same rows: a batch or, if ``fixed``, as many."""
    return p.shape[:1] == t.shape[:1] != () and (fixed or p.batched)


def need_same_rows(node: Node, *, fixed: bool = False) -> None:
    """Raise `ShapeError` unless the first two inputs are batched with the same row shape.

    (B,) goes with (B, 1): both have one number to a row.  Nothing else is broadcast.  With
    ``fixed`` a number of rows may stand in the place of B.
    """
    p, t = node.inputs[:2]
    rows = [x.shape[1:] if x.shape[1:] != (1,) else () for x in (p, t)]
    if not _same_lead(p, t, fixed) or rows[0] != rows[1]:
        raise ShapeError(
            f"{node.label}: need predictions and targets of one shape (B, ...), where (B,) goes "
            f"with (B, 1); got {p.label} {p.shape} and {t.label} {t.shape}"
        )


def need_labels(node: Node, *, fixed: bool = False) -> None:
    """Raise `ShapeError` unless the first input is (B, C) and the second, labels, (B,).

    With ``fixed`` a number of rows may stand in the place of B.
    """
    z, t = node.inputs[:2]
    if not _same_lead(z, t, fixed) or len(z.shape) != 2 or len(t.shape) != 1:
        raise ShapeError(
            f"{node.label}: need scores (B, C) and labels (B,); got {z.label} {z.shape} and "
            f"{t.label} {t.shape}"
        )


def need_two_classes(node: Node) -> None:
    """Raise `ShapeError` unless the first input (B, C) has C >= 2."""
    z = node.inputs[0]
    if z.shape[1] < 2:
        raise ShapeError(f"{node.label}: need at least 2 classes; got {z.label} {z.shape}")


def need_row_weights(node: Node, i: int, rows: Shape = (BATCH,)) -> None:
    """Raise `ShapeError` unless input ``i``, if there is one, has one number per row, ``rows``."""
    if len(node.inputs) <= i:
        return
    w = node.inputs[i]
    if w.shape != rows:
        raise ShapeError(
            f"{node.label}: need one weight per row, shape ({rows[0]},); got {w.label} {w.shape}"
        )


def checked_most(label: str, most: float | None) -> float | None:
    """Return the most that a loss counts, or None: whatever it is."""
    return None if most is None else options.amount(label, most, open_at="low", option="most")
