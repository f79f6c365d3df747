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
    (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.  The gradient is
    (Phi(x) + x Phi'(x)) dy.  NaN propagates; gelu(-inf) = 0.

    Raises `OptionError` for any other ``approximate``, `DtypeError` for integer nodes.
    Source: Hendrycks, Gimpel 2016.

    >>> graph = cnn.Graph(cnn.ops.gelu(cnn.Input("x")))
    >>> graph.forward(x=0.0), graph.backward()
    (0.0, {'x': 0.5})
    >>> round(graph.forward(x=1.0), 4)  # Phi(1) = 0.8413
    0.8413
    """
    return Gelu((as_node(x),), name=name, approximate=approximate)
