"""gelu: y = x Phi(x), with Phi the standard normal distribution function."""

from __future__ import annotations

from cnn_core import options
from cnn_core.ir.elementwise import Unary
from cnn_core.ir.node import Node, as_node

_FORMS = {"none": 0, "tanh": 1}


class Gelu(Unary):
    """y = x Phi(x), any shape.  Kernel: src_c/ops/gelu.c."""

    op = "gelu"
    grad_reads = "x"
    approximate: str = "none"

    def infer_shape(self) -> None:
        super().infer_shape()
        options.choice(self.label, self.approximate, _FORMS, option="approximate")

    def attrs(self) -> tuple[float | int, ...]:
        return (_FORMS[self.approximate],)


def gelu(x: Node, approximate: str = "none", *, name: str = "") -> Node:
    """Return x Phi(x), elementwise; same shape and dtype as ``x``.

    ``approximate="none"``: Phi(x) = (1 + erf(x / sqrt 2)) / 2.  ``"tanh"``: Phi(x) =
    (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.  Anything else raises `OptionError`.
    NaN propagates; gelu(-inf) = 0.

    Source: Hendrycks, Gimpel 2016.
    """
    return Gelu((as_node(x),), name=name, approximate=approximate)
