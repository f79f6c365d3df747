"""Adam and AdamW: a running mean of the gradient over its running root mean square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.optim.base import Optimizer
from cnn_core.optim.schedules import Rate


class Adam(Optimizer):
    """p = p - lr m^ / (sqrt(v^) + eps) (torch.optim.Adam).

    m^ and v^ are the running means of g and g^2, forgetting by ``beta1`` and ``beta2`` in
    [0, 1), divided by 1 - beta^t; g = gradient + weight_decay p.  ``weight_decay`` is an L2
    penalty, which m^ / sqrt(v^) rescales like any gradient; `AdamW` has the decoupled form.
    ``amsgrad`` takes the largest mean of g^2 so far.  ``eps_hat`` adds eps before v is corrected:
    p = p - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps), the form before section 2.1
    of the paper, which Keras and scikit-learn have (with ``amsgrad`` the largest v).
    With ``lazy``, of a weight that sparse rows meet only the rows that a batch has an entry for are
    updated, with their part of m and v: much faster where there are many columns, and another
    algorithm, since without it m moves all rows at every step (torch.optim.SparseAdam, which adds
    eps before it corrects v).  All other parameters are updated as ever.
    State: two numbers per parameter, three with ``amsgrad``.
    Source: Kingma, Ba 2015; amsgrad: Reddi, Kale, Kumar 2018.

    All other options, and errors: see `Optimizer`.

    >>> w = cnn.Parameter("w", 0.0)
    >>> graph = cnn.Graph(cnn.ops.square(w - 3.0))               # the gradient at 0 is -6
    >>> optimizer = cnn.Adam(lr=0.5)
    >>> for _ in range(3):
    ...     loss = graph.step(optimizer)
    ...     print(round(float(w.value), 4))
    0.5
    0.9956
    1.4823
    """

    kernel = "adam"
    beta1: float
    beta2: float
    eps: float
    amsgrad: bool
    lazy: bool = False
    eps_hat: bool = False

    def __init__(
        self,
        lr: Rate = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        *,
        weight_decay: float = 0.0,
        no_decay: Iterable[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        lazy: bool = False,
        eps_hat: bool = False,
    ) -> None:
        name = type(self).__name__
        own = {
            "beta1": options.fraction(f"{name}: beta1", beta1),
            "beta2": options.fraction(f"{name}: beta2", beta2),
            "eps": options.epsilon(f"{name}: eps", eps),
            "amsgrad": options.flag(f"{name}: amsgrad", amsgrad),
            "lazy": options.flag(f"{name}: lazy", lazy),
            "eps_hat": options.flag(f"{name}: eps_hat", eps_hat),
        }
        if own["lazy"] and weight_decay != 0:
            raise OptionError(
                f"{name}: lazy: need weight_decay=0 with lazy=True, since decay moves all rows; "
                f"got {options.shown(weight_decay)}"
            )
        super().__init__(lr, own, weight_decay, no_decay, clip_norm, clip_value, groups)

    @property
    def _by_rows(self) -> bool:
        return self.lazy

    def hyper(self) -> tuple[float, ...]:
        return (self.beta1, self.beta2, self.eps, float(self.amsgrad), float(self.eps_hat))

    def named_slots(self) -> dict[str, float]:
        slots = {"mean": 0.0, "square_mean": 0.0}
        return slots | {"largest_square_mean": 0.0} if self.amsgrad else slots


class AdamW(Adam):
    """p = (1 - lr weight_decay) p - lr m^ / (sqrt(v^) + eps) (torch.optim.AdamW).

    `Adam` with decoupled weight decay: it shrinks p apart from the gradient and reaches
    neither m^ nor v^.  Source: Loshchilov, Hutter 2019.

    All other options, and errors: see `Optimizer`.

    >>> net = cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dense(1)], inputs=2, seed=0)
    >>> optimizer = cnn.AdamW(lr=0.01, weight_decay=0.1, no_decay=["*.b"])    # biases do not shrink
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=optimizer)
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> history = trainer.fit(x, x.sum(axis=1, keepdims=True), epochs=20, progress=False)
    >>> history["loss"][-1] < 0.2 * history["loss"][0]
    True
    """

    kernel = "adamw"

    def __init__(
        self,
        lr: Rate = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        *,
        weight_decay: float = 1e-2,
        no_decay: Iterable[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        lazy: bool = False,
        eps_hat: bool = False,
    ) -> None:
        super().__init__(
            lr, beta1, beta2, eps, amsgrad, weight_decay=weight_decay, no_decay=no_decay,
            clip_norm=clip_norm, clip_value=clip_value, groups=groups, lazy=lazy, eps_hat=eps_hat,
        )  # fmt: skip
