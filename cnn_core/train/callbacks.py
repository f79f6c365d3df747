"""Callbacks: what may happen between epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import Described, hint

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class Callback:
    """The base of callbacks; each method may be left as it is.

    Set ``trainer.stop = True`` to end the training after the current epoch, or before the first.
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Called once, before the first epoch.  Who raises here refuses: nothing changes."""

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        """Called after each epoch, counted from 1, with that epoch's entries of the history.

        Numbers put into ``values`` are seen by the callbacks after this one and go into the
        history.
        """

    def on_train_end(self, trainer: Trainer) -> None:
        """Called once if `on_train_begin` has returned, whatever ended the training.

        Ctrl-C or an exception, of another callback too, goes on to the caller afterwards.
        """


class _Function(Callback):
    def __init__(self, function: Callable[[int, dict[str, float]], Any]) -> None:
        self._function = function

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        self._function(epoch, values)


class EarlyStopping(Described, Callback):
    """End the training when ``monitor`` has not improved for ``patience`` epochs.

    ``monitor`` is a key of the history.  ``mode`` says which way is better, "min" or "max"; by
    default the loss gets better by falling and a metric as its ``higher_is_better`` says.  A
    value that another callback adds needs ``mode``, and that callback must come first.
    ``restore_best`` puts back the best epoch's parameters, however the training ends; the
    optimizer's state stays that of the last step.

    After a fit, ``best`` is the best value, as it was reported (infinite if none was better),
    and ``best_epoch`` its epoch, counted from 1; 0 if there was none.
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, *, min_delta: float = 0.0,
        mode: str | None = None, restore_best: bool = True,
    ) -> None:  # fmt: skip
        who = "EarlyStopping"
        patience = options.whole(who, patience, 0, option="patience")
        min_delta = options.number(who, min_delta, 0, option="min_delta")
        if not isinstance(monitor, str):
            raise options.refuse(who, "monitor, a key of the history", monitor)
        if mode is not None:
            mode = options.choice(who, mode, ("min", "max"), option="mode None or")
        self.monitor, self.patience, self.min_delta, self.mode = monitor, patience, min_delta, mode
        self.restore_best = options.flag(who, restore_best, option="restore_best")

    def on_train_begin(self, trainer: Trainer) -> None:
        self._rising = self._direction(trainer)
        self.best, self.best_epoch, self._waited = -inf if self._rising else inf, 0, 0
        self._params: np.ndarray | None = None

    def _direction(self, trainer: Trainer) -> bool:
        """Tell whether more is better; raise where nobody says so."""
        if self.mode is not None:
            return self.mode == "max"
        if self.monitor not in trainer.reports:
            meant = self._meant(trainer, trainer.reports)
            for_callbacks = "; pass mode='min' or 'max' for a value that a callback adds"
            raise self._unknown(trainer.reports, meant + for_callbacks)
        name = self.monitor.removeprefix("val_")
        found = trainer._objective.directions().get(name, False)
        if found is None:
            raise OptionError(
                f"EarlyStopping: need mode='min' or mode='max' for {self.monitor!r}, a metric that "
                f"sets no higher_is_better; got mode=None"
            )
        return found

    def _meant(self, trainer: Trainer, known: Iterable[str]) -> str:
        if self.monitor in trainer._objective.names(rows=True):
            return f": give fit validation_data and monitor 'val_{self.monitor}'"
        if self.monitor.startswith("val_") and "val_loss" not in trainer.reports:
            return ": give fit validation_data to have it"
        return hint(self.monitor, known)

    def _unknown(self, known: Iterable[str], remedy: str) -> OptionError:
        return OptionError(
            f"EarlyStopping: need monitor among {', '.join(known)}; got {self.monitor!r}{remedy}"
        )

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        if self.monitor not in values:
            late = ": a callback that adds it must come before this one"
            raise self._unknown(values, self._meant(trainer, values) or late)
        value = values[self.monitor]
        if not options.is_number(value):
            raise options.refuse("EarlyStopping", f"a number as values[{self.monitor!r}]", value)
        gain = value - self.best if self._rising else self.best - value
        if gain > self.min_delta:
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
    """Return callbacks as they are, and functions ``f(epoch, values)`` as callbacks.

    Each is checked to take what it will be called with.
    """
    if isinstance(callbacks, (str, bytes)):
        raise options.refuse("callbacks", "a list of callbacks", callbacks)
    return [_get(c) for c in options.items("callbacks", callbacks, "callbacks", "list")]


ARGUMENTS = {
    "on_train_begin": ("trainer",),
    "on_epoch_end": ("trainer", "epoch", "values"),
    "on_train_end": ("trainer",),
}


def _get(c: Any) -> Callback:
    need = "callbacks or functions f(epoch, values)"
    if isinstance(c, Callback):
        _check_methods(c)
        return c
    if isinstance(c, type) and issubclass(c, Callback):
        name = c.__name__
        raise OptionError(f"callbacks: need {need}; got the class {name}: write {name}()")
    if not callable(c):
        raise options.refuse("callbacks", need, c)
    takes = options.other_arguments(c, ("epoch", "values"))
    if takes is not None:
        got = f"{options.shown(c)}, which takes ({takes})"
        raise OptionError(f"callbacks: need {need}; got {got}")
    return _Function(c)


def _check_methods(callback: Callback) -> None:
    for method, arguments in ARGUMENTS.items():
        if getattr(type(callback), method) is getattr(Callback, method):
            continue
        takes = options.other_arguments(getattr(callback, method), arguments)
        if takes is not None:
            need = f"a method that takes ({', '.join(arguments)})"
            raise OptionError(
                f"{type(callback).__name__}.{method}: need {need}; got one that takes ({takes})"
            )
