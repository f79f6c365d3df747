"""Adadelta: steps in the unit of the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cnn_core import options
from cnn_core.optim.base import Optimizer
from cnn_core.optim.schedules import Rate


class Adadelta(Optimizer):
    """p = p - lr d, d = sqrt(mean of d^2 + eps) / sqrt(mean of g^2 + eps) g (torch.optim.Adadelta).

    The means forget by ``rho`` in [0, 1); g = gradient + weight_decay p, an L2 penalty.
    State: two numbers per parameter.  Source: Zeiler 2012.

    All other options, and errors: see `Optimizer`.

    >>> w = cnn.Parameter("w", 0.0)
    >>> graph = cnn.Graph(cnn.ops.square(w - 3.0))               # the gradient at 0 is -6
    >>> optimizer = cnn.Adadelta()
    >>> for _ in range(3):
    ...     loss = graph.step(optimizer)
    ...     print(round(float(w.value), 6))
    0.003162
    0.006405
    0.009702
    """

    kernel = "adadelta"
    rho: float
    eps: float

    def __init__(
        self,
        lr: Rate = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        *,
        weight_decay: float = 0.0,
        no_decay: Iterable[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        own = {
            "rho": options.fraction("Adadelta: rho", rho),
            "eps": options.epsilon("Adadelta: eps", eps),
        }
        super().__init__(lr, own, weight_decay, no_decay, clip_norm, clip_value, groups)

    def hyper(self) -> tuple[float, ...]:
        return (self.rho, self.eps)

    def named_slots(self) -> dict[str, float]:
        return {"square_mean": 0.0, "step_mean": 0.0}
