"""gaussian_noise: y = x + std z, z drawn from the normal distribution."""

from __future__ import annotations

from cnn_core import options
from cnn_core.ir.node import Node, as_node
from cnn_core.ir.sampling import Noise


class GaussianNoise(Noise):
    """y = x + std z, any shape.  Kernel: src_c/ops/gaussian_noise.c."""

    op = "gaussian_noise"
    std: float = 1.0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.std = options.number(self.label, self.std, 0, option="std")

    def attrs(self) -> tuple[float | int, ...]:
        return (self.std, self.stream())


def gaussian_noise(x: Node, std: float, *, key: int | None = None, name: str = "") -> Node:
    """Return x with independent numbers from N(0, std^2) added to each element.

    Same shape and dtype as ``x``.  The gradient is dy.  The numbers follow from the seed and the
    step of the run, from ``key`` (default: from the name) and from the element's place in the
    batch: same seed and step, same noise, however the batch is split.  Two nodes of one key and
    step draw the same numbers, those of `random_normal`.  Programs for inference leave the node
    out.  NaN propagates.

    Raises `OptionError` unless std >= 0 is finite, `DtypeError` for integer nodes.

    Source: Bishop 1995; random bits: Philox4x32-7 (Salmon et al. 2011).

    >>> x = cnn.Input("x", (1000,))
    >>> graph = cnn.Graph(cnn.ops.gaussian_noise(x, 0.1), training=True, seed=0)
    >>> bool(0.09 < graph.forward(x=np.zeros(1000)).std() < 0.11)
    True
    >>> graph.backward(np.ones(1000))["x"][:3]
    array([1., 1., 1.])
    """
    return GaussianNoise((as_node(x),), name=name, std=std, key=key)
