"""Callbacks: what may happen between epochs and chunks of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import Described, hint
from cnn_core.train.monitor import Monitor

if TYPE_CHECKING:
    from cnn_core.train.loop import Loop
    from cnn_core.train.trainer import Trainer


def _read(name: str, doc: str) -> Any:
    """Return a property that only reads an attribute."""
    return property(attrgetter(name), doc=doc)


class Chunk:
    """Where a training is after some steps, for callbacks to read."""

    __slots__ = ("_epoch", "_loop", "_lr", "_n_rows", "_rows", "_step")

    def __init__(self, loop: Loop, epoch: int, step: int, rows: int, lr: float) -> None:
        self._loop, self._epoch, self._step, self._rows, self._lr = loop, epoch, step, rows, lr
        self._n_rows = loop.data.n_rows

    epoch = _read("_epoch", "The number of the epoch under way, from 1.")
    step = _read("_step", "How many steps there were, of all fits.")
    rows = _read("_rows", "How many rows of this epoch are done, ...")
    n_rows = _read("_n_rows", "... and how many it has.")
    lr = _read("_lr", "The rate of the last step, of parameters in no group.")

    @property
    def values(self) -> dict[str, float]:
        """The mean loss and the metrics of the rows of this epoch that are done."""
        return self._loop.program.results()

    @property
    def grad_norm(self) -> float:
        """The norm of the last step's gradients, over all that learns, before it is clipped.

        Without weight decay, nor the penalty of ``l2_per_row`` where it is made in its place: where
        there is no other penalty, nothing is clipped and the optimizer's decay is an L2 penalty.
        NaN where the gradient of a layer is made row by row, of sparse rows, as it is used.
        """
        learner = self._loop._learner
        assert learner is not None  # a step has been made
        return learner.grad_norm()


class Callback:
    """The base of callbacks; each method may be left as it is.

    Set ``trainer.stop = True`` to end the training: before the first epoch, after the current
    chunk of steps, or after the epoch.  An epoch that is broken off so is not in the history, and
    has no `on_epoch_end`; the next `fit` finishes it first, to the bits that it would have had.
    What one raises ends the training: parameters and history are whole, and the ends of all
    callbacks are called.

    >>> class StopBelow(cnn.Callback):
    ...     def on_epoch_end(self, trainer, epoch, values):
    ...         values["rmse"] = values["loss"] ** 0.5       # one more figure of the history
    ...         trainer.stop = trainer.stop or values["rmse"] < 0.1
    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> history = trainer.fit(x, y, epochs=200, callbacks=[StopBelow()], progress=False)
    >>> history.epochs < 200, history["rmse"][-1] < 0.1 <= history["rmse"][-2]
    (True, True)
    """

    every_steps: int | None = None
    """So many steps after the first a chunk ends, and again after as many; None: whenever."""

    def on_train_begin(self, trainer: Trainer) -> None:
        """Called once, before the first epoch.  Who raises here refuses: nothing changes."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        """Called before the first step of each epoch; their numbers, from 1, go on from fit to fit.
        """

    def on_chunk_end(self, trainer: Trainer, chunk: Chunk) -> None:
        """Called after each call into C, of about 50 ms, or as `every_steps` asks."""

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        """Called after each epoch with that epoch's entries of the history.

        Numbers put into ``values`` are seen by the callbacks after this one and go into the
        history.
        """

    def on_epoch_kept(self, trainer: Trainer, epoch: int) -> None:
        """Called when all callbacks have ended an epoch and its figures are in the history."""

    ends_first = False
    """It keeps what others remember: it is called after them when a chunk has ended and an epoch
    is kept, and its end comes before theirs, who may put other parameters back."""

    shows_progress = False
    """It is there in place of the bar of `fit`."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Called once if `on_train_begin` has returned, whatever ended the training.

        Ctrl-C or an exception, of another callback too, goes on to the caller afterwards.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what a training that is resumed needs: names with numbers, texts, arrays, lists.

        By default nothing.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; called after `on_train_begin`."""


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

    Raises `OptionError`, before the first step, for a ``monitor`` that will not be reported.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> stopping = cnn.EarlyStopping(patience=3, min_delta=1e-3)
    >>> history = trainer.fit(x, y, epochs=500, validation_split=0.2, callbacks=[stopping],
    ...                       progress=False)
    >>> history.epochs == stopping.best_epoch + 3 < 500
    True
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, *, min_delta: float = 0.0,
        mode: str | None = None, restore_best: bool = True,
    ) -> None:  # fmt: skip
        who = "EarlyStopping"
        self._monitor = Monitor(who, monitor, mode, min_delta)
        self.patience = options.whole(who, patience, 0, option="patience")
        self.restore_best = options.flag(who, restore_best, option="restore_best")
        self.monitor, self.mode, self.min_delta = monitor, mode, self._monitor.min_delta

    def on_train_begin(self, trainer: Trainer) -> None:
        self.best, self.best_epoch, self._waited = self._monitor.begin(trainer), 0, 0
        self._params: dict[str, np.ndarray] | None = None

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        value = self._monitor.value(trainer, values)
        if self._monitor.is_better(value, self.best):
            self.best, self.best_epoch, self._waited = value, epoch, 0
            if self.restore_best:
                self._params = {k: v.copy() for k, v in trainer.net.params.items()}
        else:
            self._waited += 1
            trainer.stop = trainer.stop or self._waited >= self.patience

    def on_train_end(self, trainer: Trainer) -> None:
        if self._params is not None:
            trainer.net.set_params(self._params)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self._waited,
                "params": self._params}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_epoch = float(state["best"]), int(state["best_epoch"])
        self._waited, self._params = int(state["waited"]), state["params"]


def get(callbacks: Iterable[Any]) -> list[Callback]:
    """Return callbacks as they are, and functions ``f(epoch, values)`` as callbacks.

    Each is checked to take what it will be called with.
    """
    if isinstance(callbacks, (str, bytes)):
        raise options.refuse("callbacks", "a list of callbacks", callbacks)
    return [_get(c) for c in options.items("callbacks", callbacks, "callbacks", "list")]


ARGUMENTS = {
    "on_train_begin": ("trainer",),
    "on_epoch_begin": ("trainer", "epoch"),
    "on_chunk_end": ("trainer", "chunk"),
    "on_epoch_end": ("trainer", "epoch", "values"),
    "on_epoch_kept": ("trainer", "epoch"),
    "on_train_end": ("trainer",),
    "state_dict": (),
    "load_state_dict": ("state",),
}

HOOKS = tuple([name for name in ARGUMENTS if name.startswith("on_")])


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
    """Raise `OptionError` where a method takes other arguments, or has a name that nobody calls."""
    for name in vars(type(callback)):
        meant = hint(name, HOOKS) if name.startswith("on_") and name not in HOOKS else ""
        if meant:
            own = type(callback).__name__
            raise OptionError(
                f"callbacks: need methods among {', '.join(HOOKS)}; got {own}.{name}{meant}"
            )
    for method, arguments in ARGUMENTS.items():
        if getattr(type(callback), method) is getattr(Callback, method):
            continue
        takes = options.other_arguments(getattr(callback, method), arguments)
        if takes is not None:
            need = f"a method that takes ({', '.join(arguments)})"
            raise OptionError(
                f"{type(callback).__name__}.{method}: need {need}; got one that takes ({takes})"
            )
