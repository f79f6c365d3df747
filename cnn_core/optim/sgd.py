"""SGD: gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.optim.base import Optimizer
from cnn_core.optim.schedules import Rate


class SGD(Optimizer):
    """p = p - lr v, v = momentum v + g, g = gradient + weight_decay p (torch.optim.SGD).

    ``nesterov`` steps by g + momentum v instead of v.  ``weight_decay`` is an L2 penalty.
    ``velocity`` puts the rate inside: p = p - v, v = momentum v + lr g, or with ``nesterov``
    p = p - (lr g + momentum v), as Keras and scikit-learn have it; another training where the rate
    changes, the same without momentum.
    Of a weight that sparse rows meet, an update without momentum and weight decay touches the rows
    that have a gradient, since all others stay as they are.
    State: one number per parameter, none without momentum.

    All other options, and errors: see `Optimizer`.

    >>> w = cnn.Parameter("w", 0.0)
    >>> graph = cnn.Graph(cnn.ops.square(w - 3.0))               # the gradient at 0 is -6
    >>> optimizer = cnn.SGD(lr=0.1, momentum=0.9)
    >>> for _ in range(3):
    ...     loss = graph.step(optimizer)
    ...     print(round(float(w.value), 4))
    0.6
    1.62
    2.814
    """

    kernel = "sgd"
    momentum: float
    nesterov: bool
    velocity: bool = False

    def __init__(
        self,
        lr: Rate = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        *,
        weight_decay: float = 0.0,
        no_decay: Iterable[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        velocity: bool = False,
    ) -> None:
        own = {
            "momentum": options.number("SGD: momentum", momentum, 0, 1),
            "nesterov": options.flag("SGD: nesterov", nesterov),
            "velocity": options.flag("SGD: velocity", velocity),
        }
        if own["nesterov"] and own["momentum"] == 0:
            raise OptionError("SGD: nesterov: need momentum > 0 with nesterov=True; got momentum=0")
        super().__init__(lr, own, weight_decay, no_decay, clip_norm, clip_value, groups)

    @property
    def _by_rows(self) -> bool:
        return self.momentum == 0

    def hyper(self) -> tuple[float, ...]:
        return (self.momentum, float(self.nesterov), float(self.velocity))

    def named_slots(self) -> dict[str, float]:
        return {"velocity": 0.0} if self.momentum > 0 else {}
