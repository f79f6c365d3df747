"""random_normal: y = mean + std z, z drawn from the normal distribution."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.ir.node import Node
from cnn_core.ir.sampling import Sample


class RandomNormal(Sample):
    """y = mean + std z, any shape.  Kernel: src_c/ops/random_normal.c."""

    op = "random_normal"
    symbol = "N"
    mean: float = 0.0
    std: float = 1.0

    def infer_shape(self) -> None:
        super().infer_shape()
        self.mean = options.number(self.label, self.mean, option="mean")
        self.std = options.number(self.label, self.std, 0, option="std")

    def attrs(self) -> tuple[float | int, ...]:
        return (self.mean, self.std, self.stream())


def random_normal(
    shape: Any, mean: float = 0.0, std: float = 1.0, *, key: int | None = None, name: str = ""
) -> Node:
    """Return independent numbers drawn from the normal distribution N(mean, std^2).

    ``shape`` is a shape, which may start with `BATCH`, or a node to take it from.  The result has
    the dtype of the graph and no gradient: y = mu + sigma * random_normal(mu) gives mu and sigma
    theirs (Kingma and Welling 2014).

    The numbers follow from the seed and the step of the run, from ``key`` (default: from the
    name) and from the element's place in the batch: same seed and step, same numbers, however
    the batch is split.  Two nodes of one key and step draw the same.  They are drawn anew at
    every `Graph.forward`, `Graph.step` and step of training, not within them: `backward`,
    `forward_node` and `check_gradients` meet those of the last `forward`.  Unlike dropout they
    are at work outside training too; there `evaluate` and `predict` draw the same at every call,
    and `predict` also for every block of rows that it computes at once.

    Raises `ShapeError` for a bad shape, `OptionError` where mean is not finite or std < 0.

    Source: Wichura 1988 (AS 241); random bits: Philox4x32-7 (Salmon et al. 2011).

    >>> mu = cnn.Input("mu", (1000,))
    >>> graph = cnn.Graph(mu + 2.0 * cnn.ops.random_normal(mu), seed=1)
    >>> bool(1.9 < graph.forward(mu=np.zeros(1000)).std() < 2.1)
    True
    >>> graph.backward(np.ones(1000))["mu"][:3]
    array([1., 1., 1.])
    """
    return RandomNormal((), name=name, size=shape, mean=mean, std=std, key=key)
