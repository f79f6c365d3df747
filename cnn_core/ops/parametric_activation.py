"""parametric_activation: y = x + a (f(x) - x)."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.errors import ShapeError
from cnn_core.ir.node import BATCH, Node, as_node
from cnn_core.ir.row_norm import rows_and_sums

FUNCTIONS = ("selu", "mish")


class ParametricActivation(Node):
    """y = x + a (f(x) - x).  x, y (..., N), a (N,).  Kernel: src_c/ops/parametric_activation.c."""

    op = "parametric_activation"
    grad_reads = "x"
    function: str = "selu"

    def infer_shape(self) -> None:
        x, a = self.inputs
        n = x.shape[-1] if x.shape else None
        if n is None or n is BATCH or a.shape != (n,):
            raise ShapeError(
                f"{self.label}: need x (..., N) and a (N,); got {x.label} {x.shape}, {a.label} "
                f"{a.shape}"
            )
        options.choice(self.label, self.function, FUNCTIONS, option="function")
        self.shape = x.shape
        self._rows, self.sums = rows_and_sums(x, n)

    def attrs(self) -> tuple[float | int, ...]:
        return self.shape[-1], self._rows, FUNCTIONS.index(self.function), 0

    def n_unit(self, wrt: int) -> int:
        return self.shape[-1] if wrt > 0 else 0


def parametric_activation(x: Any, a: Any, function: str = "selu", *, name: str = "") -> Node:
    """Return x + a (f(x) - x) for x (..., N), f "selu" or "mish", and a (N,).

    Each column has its own ``a``: 1 gives f(x), 0 gives x.  The gradients are
    dx = (1 + a (f'(x) - 1)) dy and da = sum dy (f(x) - x) over all rows.  NaN propagates,
    infinities give NaN.

    Raises `ShapeError` where the shapes do not fit, `OptionError` for another function,
    `DtypeError` for integer nodes.  Source: Holzmueller, Grinsztajn, Steinwart 2024.

    >>> x, a = cnn.Input("x", (2,)), cnn.Input("a", (2,))
    >>> graph = cnn.Graph(cnn.ops.parametric_activation(x, a))
    >>> graph.forward(x=[1.0, 1.0], a=[0.0, 1.0])  # x itself, selu(x)
    array([1.        , 1.05070099])
    >>> graph.backward([1.0, 1.0])["a"]  # f(x) - x
    array([0.05070099, 0.05070099])
    """
    return ParametricActivation((as_node(x), as_node(a)), name=name, function=function)
