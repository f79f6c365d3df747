"""dropout: y = x / (1 - rate) where kept, else 0."""

from __future__ import annotations

from cnn_core import options
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.sampling import Noise


class Dropout(Noise):
    """y = x / (1 - rate) where kept, else 0, any shape.  Kernel: src_c/ops/dropout.c."""

    op = "dropout"
    rate: float = 0.5
    steps: int | None = None

    def infer_shape(self) -> None:
        super().infer_shape()
        self.rate = options.number(self.label, self.rate, 0, 1, open_at="high", option="rate")
        if self.steps is not None:
            self.steps = options.whole(self.label, self.steps, option="steps")

    def attrs(self) -> tuple[float | int, ...]:
        return (self.rate, self.stream(), self.steps or 0)


def dropout(
    x: Node, rate: float = 0.5, *, steps: int | None = None, key: int | None = None, name: str = ""
) -> Node:
    """Return x with each element 0 with probability ``rate``, else divided by 1 - rate.

    Same shape and dtype as ``x``.  The gradient is dy under the same mask.  The mask follows
    from the seed and the step of the run, from ``key`` (default: from the name) and from the
    element's place in the batch: same seed and step, same mask, however the batch is split.  Two
    nodes of one key and step draw the same numbers.  Programs for inference leave the node out.
    NaN propagates where kept.

    With ``steps`` the rate is that in the first half of so many steps, then falls along half a
    cosine, rate (1 + cos(pi (2 step / steps - 1))) / 2, and is 0 from ``steps`` on.

    Raises `OptionError` for a rate outside [0, 1), `DtypeError` for integer nodes.

    Source: Srivastava et al. 2014; random numbers: Philox4x32-7 (Salmon et al. 2011).

    >>> x = cnn.Input("x", (1000,))
    >>> graph = cnn.Graph(cnn.ops.dropout(x, 0.2), training=True, seed=0)
    >>> y = graph.forward(x=np.ones(1000))
    >>> sorted(set(y.tolist())), bool(150 < (y == 0).sum() < 250)  # 0, or 1 / (1 - rate)
    ([0.0, 1.25], True)
    >>> bool((graph.backward(np.ones(1000))["x"] == y).all())  # the same mask
    True
    """
    return Dropout((as_node(x),), name=name, rate=rate, steps=steps, key=key)
