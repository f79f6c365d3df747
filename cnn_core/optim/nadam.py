"""NAdam: Adam with Nesterov's look-ahead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cnn_core import options
from cnn_core.optim.base import Optimizer
from cnn_core.optim.schedules import Rate


class NAdam(Optimizer):
    """Adam whose step blends the coming mean of g with g itself (torch.optim.NAdam).

    p = p - lr ((1 - mu_t) g / (1 - M_t) + mu_(t+1) m / (1 - M_(t+1))) / (sqrt(v^) + eps) with
    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2) and M_t = mu_1 ... mu_t; m, v^ as in `Adam`.
    g = gradient + weight_decay p, an L2 penalty.  State: two numbers per parameter.
    Source: Dozat 2016.

    All other options, and errors: see `Optimizer`.

    >>> w = cnn.Parameter("w", 0.0)
    >>> graph = cnn.Graph(cnn.ops.square(w - 3.0))               # the gradient at 0 is -6
    >>> optimizer = cnn.NAdam(lr=0.5)
    >>> for _ in range(3):
    ...     loss = graph.step(optimizer)
    ...     print(round(float(w.value), 4))
    0.5282
    0.8849
    1.1976
    """

    kernel = "nadam"
    beta1: float
    beta2: float
    eps: float
    momentum_decay: float

    def __init__(
        self,
        lr: Rate = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        *,
        weight_decay: float = 0.0,
        no_decay: Iterable[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        own = {
            "beta1": options.fraction("NAdam: beta1", beta1),
            "beta2": options.fraction("NAdam: beta2", beta2),
            "eps": options.epsilon("NAdam: eps", eps),
            "momentum_decay": options.amount("NAdam: momentum_decay", momentum_decay),
        }
        super().__init__(lr, own, weight_decay, no_decay, clip_norm, clip_value, groups)

    def hyper(self) -> tuple[float, ...]:
        return (self.beta1, self.beta2, self.eps, self.momentum_decay)

    def named_slots(self) -> dict[str, float]:
        return {"mean": 0.0, "square_mean": 0.0}
