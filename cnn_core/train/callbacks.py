"""Callbacks: what may happen between epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class Callback:
    """The base of callbacks; each method may be left as it is.

    Set ``trainer.stop = True`` to end the training after the current epoch.
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Called once, before the first epoch."""

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        """Called after each epoch, counted from 1, with that epoch's entries of the history."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Called once, after the last epoch, also when the training was interrupted."""


class _Function(Callback):
    def __init__(self, function: Callable[[int, dict[str, float]], Any]) -> None:
        self._function = function

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        self._function(epoch, values)


class EarlyStopping(Callback):
    """End the training when ``monitor`` has not improved for ``patience`` epochs.

    ``monitor`` is a key of the history.  A loss or error gets better by falling, ``accuracy``,
    ``top_<k>`` and ``r2`` by rising.  ``restore_best`` puts back the best epoch's parameters,
    however the training ends; the optimizer's state stays that of the last step.
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, *, min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:  # fmt: skip
        who = "EarlyStopping"
        patience = options.whole(who, patience, 0, option="patience")
        min_delta = options.number(who, min_delta, 0, option="min_delta")
        if not isinstance(monitor, str):
            raise OptionError(f"EarlyStopping: need monitor, a key of the history; got {monitor!r}")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.restore_best = options.flag(who, restore_best, option="restore_best")
        stem = monitor.removeprefix("val_")
        self._sign = -1.0 if stem in ("accuracy", "r2") or stem.startswith("top_") else 1.0

    def on_train_begin(self, trainer: Trainer) -> None:
        if self.monitor not in trainer.reports:
            known = ", ".join(trainer.reports)
            raise OptionError(f"EarlyStopping: need monitor among {known}; got {self.monitor!r}")
        self.best, self.best_epoch, self._waited = inf, 0, 0
        self._params: np.ndarray | None = None

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        value = self._sign * values[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.best_epoch, self._waited = value, epoch, 0
            if self.restore_best:
                self._params = trainer.net.store.value.copy()
        else:
            self._waited += 1
            trainer.stop = trainer.stop or self._waited >= self.patience

    def on_train_end(self, trainer: Trainer) -> None:
        if self._params is not None:
            trainer.net.store.value[:] = self._params


def get(callbacks: Iterable[Any]) -> list[Callback]:
    """Return callbacks as they are, and functions ``f(epoch, values)`` as callbacks."""
    if not isinstance(callbacks, Iterable):
        raise OptionError(f"callbacks: need a list of callbacks; got {callbacks!r}")
    found = []
    for c in callbacks:
        if not isinstance(c, Callback) and not callable(c):
            raise OptionError(f"callbacks: need callbacks or functions f(epoch, values); got {c!r}")
        found.append(c if isinstance(c, Callback) else _Function(c))
    return found
