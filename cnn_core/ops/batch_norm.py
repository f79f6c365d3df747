"""batch_norm: columns of mean 0 and variance 1 over the batch, times a scale, plus a shift."""

from __future__ import annotations

from math import prod
from typing import Any

from cnn_core import options
from cnn_core.errors import GraphError, ShapeError
from cnn_core.ir.node import BATCH, Node, State, as_node, label_of
from cnn_core.ir.row_norm import as_vector


class BatchNorm(Node):
    """y = (x - mean) / sqrt(var + eps) scale + shift.  Kernel: src_c/ops/batch_norm.c."""

    op = "batch_norm"
    differentiable = (True, True, True, False)
    grad_reads = "x"
    rowwise = False
    statistics = True
    momentum: float = 0.1
    eps: float = 1e-5

    def infer_shape(self) -> None:
        x, *vectors = self.inputs
        n = x.shape[-1] if x.shape else BATCH
        if n is BATCH or any(v.shape != (n,) for v in vectors):
            got = ", ".join(f"{v.label} {v.shape}" for v in self.inputs)
            raise ShapeError(
                f"{self.label}: need x (..., C), scale, shift, mean and variance (C,); got {got}"
            )
        self.momentum = options.number(self.label, self.momentum, 0, 1, option="momentum")
        self.eps = options.number(self.label, self.eps, options.SMALLEST_EPS, options.LARGEST,
                                  option="eps")  # fmt: skip
        self.shape = x.shape
        self.places = prod(k for k in x.shape[:-1] if k is not BATCH)
        self.saved = {"moments": (2, n), "columns": (5, n)}
        self.sums = {"sums": (5, n)}
        self.updates = (3, 4) if len(vectors) == 4 else ()

    def attrs(self) -> tuple[float | int, ...]:
        """Return C, the rows of a row of the batch, eps and momentum; lowering adds which it is."""
        return self.shape[-1], self.places, self.eps, self.momentum

    def n_unit(self, wrt: int) -> int:
        return self.shape[-1] if wrt < 0 else 0


def batch_norm(
    x: Any, scale: Any = None, shift: Any = None, mean: State | None = None,
    variance: State | None = None, momentum: float = 0.1, eps: float = 1e-5, *, name: str = "",
) -> Node:  # fmt: skip
    """Return ``(x - mean) / sqrt(var + eps) scale + shift``, each column by itself: x (..., C).

    All axes but the last are averaged over, the batch among them.  ``scale`` and ``shift`` (C,);
    None stands for ones and zeros.  In training the mean and the biased variance are those of the
    batch, all rows alike, whatever weights a loss gives them; gradients go through them.  After
    each step that learns, and in no other run, the running statistics ``mean`` and ``variance``,
    two `State`s (C,), become ``(1 - momentum) running + momentum batch``, with the unbiased
    variance of the batch.  In inference they take the place of the batch's; without them the
    statistics are always the batch's own.  NaN propagates within its column.

    Raises `ShapeError` where the shapes do not fit, `GraphError` unless both running statistics
    are there or none, `OptionError` for a momentum outside [0, 1] or eps below 1e-30,
    `DtypeError` for integer nodes and, when it runs, `DataError` for a batch of one row.
    Source: Ioffe, Szegedy 2015; PyTorch's ``batch_norm``, features last.

    >>> x = cnn.Input("x", (cnn.BATCH, 2))
    >>> graph = cnn.Graph(cnn.ops.batch_norm(x, eps=1e-12))
    >>> graph.forward(x=[[1.0, 5.0], [3.0, 9.0]]).round(6)  # (x - [2, 7]) / [1, 2]
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> from cnn_core.ir.node import State
    >>> mean, variance = State("mean", np.zeros(2)), State("variance", np.ones(2))
    >>> graph = cnn.Graph(cnn.ops.batch_norm(x, mean=mean, variance=variance))  # for inference
    >>> graph.forward(x=[[1.0, 5.0]]).round(3)  # (x - 0) / 1
    array([[1., 5.]])
    """
    x = as_node(x)
    running = [s for s in (mean, variance) if s is not None]
    if len(running) == 1 or not all(isinstance(s, State) for s in running):
        got = " and ".join(options.shown(s) for s in (mean, variance))
        raise GraphError(
            f"{label_of(name, 'batch_norm')}: need mean and variance as a State each, or neither; "
            f"got {got}"
        )
    inputs = (x, as_vector(scale, x, 1.0), as_vector(shift, x, 0.0), *running)
    return BatchNorm(inputs, name=name, momentum=momentum, eps=eps)
