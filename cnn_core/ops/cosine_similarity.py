"""cosine_similarity: y = sum_i a_i b_i / (|a| |b|)."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.vectors import VectorPair


class CosineSimilarity(VectorPair):
    """y = sum_i a_i b_i / (max(|a|, eps) max(|b|, eps)).  a, b (..., N), y (...).

    Kernel: src_c/ops/cosine_similarity.c.
    """

    op = "cosine_similarity"
    grad_reads = "xy"
    eps: float = 1e-8

    def infer_shape(self) -> None:
        super().infer_shape()
        self.eps = options.number(self.label, self.eps, 0, open_at="low", option="eps")
        if self.inputs[0].shape[-1] != self.inputs[1].shape[-1]:
            self.refuse("need vectors of one length along the last axis")
        self.shape = self._lead
        if not any(x.batched for x in self.inputs):  # else threads would write one norm together
            self.saved = {f"norm_{k}": x.shape[:-1]
                          for k, x in zip("ab", self.inputs, strict=True)}  # fmt: skip

    def attrs(self) -> tuple[float | int, ...]:
        return (*super().attrs(), float(self.eps))


def cosine_similarity(a: Any, b: Any, eps: float = 1e-8, *, name: str = "") -> Node:
    """Return the cosine of the angle between a and b over the last axis: (..., N), result (...).

    The axes before the last are broadcast together by NumPy's rule: a memory (B, M, N) and a key
    (B, 1, N) give (B, M).  A norm below ``eps`` counts as the constant ``eps``, so a vector of
    zeros gives 0.  The gradient of a is (b / |b| - y a / |a|) dy / |a|, and that of b likewise,
    added up over the axes along which the operand was repeated.  NaN propagates.

    Raises `ShapeError` where the shapes do not fit, `OptionError` unless eps > 0, `DtypeError`
    for integer nodes.

    >>> a, b = cnn.Input("a", (2,)), cnn.Input("b", (2,))
    >>> graph = cnn.Graph(cnn.ops.cosine_similarity(a, b))
    >>> round(graph.forward(a=[3.0, 4.0], b=[1.0, 0.0]), 6)  # 3 / (5 * 1)
    0.6
    >>> graph.backward()["b"].round(6)  # a / 5 - 0.6 b
    array([0. , 0.8])
    """
    return CosineSimilarity((as_node(a), as_node(b)), name=name, eps=eps)
