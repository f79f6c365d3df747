"""Adagrad: steps divided by the root of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cnn_core import options
from cnn_core.optim.base import Optimizer
from cnn_core.optim.schedules import Rate


class Adagrad(Optimizer):
    """p = p - lr / (1 + step lr_decay) g / (sqrt(sum of g^2) + eps) (torch.optim.Adagrad).

    g = gradient + weight_decay p, an L2 penalty; ``step`` counts from 0; the sum starts from
    ``initial_accumulator_value``.  State: one number per parameter.
    Source: Duchi, Hazan, Singer 2011.

    All other options, and errors: see `Optimizer`.

    >>> w = cnn.Parameter("w", 0.0)
    >>> graph = cnn.Graph(cnn.ops.square(w - 3.0))               # the gradient at 0 is -6
    >>> optimizer = cnn.Adagrad(lr=1.0)
    >>> for _ in range(3):
    ...     loss = graph.step(optimizer)
    ...     print(round(float(w.value), 4))
    1.0
    1.5547
    1.9268
    """

    kernel = "adagrad"
    lr_decay: float
    initial_accumulator_value: float
    eps: float

    def __init__(
        self,
        lr: Rate = 1e-2,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        weight_decay: float = 0.0,
        no_decay: Iterable[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        own = {
            "lr_decay": options.amount("Adagrad: lr_decay", lr_decay),
            "initial_accumulator_value": options.amount(
                "Adagrad: initial_accumulator_value", initial_accumulator_value
            ),
            "eps": options.epsilon("Adagrad: eps", eps),
        }
        super().__init__(lr, own, weight_decay, no_decay, clip_norm, clip_value, groups)

    def hyper(self) -> tuple[float, ...]:
        return (self.lr_decay, self.eps)

    def named_slots(self) -> dict[str, float]:
        return {"square_sum": self.initial_accumulator_value}
