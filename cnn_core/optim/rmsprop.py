"""RMSProp: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cnn_core import options
from cnn_core.optim.base import Optimizer
from cnn_core.optim.schedules import Rate


class RMSProp(Optimizer):
    """p = p - lr g / (sqrt(mean of g^2) + eps) (torch.optim.RMSprop).

    The mean forgets by ``alpha`` in [0, 1); g = gradient + weight_decay p, an L2 penalty.
    ``centered`` takes the variance in place of the mean square; where rounding makes it
    negative it counts as 0.  ``momentum`` sums the quotients and steps by lr times the sum.
    State: one number per parameter, one more each for ``centered`` and for ``momentum``.
    Source: Hinton 2012, lecture 6e; centered: Graves 2013.

    All other options, and errors: see `Optimizer`.

    >>> w = cnn.Parameter("w", 0.0)
    >>> graph = cnn.Graph(cnn.ops.square(w - 3.0))               # the gradient at 0 is -6
    >>> optimizer = cnn.RMSProp(lr=0.1)
    >>> for _ in range(3):
    ...     loss = graph.step(optimizer)
    ...     print(round(float(w.value), 4))
    1.0
    1.5566
    1.931
    """

    kernel = "rmsprop"
    alpha: float
    eps: float
    momentum: float
    centered: bool

    def __init__(
        self,
        lr: Rate = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        weight_decay: float = 0.0,
        no_decay: Iterable[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        own = {
            "alpha": options.fraction("RMSProp: alpha", alpha),
            "eps": options.epsilon("RMSProp: eps", eps),
            "momentum": options.number("RMSProp: momentum", momentum, 0, 1),
            "centered": options.flag("RMSProp: centered", centered),
        }
        super().__init__(lr, own, weight_decay, no_decay, clip_norm, clip_value, groups)

    def hyper(self) -> tuple[float, ...]:
        return (self.alpha, self.eps, self.momentum, float(self.centered))

    def named_slots(self) -> dict[str, float]:
        used = {"square_mean": True, "mean": self.centered, "velocity": self.momentum > 0}
        return {name: 0.0 for name, is_used in used.items() if is_used}
