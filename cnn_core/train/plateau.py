"""Plateau: a rate that falls where the figures no longer get better."""

from __future__ import annotations

from collections.abc import Mapping
from math import isinf
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.naming import Described
from cnn_core.train.callbacks import Callback
from cnn_core.train.monitor import Monitor

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class ReduceLROnPlateau(Described, Callback):
    """Multiply the rate by ``factor`` when ``monitor`` has not improved for ``patience`` epochs.

    At the end of the epoch after them, ``patience`` + 1 without improvement, the optimizer's ``lr``
    becomes max(factor lr, min_lr), unless that is less than ``eps`` lower; then ``cooldown`` epochs
    are not counted.  Better is what beats the best value by more than ``threshold`` times its
    magnitude, or with ``threshold_mode="abs"`` by more than ``threshold``; ``mode`` says which way,
    see `EarlyStopping`.  (torch.optim.lr_scheduler.ReduceLROnPlateau; that takes values below
    zero that are slightly worse for better ones.)

    Each fit begins to count anew; the rate stays.  The optimizer's ``lr`` must be a number; groups
    with an ``lr`` of their own keep it, those with a ``lr_factor`` follow.

    Raises `OptionError` for bad options, and before the first step for a schedule as ``lr``.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> plateau = cnn.ReduceLROnPlateau("loss", factor=0.5, patience=2)
    >>> history = trainer.fit(x, y, epochs=100, callbacks=[plateau], progress=False)
    >>> trainer.optimizer.lr < 0.05
    True
    """

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, *,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float = 0.0, eps: float = 1e-8, mode: str | None = None,
    ) -> None:  # fmt: skip
        who = type(self).__name__
        self._monitor = Monitor(who, monitor, mode)
        self.monitor, self.mode = monitor, mode
        self.factor = options.number(who, factor, 0, 1, open_at="low high", option="factor")
        self.patience = options.whole(who, patience, 0, option="patience")
        self.threshold = options.amount(who, threshold, option="threshold")
        known = ("rel", "abs")
        self.threshold_mode = options.choice(who, threshold_mode, known, option="threshold_mode")
        self.cooldown = options.whole(who, cooldown, 0, option="cooldown")
        self.min_lr = options.amount(who, min_lr, option="min_lr")
        self.eps = options.amount(who, eps, option="eps")

    def on_train_begin(self, trainer: Trainer) -> None:
        lr = trainer.optimizer.lr
        if callable(lr):
            need = "an optimizer whose lr is a number, not a schedule, which sets it itself"
            raise options.refuse(type(self).__name__, need, lr)
        self._best, self._waited, self._cooling = self._monitor.begin(trainer), 0, 0

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        value = self._monitor.value(trainer, values)
        if self._monitor.is_better(value, self._best, self._least_gain()):
            self._best, self._waited = value, 0
        else:
            self._waited += 1
        if self._cooling:
            self._cooling, self._waited = self._cooling - 1, 0
        if self._waited > self.patience:
            self._reduce(trainer)
            self._cooling, self._waited = self.cooldown, 0

    def _least_gain(self) -> float:
        relative = self.threshold_mode == "rel" and not isinf(self._best)
        return self.threshold * abs(self._best) if relative else self.threshold

    def _reduce(self, trainer: Trainer) -> None:
        old: Any = trainer.optimizer.lr
        new = max(old * self.factor, self.min_lr)
        if old - new > self.eps and new > 0:
            trainer.optimizer.lr = new

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited, "cooling": self._cooling}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best, self._waited = float(state["best"]), int(state["waited"])
        self._cooling = int(state["cooling"])
